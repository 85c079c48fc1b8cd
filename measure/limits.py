"""What a device reaches at best: operations by a large matrix product, bytes by a large copy.

ONNX Runtime's are on the contender's own provider, with its options, from and to the memory of the
device. The best of several runs counts: a limit is not disturbed upwards.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime import OrtValue

from ort_deepdream.engine.backends import FATAL_ONLY, Backend, open_session
from ort_deepdream.measure.timing import timed

Array = NDArray[np.float32]
Run = Callable[[], object]

GRAPHS = Path(__file__).parent / "graphs"
RUNS = 10
ENOUGH = 0.5  # seconds for a run: longer ones are not repeated often, and smaller ones grow

SIDES = (1024, 2048, 4096, 8192)  # of the matrices: as large as can be had in ENOUGH
COPIED = 2**26  # values, 256 MiB: more than any cache holds


def limits(
    product: Callable[[Array, Array], Run], copy: Callable[[Array], Run]
) -> dict[str, float | None]:
    """Return the `flops` and `bytes_per_second` of a library's product and of its copy."""
    return {"flops": product_rate(product), "bytes_per_second": copy_rate(copy)}


def product_rate(product: Callable[[Array, Array], Run]) -> float:
    """Return the operations a second of `product(a, b)()`; a multiply-add is two."""
    best = 0.0
    for side in SIDES:
        a, b = np.random.default_rng(0).random((2, side, side), np.float32)
        seconds = fastest(product(a, b))
        best = max(best, 2 * side**3 / seconds)
        if seconds * 8 > ENOUGH:
            break
    return best


def copy_rate(copy: Callable[[Array], Run]) -> float:
    """Return the bytes a second that `copy(values)()` reads and writes."""
    values = np.ones(COPIED, np.float32)
    return 2 * values.nbytes / fastest(copy(values))


def fastest(run: Run) -> float:
    """Return the seconds of the best of several runs."""
    first = timed(run)  # makes room
    count = RUNS if first < ENOUGH else 3
    return min(timed(run) for _ in range(count))


def onnx_product(backend: Backend, threads: int | None) -> Callable[[Array, Array], Run]:
    """Return the matrix product by ONNX Runtime on a backend."""
    return lambda a, b: _graph_run(backend, threads, "product.onnx", {"a": a, "b": b}, "c")


def onnx_copy(backend: Backend, threads: int | None) -> Callable[[Array], Run]:
    """Return the copy by ONNX Runtime on a backend."""
    return lambda values: _graph_run(backend, threads, "copy.onnx", {"a": values}, "b")


def _graph_run(
    backend: Backend, threads: int | None, graph: str, inputs: dict[str, Array], output: str
) -> Run:
    """Return a run of a graph of measure/graphs within the memory of the backend's device."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    if threads is not None:
        options.intra_op_num_threads = threads
    content = (GRAPHS / graph).read_bytes()
    session = open_session(backend, content, options, backend.plain_options)
    binding = session.io_binding()
    values = {
        name: OrtValue.ortvalue_from_numpy(value, backend.memory, 0)
        for name, value in inputs.items()
    }
    for name, value in values.items():
        binding.bind_ortvalue_input(name, value)
    room = next(iter(values.values())).shape()
    made = OrtValue.ortvalue_from_shape_and_type(room, np.float32, backend.memory, 0)
    binding.bind_ortvalue_output(output, made)

    def run() -> None:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    return run
