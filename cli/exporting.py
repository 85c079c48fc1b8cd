"""The way to the `export` package, which needs PyTorch and onnx: asked for first, imported late."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ort_deepdream.cli.messages import stages
from ort_deepdream.cli.options import DEFAULT_TARGETS
from ort_deepdream.errors import DreamError, nearest

if TYPE_CHECKING:
    from ort_deepdream.export.targets import Target
    from ort_deepdream.export.weights import Weights

NEEDED = ("torch", "onnx", "onnx_ir", "safetensors")


def require_export_extra(instead: str = "") -> None:
    """Raises DreamError, with the remedy, when PyTorch or onnx is not installed.

    `instead` is the end of the message: what can be done without them.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise DreamError(
            f"this needs PyTorch and onnx, but there is no {' and no '.join(missing)} here; "
            f"pip install 'ort-deepdream[export]'{instead}"
        )


def export_to(
    path: Path,
    weights: str,
    layers: Sequence[str],
    target: str | None,
    precision: str = "float32",
    size: str | None = None,
) -> Weights:
    """Export `layers` of `weights` (a file or `seeded:N`) to `path`; returns the weights.

    `size` is WIDTHxHEIGHT of the only pictures that the file will be for.

    Raises DreamError for what can be seen before the work, DreamError for the rest.
    """
    require_export_extra()
    check_output(path)
    sides = _sides(size) if size is not None else None
    with stages() as tell:
        tell("loading PyTorch")
        from ort_deepdream.export.model_file import export_gradient, save
        from ort_deepdream.export.weights import load_weights

        chosen = find_target(target, precision)
        tell("reading the weights")
        loaded = load_weights(weights)
        model = export_gradient(loaded, layers, chosen, precision, sides, on_stage=tell)
        save(model, path, on_stage=tell)
    return loaded


def _sides(size: str) -> tuple[int, int]:
    """Height and width. Raises DreamError."""
    from ort_deepdream.measure.pictures import parse_size  # and with it what a dream never needs

    parsed = parse_size(size)
    return parsed.height, parsed.width


def find_target(name: str | None, precision: str = "float32") -> Target:
    """The graph target called `name`; the usual one of the precision, if None.

    Raises DreamError for an unknown target or precision, or for two that do not go together.
    """
    from ort_deepdream.export.targets import TARGETS

    if precision not in DEFAULT_TARGETS:
        known = nearest(precision, DEFAULT_TARGETS)
        raise DreamError(f"there is no precision '{precision}': {known}")
    name = name or DEFAULT_TARGETS[precision]
    if name not in TARGETS:
        raise DreamError(f"there is no target '{name}': {nearest(name, TARGETS)}")
    if precision not in TARGETS[name].precisions:
        raise DreamError(
            f"the target {name} has no {precision}: leave --target out, or name "
            f"{DEFAULT_TARGETS[precision]}"
        )
    return TARGETS[name]


def check_output(path: Path) -> None:
    """Raise DreamError now for what would fail only after seconds of work."""
    if path.is_dir():
        raise DreamError(f"{path}: is a folder; name a file in it")
    if not path.parent.is_dir():
        raise DreamError(f"{path}: the folder {path.parent} does not exist; create it first")
    if not os.access(path.parent, os.W_OK):
        raise DreamError(
            f"{path}: the folder {path.parent} cannot be written to; choose another one"
        )
