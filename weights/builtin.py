"""The gradient files that are shipped, so that a bare install dreams.

Each belongs to an architecture. Those of `bvlc` refer to the weights file beside them, and are
whole; `models.joining` joins any of them with other weights. scripts/ship_models.py makes them all.
"""

from __future__ import annotations

from pathlib import Path

from ort_deepdream.weights.catalogue import SHIPPED

WEIGHTS_FILE = SHIPPED / "weights.safetensors"
WEIGHTS_ARCHITECTURE = "bvlc"
PLAIN_TARGET = "cpu"  # its files carry no target in their names


def shipped_file(layer: str, target: str, architecture: str = WEIGHTS_ARCHITECTURE) -> Path:
    """Name the place of the gradient file of a whole layer for a graph target, there or not."""
    folder = SHIPPED if architecture == WEIGHTS_ARCHITECTURE else SHIPPED / architecture
    ending = "" if target == PLAIN_TARGET else f".{target}"
    return folder / f"{layer.replace('/', '-')}{ending}.onnx"


def shipped_model(layer: str, target: str, architecture: str = WEIGHTS_ARCHITECTURE) -> Path | None:
    """Find the shipped gradient file of a whole layer for a graph target; None: there is none."""
    path = shipped_file(layer, target, architecture)
    return path if path.is_file() else None


def shipped_layers() -> list[str]:
    """List the layers that have shipped gradient files, in alphabetical order."""
    files = SHIPPED.glob("*.onnx")
    return sorted({path.name.split(".")[0].replace("-", "/") for path in files})
