"""Dream through ONNX Runtime, and measure how fast: DeepDream on every execution provider.

    from ort_deepdream import Settings, dream, load_layer, read_picture, write_picture

    model = load_layer("inception_4e/output", backend="cpu")
    picture = read_picture("photo.jpg")
    result = dream(model, picture.rgb, Settings(seed=7))
    write_picture("photo-dream.png", result.rgb)

Needs numpy, pillow and onnxruntime; neither PyTorch nor onnx. `ort_deepdream.export` makes gradient
files, and needs both.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# ONNX Runtime reads this when it is imported. Without it, it reports what it runs to Microsoft:
# a thread, a database in the user's cache folder, and an upload in the middle of a measurement.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from ort_deepdream.cli.commands.folder_calls import dream_folder
    from ort_deepdream.engine.backends import BACKENDS, Backend
    from ort_deepdream.engine.deepdream import Dream, Progress, dream
    from ort_deepdream.engine.image import Picture, read_metadata, read_picture, write_picture
    from ort_deepdream.engine.image.masks import read_mask
    from ort_deepdream.engine.loading import find_backend, load_model
    from ort_deepdream.engine.model import Model
    from ort_deepdream.engine.presets import Preset, find_preset
    from ort_deepdream.engine.probe import why_unusable
    from ort_deepdream.engine.sessions.gradient_file import ModelInfo
    from ort_deepdream.engine.settings import Settings
    from ort_deepdream.engine.visualise.drawing import Visualisation, visualise
    from ort_deepdream.engine.visualise.settings import VisualiseSettings
    from ort_deepdream.engine.watching import watching
    from ort_deepdream.errors import DreamError
    from ort_deepdream.film.dreaming import dream_film
    from ort_deepdream.film.settings import FilmSettings, ZoomSettings
    from ort_deepdream.film.zooming import zoom
    from ort_deepdream.layers import load_layer

__all__ = [
    "BACKENDS",
    "Backend",
    "Dream",
    "DreamError",
    "FilmSettings",
    "Model",
    "ModelInfo",
    "Picture",
    "Preset",
    "Progress",
    "Settings",
    "Visualisation",
    "VisualiseSettings",
    "ZoomSettings",
    "dream",
    "dream_film",
    "dream_folder",
    "find_backend",
    "find_preset",
    "load_layer",
    "load_model",
    "read_mask",
    "read_metadata",
    "read_picture",
    "visualise",
    "watching",
    "why_unusable",
    "write_picture",
    "zoom",
]

# Each is imported when it is first asked for: `import ort_deepdream` itself loads nothing.
_HOMES = {
    **dict.fromkeys(("BACKENDS", "Backend"), "engine.backends"),
    **dict.fromkeys(("Dream", "Progress", "dream"), "engine.deepdream"),
    "DreamError": "errors",
    "dream_folder": "cli.commands.folder_calls",
    "ModelInfo": "engine.sessions.gradient_file",
    **dict.fromkeys(("find_backend", "load_model"), "engine.loading"),
    "load_layer": "layers",
    "Model": "engine.model",
    **dict.fromkeys(("Picture", "read_metadata", "read_picture", "write_picture"), "engine.image"),
    **dict.fromkeys(("Preset", "find_preset"), "engine.presets"),
    "read_mask": "engine.image.masks",
    "Settings": "engine.settings",
    **dict.fromkeys(("Visualisation", "visualise"), "engine.visualise.drawing"),
    "VisualiseSettings": "engine.visualise.settings",
    "watching": "engine.watching",
    "why_unusable": "engine.probe",
    "zoom": "film.zooming",
    "dream_film": "film.dreaming",
    **dict.fromkeys(("FilmSettings", "ZoomSettings"), "film.settings"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
