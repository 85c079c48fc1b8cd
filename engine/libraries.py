"""Whether the libraries of CUDA and TensorRT load, and what to do if not.

ONNX Runtime's own answer is a line in its log and a session on the CPU.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import re
import sys
from pathlib import Path

import onnxruntime

WINDOWS = sys.platform == "win32"
INSTALL_CUDA = "pip install 'ort-deepdream[cuda]'"
CUDNN = "cudnn64_9.dll" if WINDOWS else "libcudnn.so.9"
OLDEST_CUDA, NEWEST_CUDA = 10, 19  # major versions that are looked for


def why_not_cuda() -> str | None:
    """Return None when the CUDA provider's libraries load, else the reason and the remedy."""
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return (
            "this onnxruntime was built without CUDA; "
            f"pip uninstall onnxruntime, then {INSTALL_CUDA}"
        )
    driver = "nvcuda.dll" if WINDOWS else "libcuda.so.1"
    if error := load_error(driver):
        return _explain_driver(error)
    # The CUDA and cuDNN wheels, where installed, are on no library path: this loads them. It prints
    # what it could not load, which is told better below.
    with contextlib.redirect_stdout(io.StringIO()):
        onnxruntime.preload_dlls()
    # The provider takes its own symbols from the `shared` library, which must be global by then.
    # It does without cuDNN until the first convolution.
    for library in (_provider_library("shared"), _provider_library("cuda"), CUDNN):
        if error := load_error(library):
            return _explain_cuda(error)
    return None


def why_not_tensorrt() -> str | None:
    """Return None when TensorRT's libraries load too, else the reason and the remedy."""
    if "TensorrtExecutionProvider" not in onnxruntime.get_available_providers():
        return "this onnxruntime was built without TensorRT; pip install onnxruntime-gpu"
    if reason := why_not_cuda():
        return reason
    if error := load_error(_provider_library("tensorrt")):
        return f"TensorRT's libraries do not load ({error}); pip install tensorrt-cu13"
    return None


def load_error(library: str) -> str | None:
    """Return why a library does not load, or None."""
    try:
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        return " ".join(str(error).split())
    return None


def _provider_library(name: str) -> str:
    prefix, suffix = ("", ".dll") if WINDOWS else ("lib", ".so")
    folder = Path(onnxruntime.__file__).parent / "capi"
    return str(folder / f"{prefix}onnxruntime_providers_{name}{suffix}")


def _explain_driver(error: str) -> str:
    if "cannot open shared object file" in error or WINDOWS:
        return f"no NVIDIA driver was found ({error}); install one, or use --backend cpu"
    return f"the NVIDIA driver's library is broken ({error}); install the driver again"


def _explain_cuda(error: str) -> str:
    """Return what is missing, from the loader's own message, and the remedy."""
    found = re.search(r"lib(\w+?)\.so\.(\d+)", error)
    if found is None:
        return f"CUDA's libraries do not load ({error}); {INSTALL_CUDA}"
    library, wanted = found[1], int(found[2])
    if library.startswith("cudnn"):
        return f"cuDNN {wanted} is missing ({error}); {INSTALL_CUDA}"
    others = [  # the libraries that are numbered as CUDA is
        major
        for major in range(OLDEST_CUDA, NEWEST_CUDA + 1)
        if library.startswith("cublas")
        and major != wanted
        and load_error(f"lib{library}.so.{major}") is None
    ]
    if others:
        return (
            f"this onnxruntime needs CUDA {wanted}, and CUDA {others[-1]} is what was found "
            f"({error}); {INSTALL_CUDA}"
        )
    return f"CUDA {wanted} is missing ({error}); {INSTALL_CUDA}"
