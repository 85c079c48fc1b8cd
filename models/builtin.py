"""The gradient files that are shipped, so that a bare install dreams."""

from __future__ import annotations

from pathlib import Path

from models.catalogue import SHIPPED

PLAIN_TARGET = "cpu"  # its files carry no target in their names


def shipped_model(layer: str, target: str) -> Path | None:
    """The shipped gradient file of one plain layer for a graph target, if there is one."""
    ending = "" if target == PLAIN_TARGET else f".{target}"
    path = SHIPPED / f"{layer.replace('/', '-')}{ending}.onnx"
    return path if path.is_file() else None
