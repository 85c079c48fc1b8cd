"""Run DeepDream gradient files through ONNX Runtime.

    from engine import Settings, dream, load_model, read_picture, write_picture

    model = load_model("dream.onnx", backend="cpu")
    picture = read_picture("photo.jpg")
    result = dream(model, picture.rgb, Settings(seed=7))
    write_picture("photo-dream.png", result.rgb)

Needs numpy, pillow and onnxruntime; neither PyTorch nor onnx.
"""

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
