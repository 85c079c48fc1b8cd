"""The way to the `export` package, which needs PyTorch and onnx and is imported late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ort_deepdream.cli.extras import require_extra
from ort_deepdream.cli.messages import stages
from ort_deepdream.cli.networks import Network, require_layers
from ort_deepdream.cli.options.models import DEFAULT_TARGETS
from ort_deepdream.cli.outputs import check_output
from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.sizes import parse_sides

if TYPE_CHECKING:
    from ort_deepdream.export.targets import Target
    from ort_deepdream.export.weights import Weights

SUFFIXES = (".onnx",)


@dataclass(frozen=True)
class Exported:
    """What a gradient file was made of."""

    weights: Weights
    only_size: str | None  # WIDTHxHEIGHT of the only pictures that it is for


def export_to(
    path: Path,
    weights: str,
    layers: Sequence[str],
    target: str | None,
    precision: str = "float32",
    size: str | None = None,
    guided: Sequence[str] = (),
) -> Weights:
    """Export `layers` of `weights` (a file or `seeded:N`) to `path`; return the weights.

    `guided` are layers that a guide leads, beside the others.
    `size` is WIDTHxHEIGHT of the only pictures that the file will be for.

    Raise DreamError when it cannot be done, before the work as far as that can be seen then.
    """
    require_extra("export")
    check_output(path, [weights], SUFFIXES)
    sides = _sides(size) if size is not None else None
    with stages() as show_stage:
        show_stage("loading PyTorch")
        from ort_deepdream.export.model_file import export_gradient, save
        from ort_deepdream.export.weights import load_weights

        chosen = find_target(target, precision)
        show_stage("reading the weights")
        loaded = load_weights(weights)
        model = export_gradient(
            loaded, layers, chosen, precision, sides, on_stage=show_stage, guided=guided
        )
        save(model, path, on_stage=show_stage)
    return loaded


def export_network_to(
    path: Path,
    network: Network,
    weights: str | None,
    layers: Sequence[str],
    target: str | None,
    precision: str = "float32",
    size: str | None = None,
    guided: Sequence[str] = (),
) -> Exported:
    """Export layers of another network; the rest as `export_to`.

    `weights` are a file, `seeded:N` or a name of torchvision's; None: those it is made with.
    """
    require_extra("export")
    check_output(path, [name for name in (weights, network.name) if name], SUFFIXES)
    if precision != "float32":
        raise DreamError(f"--precision {precision} is for the built-in networks; leave it out")
    require_layers(network, [*layers, *guided])
    sides = _sides(size) if size is not None else None
    with stages() as show_stage:
        show_stage("loading PyTorch")
        from ort_deepdream.export.model_file import export_gradient, save
        from ort_deepdream.export.module_weights import module_weights

        chosen = find_target(target, precision)
        show_stage(f"making {network.name}")
        loaded = module_weights(network.find(), [*layers, *guided], weights, sides)
        model = export_gradient(
            loaded, layers, chosen, precision, sides, on_stage=show_stage, guided=guided
        )
        save(model, path, on_stage=show_stage)
    height, width = list(model.graph.inputs[0].shape or ())[2:]
    only = f"{width}x{height}" if isinstance(width, int) else None
    return Exported(loaded, only)


def _sides(size: str) -> tuple[int, int]:
    """Return the height and width. Raise DreamError for other text than WIDTHxHEIGHT."""
    width, height = parse_sides(size)
    return height, width


def find_target(name: str | None, precision: str = "float32") -> Target:
    """Return the graph target called `name`; the usual one of the precision, if None.

    Raise DreamError for an unknown target or precision, or for two that do not go together.
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
