"""Where the time of one step goes, by kind of kernel, from ONNX Runtime's own profiler.

A kernel's time is its median over some steps, the first left out. Profiling itself takes time, most
of all where kernels are small: read the shares, and not the sum.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ort_deepdream.engine.backends import FATAL_ONLY, open_session
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.sessions.session import make_session
from ort_deepdream.files import scratch_folder
from ort_deepdream.measure.copies import COPIES

Array = NDArray[np.float32]
Shape = list[int]
CONVOLUTIONS = ("Conv", "FusedConv", "ConvTranspose")
Event = dict[str, Any]  # as the profiler writes it; its "dur" is in microseconds


@dataclass(frozen=True)
class Kernel:
    """One node of the optimised graph, as the profiler saw it."""

    kind: str
    seconds: float
    flop: int
    moved: int  # bytes of inputs and outputs, weights included


@dataclass(frozen=True)
class Kind:
    """All kernels of one kind, in one step."""

    name: str
    kernels: int
    seconds: float
    flop: int
    moved: int  # bytes


def profile(model: Model, image: Array, runs: int, threads: int | None) -> list[Kind]:
    """Return the kernels of a gradient on `image`, by kind, the slowest first."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    options.enable_mem_pattern = options.enable_mem_reuse = False  # as in the engine
    if threads is not None:
        options.intra_op_num_threads = threads
    options.enable_profiling = True
    backend = model.backend
    with scratch_folder() as folder:
        options.profile_file_prefix = str(folder / "profile")
        session = open_session(backend, str(model.file.path), options, backend.plain_options)
        for _ in range(1 + runs):
            session.run(["objective", "gradient"], {"image": image})
        events = end_profile(session)
    return by_kind(kernels(events))


@contextmanager
def profiled(model: Model, height: int, width: int) -> Iterator[tuple[Model, list[Event]]]:
    """Give the model with a session for that size that is profiled, and a list of its events.

    The list is filled at the end of the body.
    """
    watched = Model(model.file, model.backend, model.threads)
    watched.session(height, width)
    key = [*watched.sessions][-1]  # the last is the one used last
    with scratch_folder() as folder:
        session = make_session(
            model.file, model.backend, model.threads, key[0], profile=folder / "profile"
        )
        watched.sessions[key] = session
        events: list[Event] = []
        yield watched, events
        events += end_profile(session.run)


def end_profile(session: onnxruntime.InferenceSession) -> list[Event]:
    """End the profile of a session, and return its events."""
    events: list[Event] = json.loads(Path(session.end_profiling()).read_text())
    return events


def kernel_runs(events: Iterable[Event]) -> list[Event]:
    """Return the events that are a kernel's run."""
    return [
        event
        for event in events
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time")
    ]


def kernels(events: Iterable[Event]) -> list[Kernel]:
    """Return the kernels in the profiler's events of several runs, each node's first left out."""
    runs: dict[str, list[Event]] = defaultdict(list)
    for event in kernel_runs(events):
        runs[event["args"]["node_index"]].append(event)
    found = []
    for of_node in runs.values():
        seconds = float(np.median([event["dur"] for event in of_node[1:]])) * 1e-6
        arguments = of_node[0]["args"]
        kind, flop = classify(
            arguments["op_name"],
            shapes(arguments["input_type_shape"]),
            shapes(arguments["output_type_shape"]),
        )
        sizes = ("activation_size", "parameter_size", "output_size")
        found.append(Kernel(kind, seconds, flop, sum(int(arguments[size]) for size in sizes)))
    return found


def shapes(typed: Sequence[dict[str, Shape]]) -> list[Shape]:
    """Return the profiler's `[{"float": [1, 3, 8, 8]}, ...]` without the types."""
    return [next(iter(entry.values()), []) for entry in typed]


def classify(operator: str, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> tuple[str, int]:
    """Return a kernel's kind, and its operations where they are worth counting."""
    if operator in COPIES:
        return COPIES[operator], 0
    if operator not in CONVOLUTIONS:
        return operator, 0
    x, *others = inputs
    if not others or not others[0]:  # packed in a form of the provider's own: no shape is told
        return operator, 0
    weight = others[0]
    window = "x".join(map(str, weight[2:]))
    if operator == "ConvTranspose":
        return f"ConvTranspose {window}", 2 * math.prod(x) * math.prod(weight[1:])
    groups = x[1] // weight[1]
    name = "Conv" if groups == 1 else "depthwise" if weight[1] == 1 else "grouped"
    kind = f"{name} {window}"
    if any(len(shape) == len(x) for shape in inputs[2:]):  # of a fused Add
        kind += " + sum"
    return kind, 2 * math.prod(outputs[0]) * math.prod(weight[1:])


def uncounted(kinds: Iterable[Kind]) -> list[str]:
    """Return the names of the convolutions whose operations could not be counted."""
    return [kind.name for kind in kinds if kind.name in CONVOLUTIONS]


def by_kind(found: Iterable[Kernel]) -> list[Kind]:
    """Return the kernels' sums by kind, the slowest kind first."""
    groups: dict[str, list[Kernel]] = defaultdict(list)
    for kernel in found:
        groups[kernel.kind].append(kernel)
    kinds = [
        Kind(
            name,
            len(group),
            sum(kernel.seconds for kernel in group),
            sum(kernel.flop for kernel in group),
            sum(kernel.moved for kernel in group),
        )
        for name, group in groups.items()
    ]
    return sorted(kinds, key=lambda kind: -kind.seconds)


def all_kinds(kinds: Sequence[Kind]) -> Kind:
    """Return the sum of all kinds."""
    return Kind(
        "all",
        sum(kind.kernels for kind in kinds),
        sum(kind.seconds for kind in kinds),
        sum(kind.flop for kind in kinds),
        sum(kind.moved for kind in kinds),
    )
