"""Run DeepDream gradient files through ONNX Runtime.

    from engine import Settings, dream, load_model, read_picture, write_picture

    model = load_model("dream.onnx", backend="cpu")
    picture = read_picture("photo.jpg")
    result = dream(model, picture.rgb, Settings(seed=7))
    write_picture("photo-dream.png", result.rgb)

Needs numpy, pillow and onnxruntime; neither PyTorch nor onnx.
"""

import os

# ONNX Runtime reads this when it is imported. Without it, it reports what it runs to Microsoft:
# a thread, a database in the user's cache folder, and an upload in the middle of a measurement.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from engine.backends import BACKENDS, Backend, find_backend
from engine.deepdream import Dream, Progress, Settings, dream
from engine.errors import DreamError
from engine.gradient_file import ModelInfo
from engine.image import Picture, read_metadata, read_picture, write_picture
from engine.model import Model, load_model
from engine.probe import why_unusable

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
