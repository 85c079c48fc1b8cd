"""Whether the libraries of CUDA and TensorRT load, and what to do if not.

ONNX Runtime's own answer is a line in its log and a session on the CPU.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from pathlib import Path

import onnxruntime

from ort_deepdream.engine.providers.devices import CUDA_DRIVER, cuda_driver, load_library

WINDOWS = sys.platform == "win32"
INSTALL_CUDA = "pip install 'ort-deepdream[cuda]'"
CUDNN = "cudnn64_9.dll" if WINDOWS else "libcudnn.so.9"
OLDEST_CUDA, NEWEST_CUDA = 10, 19  # major versions that are looked for
FIRST_DRIVERS = {12: 525, 13: 580}  # by the major version of CUDA that they came with
# The wheels have machine code for GPUs from Turing on, and nothing that a driver could translate.
LEAST_CAPABILITY = (7, 5)
# The names by which the loader calls the libraries that are numbered in their own way.
LIBRARY_NAMES = {"curand": "cuRAND", "cufft": "cuFFT", "cudnn": "cuDNN"}
TENSORRT = 10  # the major version that ONNX Runtime's provider is linked with
INSTALL_TENSORRT = f"pip install 'tensorrt-cu13<{TENSORRT + 1}'"


def why_not_cuda() -> str | None:
    """Return None when the CUDA provider's libraries load, else the reason and the remedy."""
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return (
            "this onnxruntime was built without CUDA; "
            f"pip uninstall onnxruntime, then {INSTALL_CUDA}"
        )
    if error := load_error(CUDA_DRIVER):
        return _explain_driver(error)
    # Several libcudart may be within reach, such as PyTorch's: cuDNN's front end takes the first.
    if major := _cuda_major():
        os.environ.setdefault("CUDNN_FRONTEND_CUDART_LIB_NAME", f"libcudart.so.{major}")
    # The CUDA and cuDNN wheels, where installed, are on no library path: this loads them. It prints
    # what it could not load, which is told better below.
    with contextlib.redirect_stdout(io.StringIO()):
        onnxruntime.preload_dlls()
    # The provider takes its own symbols from the `shared` library, which must be global by then.
    # It does without cuDNN until the first convolution.
    for library in (_provider_library("shared"), _provider_library("cuda"), CUDNN):
        if error := load_error(library):
            return _explain_cuda(error)
    _load_all_of_cudnn()
    return _why_not_device()


def _cuda_major() -> int | None:
    """Return the major version of the CUDA that this onnxruntime was built with."""
    version = getattr(onnxruntime, "cuda_version", None)
    return int(version.partition(".")[0]) if version else None


def _load_all_of_cudnn() -> None:
    """Load the parts of the cuDNN that is loaded, from its folder.

    cuDNN loads them by their names at the first convolution. Another cuDNN on the library path
    would give it its own, of another version.
    """
    folder = _folder_of(CUDNN)
    for part in sorted(folder.glob("libcudnn_*.so.9")) if folder is not None else ():
        load_error(str(part))  # one that needs what is not here is not needed here


def _folder_of(library: str) -> Path | None:
    """Return the folder that a library was loaded from, on Linux."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return None
    paths = (Path(line.split(maxsplit=5)[-1]) for line in lines if "/" in line)
    return next((path.parent for path in paths if path.name.startswith(library)), None)


def _why_not_device() -> str | None:
    """Return None when the driver and its first device will do, else the reason and the remedy."""
    driver, wanted = cuda_driver(), _cuda_major()
    if driver is None or wanted is None:
        return None  # it is no driver, or says nothing of itself: the first step will tell
    if driver.cuda[0] < wanted:
        newer = f" {FIRST_DRIVERS[wanted]} or newer" if wanted in FIRST_DRIVERS else ""
        return (
            f"the NVIDIA driver is for CUDA {driver.cuda[0]}.{driver.cuda[1]}, and this "
            f"onnxruntime needs CUDA {wanted}; install driver{newer}, or use --backend cpu"
        )
    if driver.device is None or driver.capability is None:
        return "the NVIDIA driver finds no GPU; see what nvidia-smi says, or use --backend cpu"
    if driver.capability < LEAST_CAPABILITY:
        return (
            f"{driver.device} has compute capability {_dotted(driver.capability)}, and this "
            f"onnxruntime needs {_dotted(LEAST_CAPABILITY)} or more; use --backend cpu"
        )
    return None


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def why_not_tensorrt() -> str | None:
    """Return None when TensorRT's libraries load too, else the reason and the remedy."""
    if "TensorrtExecutionProvider" not in onnxruntime.get_available_providers():
        return "this onnxruntime was built without TensorRT; pip install onnxruntime-gpu"
    if reason := why_not_cuda():
        return reason
    _load_tensorrt_wheel()
    if error := load_error(_provider_library("tensorrt")):
        return f"TensorRT {TENSORRT} does not load ({error}); {INSTALL_TENSORRT}"
    return None


def _load_tensorrt_wheel() -> None:
    """Load TensorRT from its wheel, if that is installed: its folder is on no library path."""
    folder = Path(onnxruntime.__file__).parents[1] / "tensorrt_libs"
    for name in ("nvinfer", "nvinfer_plugin", "nvonnxparser"):
        library = f"{name}_{TENSORRT}.dll" if WINDOWS else f"lib{name}.so.{TENSORRT}"
        if (folder / library).exists():
            load_error(str(folder / library))


def load_error(library: str) -> str | None:
    """Return why a library does not load, or None."""
    try:
        load_library(library)
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
    for stem, name in LIBRARY_NAMES.items():
        if library.startswith(stem):
            return f"{name} {wanted} is missing ({error}); {INSTALL_CUDA}"
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
