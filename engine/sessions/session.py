"""A session of ONNX Runtime for a whole step, which is where it was asked to be.

The graph of a step is the gradient file's with fragments of engine/graphs appended
(engine/shaping.py).
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state

from ort_deepdream.engine.backends import FATAL_ONLY, Backend, open_session
from ort_deepdream.engine.machine.cores import default_threads
from ort_deepdream.engine.sessions import optimised
from ort_deepdream.engine.sessions.checking import checked
from ort_deepdream.engine.sessions.gradient_file import GradientFile
from ort_deepdream.engine.shaping import step_fragments
from ort_deepdream.errors import DreamError
from ort_deepdream.step import (
    ADDED_INPUTS,
    ADDED_OUTPUTS,
    GRADIENT_INPUTS,
    GRADIENT_OUTPUTS,
    PACKED_INPUTS,
    PACKED_OUTPUTS,
    SHAPING_INPUTS,
    is_own,
)
from ort_deepdream.text import clean

Size = tuple[int, int]  # (height, width)
MakeOptions = Callable[[Path], onnxruntime.SessionOptions]  # from the folder of the weights

OPTIMISED, WEIGHTS = "graph.onnx", "weights.bin"
# A file of its source, and the function there: a bare name, or a whole signature of C++.
PLACE = re.compile(
    r"\S+\.(?:cc|h|cuh?):\d+ "
    r"(?:[\w:<>,&*~ ]*?::[\w~]+\([^()]*\)(?:::\S+)?(?: const)?(?: \[with [^]]*\])? |\w+ )"
)
BEGINNING = re.compile(
    r"^\[ONNXRuntimeError\] : \d+ : \w+ : (?:Exception during initialization: )?"
)
MOST_FOLDED = 2**22  # bytes; the largest weights have 2.5 MiB
MOST_WORDS = 200  # characters of ONNX Runtime's own message


@dataclass(frozen=True, eq=False)  # each is itself
class Session:
    """A session, and how many nodes of its graph each execution provider was given."""

    run: onnxruntime.InferenceSession
    placement: Mapping[str, int]


def make_session(
    file: GradientFile,
    backend: Backend,
    threads: int | None = None,
    size: Size | None = None,
    allow_cpu_nodes: bool = False,
    profile: Path | None = None,
    graph_cache: Path | None = None,
    stages: tuple[str, ...] = (),
    own_units: bool = False,
) -> Session:
    """Make a session for pictures of `size`, or of any size; `stages` shape the gradient.

    With `own_units` it is for tiles: the gradient of those units alone that its inputs `own` count,
    and no step.

    With `profile`, the beginning of a file name, `run.end_profiling()` writes the time of each
    kernel there. On the CPU the graph is kept in `graph_cache` as ONNX Runtime has optimised it, or
    taken from there; TensorRT keeps its engines beside it.

    Raise DreamError when ONNX Runtime cannot make it, or puts a node where it was not asked for
    (on the CPU: unless `allow_cpu_nodes`).
    """

    def options(weights: Path) -> onnxruntime.SessionOptions:
        return _options(backend, weights, threads, size, profile)

    if own_units:
        from ort_deepdream.engine.sessions.owned_units import counting_own_units  # few need it

        content = counting_own_units(file)
    else:
        content = file.content + step_fragments(backend.target, stages)
    if graph_cache is not None and backend.provider == "CPUExecutionProvider":
        folder = optimised.folder_for(content, size, graph_cache)
        kept = folder and _kept(folder, content, file, backend, options)
        if kept:
            return kept
    engines = graph_cache.with_name("tensorrt") if graph_cache is not None else None
    with checked(file):
        try:
            session = _open(content, backend, options(file.weights_folder), engines)
        except Exception as error:  # ONNX Runtime's exceptions share no base but this
            # Some compile for the size, and already ask for the memory of a step.
            at = f" for {size[1]}x{size[0]} pixels" if size else ""
            smaller = "choose a smaller picture or " if size else ""
            raise DreamError(
                f"{file.path}: ONNX Runtime cannot load this file on {backend.name}{at} "
                f"({_reason(error)}); if `dream backends` calls {backend.name} usable, "
                f"{smaller}export it again"
            ) from error
    return _checked(session, file, backend, allow_cpu_nodes)


def _options(
    backend: Backend, weights: Path, threads: int | None, size: Size | None, profile: Path | None
) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    # A memory pattern keeps a block for a whole run beside the arena's own, and a buffer planned
    # for several values is kept between them: docs/performance.md has what they take.
    options.enable_mem_pattern = False
    options.enable_mem_reuse = False
    # How long a thread without work keeps its core busy. ONNX Runtime's own 50 ms begin while it
    # still makes the session, and a command has use for that core; 5 ms bridge a step's gaps.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "5000")
    threads = default_threads() if threads is None else threads
    if threads is not None:
        options.intra_op_num_threads = threads
    if backend.memory == "cuda":
        _suit_cuda(options)
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    for name, extent in zip(("height", "width"), size or (), strict=False):
        options.add_free_dimension_override_by_name(name, extent)
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    # Not only for a graph in memory: for one in a file it replaces that file's folder.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path",
        os.fsencode(weights.resolve()),  # a name may be no text
    )
    return options


def _suit_cuda(options: onnxruntime.SessionOptions) -> None:
    options.intra_op_num_threads = 1  # the host has nothing to compute
    # Else means and sums end in atomic additions, whose order differs from run to run.
    options.use_deterministic_compute = True
    # It makes a Split of slices of different lengths, for which each step copies a table to the
    # device and calls back to the host; a captured graph would copy from where that table was.
    options.add_session_config_entry(
        "optimization.disable_specified_optimizers", "GatherSliceToSplitFusion"
    )
    # Weights are turned round once. The zeros of a large picture are made in each step: else they
    # would lie in the device's memory all the time.
    options.add_session_config_entry(
        "optimization.constant_folding_max_output_size_in_bytes", str(MOST_FOLDED)
    )


def uncaptured() -> onnxruntime.RunOptions:
    """Return the options of a run that takes no part in a session's captured graphs."""
    options = onnxruntime.RunOptions()
    options.add_run_config_entry("gpu_graph_id", "-1")
    return options


def _open(
    graph: bytes | str,
    backend: Backend,
    options: onnxruntime.SessionOptions,
    engines: Path | None = None,
) -> onnxruntime.InferenceSession:
    """Make a session; TensorRT keeps what it has built for it in the folder `engines`."""
    provider_options = {**_caches(backend, engines), **backend.provider_options}
    return open_session(backend, graph, options, provider_options)


def _caches(backend: Backend, engines: Path | None) -> dict[str, str]:
    if engines is None or backend.provider != "TensorrtExecutionProvider":
        return {}
    return {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(engines),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(engines),
    }


def _checked(
    session: onnxruntime.InferenceSession,
    file: GradientFile,
    backend: Backend,
    allow_cpu_nodes: bool = False,
) -> Session:
    _check_provider(session, backend)
    _check_values(session, file)
    return Session(session, _check_placement(session, backend, allow_cpu_nodes))


def _kept(
    folder: Path,
    content: bytes,
    file: GradientFile,
    backend: Backend,
    options: MakeOptions,
) -> Session | None:
    """Return a session of the graph in `folder`, optimised first if it is not there.

    Return None when either fails: that costs time, and what is wrong with the file is said by the
    session that is then made without it.
    """
    try:
        if not folder.exists():
            with optimised.filling(folder) as growing, checked(file):
                _optimise(content, backend, options(file.weights_folder), growing)
        with optimised.intact(folder):
            session = _of_optimised(folder, backend, options(folder))
        return _checked(session, file, backend)
    except Exception as error:  # ONNX Runtime's share no base but this
        damaged = isinstance(error, (DreamError, OSError, ValueError))  # or the disk is full
        if not (damaged or _is_of_onnx_runtime(error)):
            raise
        optimised.drop(folder)
        return None


def _optimise(
    content: bytes, backend: Backend, options: onnxruntime.SessionOptions, folder: Path
) -> None:
    """Have the graph optimised into `folder`, its weights in a file that need not be copied."""
    from ort_deepdream.engine.sessions.in_place import shape_names  # here, for it is needed once

    options.optimized_model_filepath = str(folder / OPTIMISED)
    options.add_session_config_entry(
        "session.optimized_model_external_initializers_file_name", WEIGHTS
    )
    _open(content, backend, options)
    graph = folder / OPTIMISED
    names = shape_names(graph.read_bytes())
    with graph.open("ab") as file:
        file.write(names)


def _of_optimised(
    folder: Path, backend: Backend, options: onnxruntime.SessionOptions
) -> onnxruntime.InferenceSession:
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # As the nodes are in the file, which is the order that the graph was optimised for. ONNX
    # Runtime's own order of that file is another, and needs a third more memory at 1024x1024.
    options.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED
    session = _open(str(folder / OPTIMISED), backend, options)
    with suppress(OSError):  # a cache that may only be read can be used, too
        folder.touch()  # the one used longest ago is the first to go
    return session


@contextmanager
def running(backend: Backend, height: int, width: int) -> Iterator[None]:
    """Make a DreamError of what ONNX Runtime raises in the body, for a picture of this size.

    Anything else is a bug of this program, and stays what it is.
    """
    try:
        yield
    except Exception as error:
        if not _is_of_onnx_runtime(error):
            raise
        raise DreamError(
            f"backend {backend.name} failed on a picture of {width}x{height} pixels "
            f"({_reason(error)}); choose a smaller picture, fewer octaves or another backend"
        ) from error


def _is_of_onnx_runtime(error: Exception) -> bool:
    """Tell whether ONNX Runtime raises it: its own errors, or C++'s as Python gets to see them."""
    cpp = (RuntimeError, MemoryError)  # not what is derived of them, such as RecursionError
    return type(error) in cpp or type(error).__module__ == onnxruntime_pybind11_state.__name__


def _reason(error: Exception) -> str:
    """Return the end of ONNX Runtime's message; it begins with places in its own source.

    What else it has for its developers goes: places further on, and cuDNN's graph in JSON.
    """
    if isinstance(error, MemoryError) or "bad_alloc" in str(error):
        return "not enough memory"
    text = clean(str(error)).rpartition("Status Message: ")[2]  # a graph's names may be anything
    for addition in (" with the cudnn frontend json:", " ; GPU="):
        text = text.partition(addition)[0]
    text = PLACE.sub("", BEGINNING.sub("", text))
    return text if len(text) <= MOST_WORDS else f"... {text[-MOST_WORDS:]}"


def _check_provider(session: onnxruntime.InferenceSession, backend: Backend) -> None:
    found = session.get_providers()[0]
    if found != backend.provider:
        raise DreamError(
            f"backend {backend.name} was asked for, but ONNX Runtime gave {found}; "
            f"check the driver's version, or use --backend cpu"
        )


def _check_values(session: onnxruntime.InferenceSession, file: GradientFile) -> None:
    added = {
        **ADDED_INPUTS,
        **PACKED_INPUTS,
        **SHAPING_INPUTS,
        **ADDED_OUTPUTS,
        **PACKED_OUTPUTS,
    }
    inputs = {value.name for value in session.get_inputs() if not is_own(value.name)} - added.keys()
    outputs = {value.name for value in session.get_outputs()} - added.keys()
    guides = file.info.guides
    takes = [*GRADIENT_INPUTS, *(name for layer in guides for name in layer.inputs)]
    gives = [*GRADIENT_OUTPUTS, *(layer.output for layer in guides)]
    if inputs != {*takes} or outputs != {*gives}:
        raise DreamError(
            f"{file.path}: takes {clean(', '.join(sorted(inputs)))} and gives "
            f"{clean(', '.join(sorted(outputs)))}, not {', '.join(takes)} and "
            f"{', '.join(gives)}; export it again"
        )


def _check_placement(
    session: onnxruntime.InferenceSession, backend: Backend, allow_cpu_nodes: bool
) -> dict[str, int]:
    placement: Counter[str] = Counter()
    elsewhere = []
    for part in session.get_provider_graph_assignment_info():
        nodes = part.get_nodes()
        placement[part.ep_name] += len(nodes)
        if part.ep_name != backend.provider:
            elsewhere += [
                f"{node.op_type} {node.name}".strip() + f" on {part.ep_name}" for node in nodes
            ]
    if elsewhere and not allow_cpu_nodes:
        more = f" and {len(elsewhere) - 3} more" if len(elsewhere) > 3 else ""
        raise DreamError(
            f"backend {backend.name} left nodes of the step elsewhere: "
            f"{', '.join(elsewhere[:3])}{more}; --allow-cpu-nodes takes that, and slower"
        )
    return dict(placement)
