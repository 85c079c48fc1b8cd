"""From names to what runs: a usable backend by its name, and a gradient file on it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import onnxruntime

from ort_deepdream.engine.backends import (
    BACKENDS,
    FATAL_ONLY,
    TF32_OVERRIDE,
    Backend,
    backend_in,
    backend_named,
)
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.probe import why_unusable
from ort_deepdream.engine.sessions.gradient_file import read_gradient_file
from ort_deepdream.engine.settings import THREADS
from ort_deepdream.errors import DreamError


def find_backend(
    name: str,
    options: Mapping[str, str] | None = None,
    library: Path | None = None,
    precision: str = "float32",
) -> Backend:
    """Return the usable backend called `name`, with `options` added to its provider options.

    `auto` is the best usable one; a name that ends in ExecutionProvider is that provider of ONNX
    Runtime's. With `library`, a plug-in's file, it is the provider in there. `precision` is what it
    computes float32 files in: that, or bfloat16 where it has it.

    Raise DreamError when there is none of that name, it cannot be used here or lacks the precision.
    """
    onnxruntime.set_default_logger_severity(FATAL_ONLY)
    if library is not None:
        backend = backend_in(library, name)
    else:
        backend = _best() if name == "auto" else backend_named(name)
    backend = backend.in_precision(precision).with_options(options or {})
    _refuse_half(backend)
    if backend.memory == "cuda" and backend.provider_options.get("use_tf32") == "0":
        os.environ[TF32_OVERRIDE] = "0"
    reason = backend.why_not()
    if reason is not None:
        raise DreamError(f"backend {backend.name} cannot be used here: {reason}")
    return backend.as_installed()


def _refuse_half(backend: Backend) -> None:
    """Raise DreamError when TensorRT was asked to round a float32 network, sums and squares too."""
    option = "trt_fp16_enable"
    if backend.provider_options.get(option, "0").lower() in ("1", "true"):
        raise DreamError(
            f"{option} would round what float16 cannot hold, such as squares in LRN; leave it out, "
            f"and take a file that was exported with --precision float16"
        )


def _best() -> Backend:
    """Return the first that takes a step: libraries may load and find the driver too old."""
    candidates = [backend for backend in BACKENDS.values() if backend.in_auto]
    return next((b for b in candidates[:-1] if why_unusable(b) is None), candidates[-1])


def load_model(
    path: str | Path,
    backend: str | Backend = "auto",
    threads: int | None = None,
    allow_cpu_nodes: bool = False,
    graph_cache: Path | None = None,
) -> Model:
    """Load the gradient file at `path` on a backend; `threads` (CPU) defaults to every core.

    `graph_cache` is a folder for graphs as ONNX Runtime's CPU provider optimises them (four of
    them, 17 MB each for inception_4c/output): from there a session is made sooner. It is used on
    Linux alone, and a graph that cannot be kept is optimised anew.

    Raise DreamError when the file is not one, or the backend cannot be used. On a backend whose
    sessions are for one size, what is wrong with the graph shows at the first picture.
    """
    if threads is not None and threads not in THREADS:
        raise DreamError(f"threads must be {THREADS}, not {threads}")
    chosen = backend if isinstance(backend, Backend) else find_backend(backend)
    if allow_cpu_nodes and chosen.captures:  # a capture takes nothing that is not on the GPU
        chosen = chosen.with_options({"enable_cuda_graph": "0"})
    file = read_gradient_file(Path(path))
    if chosen.channels_last and file.info.target == "cuda" and not file.info.any_layout:
        raise DreamError(
            f"{path}: is written for the cuda target, whose gradients come out wrong with "
            f"prefer_nhwc; leave that out, or take a file with --target portable, or one that this "
            f"version exports with --target cuda --precision float16"
        )
    return Model(file, chosen, threads, allow_cpu_nodes, graph_cache)
