"""Extras, which may not be installed: asked for before they are imported."""

from __future__ import annotations

import importlib.util

from ort_deepdream.errors import DreamError

# What an extra is for a message, and the modules that tell whether it is installed.
EXTRAS = {
    "cluster": ("Dask", ("distributed",)),
    "export": ("PyTorch and onnx", ("torch", "onnx", "onnx_ir", "safetensors")),
    "film": ("PyAV and OpenCV", ("av", "cv2")),
    "measure": ("pydantic, psutil and jinja2", ("pydantic", "psutil", "jinja2")),
}


def require_extra(name: str, instead: str = "") -> None:
    """Raise DreamError, with the remedy, when a part of the extra is not installed.

    `instead` is the end of the message: what can be done without it.
    """
    needed, modules = EXTRAS[name]
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise DreamError(
            f"this needs {needed} (not installed: {', '.join(missing)}); "
            f"pip install 'ort-deepdream[{name}]'{instead}"
        )
