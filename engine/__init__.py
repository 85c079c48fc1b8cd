"""Run DeepDream gradient files through ONNX Runtime.

    from engine import Settings, dream, load_model, read_picture, write_picture

    model = load_model("dream.onnx", backend="cpu")
    picture = read_picture("photo.jpg")
    result = dream(model, picture.rgb, Settings(seed=7))
    write_picture("photo-dream.png", result.rgb)

Needs numpy, pillow and onnxruntime; neither PyTorch nor onnx.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# ONNX Runtime reads this when it is imported. Without it, it reports what it runs to Microsoft:
# a thread, a database in the user's cache folder, and an upload in the middle of a measurement.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from engine.backends import BACKENDS, Backend, find_backend
from engine.errors import DreamError
from engine.gradient_file import ModelInfo
from engine.model import Model, load_model
from engine.probe import why_unusable

if TYPE_CHECKING:
    from engine.deepdream import Dream, Progress, Settings, dream
    from engine.image import Picture, read_metadata, read_picture, write_picture

__all__ = [
    "BACKENDS",
    "Backend",
    "Dream",
    "DreamError",
    "Model",
    "ModelInfo",
    "Picture",
    "Progress",
    "Settings",
    "dream",
    "find_backend",
    "load_model",
    "read_metadata",
    "read_picture",
    "why_unusable",
    "write_picture",
]

# Imported when they are asked for: `dream run` does so while ONNX Runtime makes its session.
_LATER = {
    **dict.fromkeys(("Dream", "Progress", "Settings", "dream"), "engine.deepdream"),
    **dict.fromkeys(("Picture", "read_metadata", "read_picture", "write_picture"), "engine.image"),
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
