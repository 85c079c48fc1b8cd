"""The way to the `export` package, which needs PyTorch and onnx: asked for first, imported late."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.errors import CommandError, nearest
from cli.messages import stages

if TYPE_CHECKING:
    from export.targets import Target
    from export.weights import Weights

NEEDED = ("torch", "onnx", "onnx_ir", "safetensors")


def require_export_extra() -> None:
    """Raises CommandError, with the remedy, when PyTorch or onnx is not installed."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise CommandError(
            f"this needs PyTorch and onnx, but there is no {' and no '.join(missing)} here; "
            f"pip install 'ort-deepdream[export]'"
        )


def export_to(path: Path, weights: str, layers: Sequence[str], target: str) -> Weights:
    """Export `layers` of `weights` (a file or `seeded:N`) to `path`; returns the weights.

    Raises CommandError for what can be seen before the work, ExportError for the rest.
    """
    require_export_extra()
    check_output(path)
    with stages() as tell:
        tell("loading PyTorch")
        from export.model_file import export_gradient, save
        from export.weights import load_weights

        chosen = find_target(target)
        tell("reading the weights")
        loaded = load_weights(weights)
        save(export_gradient(loaded, layers, chosen, on_stage=tell), path, on_stage=tell)
    return loaded


def find_target(name: str) -> Target:
    """The graph target called `name`. Raises CommandError for an unknown one."""
    from export.targets import TARGETS

    if name not in TARGETS:
        raise CommandError(f"there is no target '{name}': {nearest(name, TARGETS)}")
    return TARGETS[name]


def check_output(path: Path) -> None:
    """Raise CommandError now for what would fail only after seconds of work."""
    if path.is_dir():
        raise CommandError(f"{path}: is a folder; name a file in it")
    if not path.parent.is_dir():
        raise CommandError(f"{path}: the folder {path.parent} does not exist; create it first")
    if not os.access(path.parent, os.W_OK):
        raise CommandError(
            f"{path}: the folder {path.parent} cannot be written to; choose another one"
        )
