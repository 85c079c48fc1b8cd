"""Where the time of one gradient step goes, by kind of kernel.

    python -m scripts.profile_step 4c.onnx --size 512x512

ONNX Runtime's profiler times every kernel of some steps; a kernel's time is its median over them,
the first left out. Profiling itself takes time, most of all where kernels are small: the step's
time without it stands above the table, so read the shares, and not the sum. Also for convolutions
the operations (two for a multiply-add), and for all kinds the bytes of their inputs and outputs.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from rich.console import Console

from cli.messages import table
from engine import DreamError, Model, load_model
from scripts.measuring import Array, cores, parse_size, picture, timed

Shape = list[int]


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


def profile(path: Path, image: Array, steps: int, threads: int) -> list[Kernel]:
    """The kernels of a step on `image`, each with its median time over `steps`."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        for _ in range(1 + steps):
            session.run(["objective", "gradient"], {"image": image})
        events = json.loads(Path(session.end_profiling()).read_text())
    return kernels(events)


def kernels(events: Iterable[dict[str, Any]]) -> list[Kernel]:
    """From the profiler's events of several runs; each node's first is left out."""
    runs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
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
    """The profiler's `[{"float": [1, 3, 8, 8]}, ...]` without the types."""
    return [next(iter(entry.values()), []) for entry in typed]


def classify(operator: str, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> tuple[str, int]:
    """A kernel's kind, and its operations where they are worth counting."""
    if operator not in ("Conv", "FusedConv", "ConvTranspose"):
        return operator, 0
    x, weight = inputs[:2]
    height, width = weight[2:]
    if operator == "ConvTranspose":
        return f"ConvTranspose {height}x{width}", 2 * math.prod(x) * math.prod(weight[1:])
    groups = x[1] // weight[1]
    name = "Conv" if groups == 1 else "depthwise" if weight[1] == 1 else "grouped"
    kind = f"{name} {height}x{width}"
    if any(len(shape) == 4 for shape in inputs[2:]):  # of a fused Add
        kind += " + sum"
    return kind, 2 * math.prod(outputs[0]) * math.prod(weight[1:])


def by_kind(found: Iterable[Kernel]) -> list[Kind]:
    """The kernels' sums by kind, the slowest kind first."""
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


def show(kinds: Sequence[Kind], console: Console) -> None:
    total = sum(kind.seconds for kind in kinds)
    numbers = ("nodes", "ms", "share", "GFLOP", "GFLOP/s", "MB", "GB/s")
    made = table("kind", *numbers, numbers=numbers)
    for kind in [*kinds, all_kinds(kinds)]:
        seconds = max(kind.seconds, 1e-9)  # the profiler counts whole microseconds
        made.add_row(
            kind.name,
            str(kind.kernels),
            f"{kind.seconds * 1e3:.1f}",
            f"{kind.seconds / total:.1%}",
            f"{kind.flop / 1e9:.2f}" if kind.flop else "",
            f"{kind.flop / 1e9 / seconds:.0f}" if kind.flop else "",
            f"{kind.moved / 1e6:.1f}",
            f"{kind.moved / 1e9 / seconds:.1f}",
        )
    console.print(made)


def all_kinds(kinds: Sequence[Kind]) -> Kind:
    return Kind(
        "all",
        sum(kind.kernels for kind in kinds),
        sum(kind.seconds for kind in kinds),
        sum(kind.flop for kind in kinds),
        sum(kind.moved for kind in kinds),
    )


def median_step(model: Model, image: Array, steps: int) -> float:
    """Seconds of a step without the profiler."""
    step: Callable[[], object] = lambda: model.gradient(image)  # noqa: E731
    return float(np.median([timed(step) for _ in range(1 + steps)][1:]))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("file", type=Path, help="a gradient file for the CPU")
    made.add_argument("--size", type=parse_size, default=(512, 512), metavar="WxH")
    made.add_argument("--steps", type=int, default=10, help="default: %(default)s")
    made.add_argument("--threads", type=int, default=cores(), help="default: every core")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    o = parser().parse_args(arguments)
    try:
        model = load_model(o.file, "cpu", o.threads)
    except DreamError as error:
        raise SystemExit(f"profile_step: {error}") from error
    image = picture(model, o.size)
    seconds = median_step(model, image, o.steps)
    found = profile(o.file, image, o.steps, o.threads)
    console = Console(highlight=False)
    width, height = o.size
    console.print(
        f"{o.file}: {', '.join(model.info.layers)}, {width}x{height}, {o.threads} threads: "
        f"{seconds * 1e3:.1f} ms a step without the profiler"
    )
    show(by_kind(found), console)


if __name__ == "__main__":
    main()
