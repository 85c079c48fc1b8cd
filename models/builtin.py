"""The gradient files that are shipped, so that a bare install dreams.

They share the one weights file beside them; scripts/ship_models.py makes them all.
"""

from __future__ import annotations

from pathlib import Path

from models.catalogue import SHIPPED

WEIGHTS_FILE = SHIPPED / "weights.safetensors"
PLAIN_TARGET = "cpu"  # its files carry no target in their names


def shipped_file(layer: str, target: str) -> Path:
    """Where the gradient file of one plain layer for a graph target is, or would be."""
    ending = "" if target == PLAIN_TARGET else f".{target}"
    return SHIPPED / f"{layer.replace('/', '-')}{ending}.onnx"


def shipped_model(layer: str, target: str) -> Path | None:
    """The shipped gradient file of one plain layer for a graph target, if there is one."""
    path = shipped_file(layer, target)
    return path if path.is_file() else None


def shipped_layers() -> list[str]:
    """The layers that have shipped gradient files, in alphabetical order."""
    files = SHIPPED.glob("*.onnx")
    return sorted({path.name.split(".")[0].replace("-", "/") for path in files})
