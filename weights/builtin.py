"""The gradient files that are shipped, so that a bare install dreams.

Each belongs to an architecture. Those of the built-in weights' lie beside them and refer to them;
others are in a folder of the architecture's name. weights/joining.py joins any of them with other
weights. scripts/ship_models.py makes them all.
"""

from __future__ import annotations

from pathlib import Path

from ort_deepdream.weights.catalogue import SHIPPED, find

WEIGHTS_FILE = SHIPPED / "weights.safetensors"
WEIGHTS_ARCHITECTURE = find("builtin").architecture
PLAIN_TARGET = "cpu"  # its files carry no target in their names


def shipped_file(layer: str, target: str, architecture: str = WEIGHTS_ARCHITECTURE) -> Path:
    """Return where the gradient file of a whole layer for a graph target is, or would be."""
    ending = "" if target == PLAIN_TARGET else f".{target}"
    return _folder(architecture) / f"{layer.replace('/', '-')}{ending}.onnx"


def shipped_model(layer: str, target: str, architecture: str = WEIGHTS_ARCHITECTURE) -> Path | None:
    """Find the shipped gradient file of a whole layer for a graph target; None: there is none."""
    path = shipped_file(layer, target, architecture)
    return path if path.is_file() else None


def shipped_layers(architecture: str = WEIGHTS_ARCHITECTURE) -> list[str]:
    """List the layers that have shipped gradient files, in alphabetical order."""
    files = _folder(architecture).glob("*.onnx")
    return sorted({path.name.split(".")[0].replace("-", "/") for path in files})


def _folder(architecture: str) -> Path:
    return SHIPPED if architecture == WEIGHTS_ARCHITECTURE else SHIPPED / architecture
