"""Backends: the execution providers that a dream can run on, and why one cannot.

ONNX Runtime falls back to the CPU without a word when a provider's libraries are missing, so a
backend is asked for one by one and never believed before a session has said where it is.
"""

from __future__ import annotations

import ctypes
import difflib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import onnxruntime

from engine.errors import DreamError

# ONNX Runtime prints its own lines when a provider fails to load; ours say what to do about it.
FATAL_ONLY = 4


@dataclass(frozen=True)
class Backend:
    """`why_not()` is None when the provider's libraries load, else the reason and the remedy."""

    name: str
    provider: str
    target: str  # the graph target that its models should be exported for
    why_not: Callable[[], str | None]
    provider_options: dict[str, str] = field(default_factory=dict)


def _cpu_is_always_there() -> str | None:
    return None


def _why_not_cuda() -> str | None:
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return (
            "this onnxruntime was built without CUDA; "
            "pip uninstall onnxruntime, then pip install 'ort-deepdream[cuda]'"
        )
    driver = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    if error := _load_error(driver):
        return f"no NVIDIA driver was found ({error}); install one, or use --backend cpu"
    # The CUDA and cuDNN wheels, where installed, are on no library path: this loads them.
    onnxruntime.preload_dlls()
    suffix = ".dll" if sys.platform == "win32" else ".so"
    prefix = "" if sys.platform == "win32" else "lib"
    folder = Path(onnxruntime.__file__).parent / "capi"
    # The provider takes its own symbols from the `shared` library, which must be global by then.
    shared = folder / f"{prefix}onnxruntime_providers_shared{suffix}"
    provider = folder / f"{prefix}onnxruntime_providers_cuda{suffix}"
    if error := _load_error(str(shared)) or _load_error(str(provider)):
        return f"CUDA's libraries do not load ({error}); pip install 'ort-deepdream[cuda]'"
    return None


def _load_error(library: str) -> str | None:
    try:
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        return str(error)
    return None


BACKENDS = {
    backend.name: backend
    for backend in (  # best first: the order in which `auto` tries them
        Backend("cuda", "CUDAExecutionProvider", "portable", _why_not_cuda),
        Backend("cpu", "CPUExecutionProvider", "cpu", _cpu_is_always_there),
    )
}


def find_backend(name: str) -> Backend:
    """The usable backend called `name`; for `auto`, the best usable one.

    Raises DreamError when there is none of that name, or it cannot be used here.
    """
    onnxruntime.set_default_logger_severity(FATAL_ONLY)
    if name == "auto":
        return next(backend for backend in BACKENDS.values() if backend.why_not() is None)
    if name not in BACKENDS:
        near = difflib.get_close_matches(name, ["auto", *BACKENDS], n=1)
        known = ", ".join(["auto", *BACKENDS])
        hint = f"did you mean {near[0]}?" if near else f"choose one of {known}"
        raise DreamError(f"there is no backend '{name}': {hint}")
    backend = BACKENDS[name]
    reason = backend.why_not()
    if reason is not None:
        raise DreamError(f"backend {name} cannot be used here: {reason}")
    return backend
