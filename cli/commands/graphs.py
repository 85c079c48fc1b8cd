"""`dream export` and `dream verify`, which need PyTorch, and `dream layers`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ort_deepdream.cli.exporting import SUFFIXES, export_network_to, export_to
from ort_deepdream.cli.extras import require_extra
from ort_deepdream.cli.machine import Machine, where
from ort_deepdream.cli.messages import say, say_written, shown, stages, table
from ort_deepdream.cli.networks import Network
from ort_deepdream.cli.options.models import DEFAULT_WEIGHTS
from ort_deepdream.cli.outputs import check_output
from ort_deepdream.cli.sources import architecture_name, find_weights
from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.sizes import parse_sides
from ort_deepdream.weights.builtin import shipped_layers

if TYPE_CHECKING:
    from ort_deepdream.export.verify import Row
    from ort_deepdream.weights.architecture import Architecture

FULL = "float32"


def export(
    output: Path,
    weights: str,
    layers: Sequence[str],
    guided: Sequence[str],
    target: str | None,
    precision: str,
    picture_size: str | None,
) -> None:
    """Write the gradient file for `layers`, and those that a guide will lead, to `output`."""
    require_extra("export")  # do not download what cannot be used then
    check_output(output, [weights], SUFFIXES)
    started = time.perf_counter()
    source = find_weights(weights)
    loaded = export_to(output, source, layers, target, precision, picture_size, guided)
    seconds = time.perf_counter() - started
    size = output.stat().st_size / 1e6
    say_written(
        output,
        f"{output}: {size:.1f} MB, {', '.join([*layers, *guided])}, {loaded.identity} "
        f"(sha256 {loaded.sha256[:12]}), {seconds:.1f} s",
    )


def export_network(
    output: Path,
    network: Network,
    weights: str | None,
    layers: Sequence[str],
    guided: Sequence[str],
    target: str | None,
    precision: str,
    picture_size: str | None,
) -> None:
    """Write the gradient file for layers of another network to `output`."""
    started = time.perf_counter()
    made = export_network_to(
        output, network, weights, layers, target, precision, picture_size, guided
    )
    seconds = time.perf_counter() - started
    loaded, size = made.weights, output.stat().st_size / 1e6
    only = f", for pictures of {made.only_size} alone" if made.only_size else ""
    say_written(
        output,
        f"{output}: {size:.1f} MB, {', '.join([*layers, *guided])} of {network.name}{only}, "
        f"weights {loaded.identity} (sha256 {loaded.sha256[:12]}), {seconds:.1f} s",
    )


def verify(path: Path, machine: Machine, network: str | None = None) -> None:
    """Compare the file at `path` with PyTorch, row by row; exit with 1 when one fails.

    `network` is the one it is of, where that is code of one's own.
    """
    require_extra("export")
    from ort_deepdream.engine.loading import load_model

    with stages() as show_stage:
        show_stage("loading the model and PyTorch")
        model = load_model(path, machine.find(), allow_cpu_nodes=machine.allow_cpu_nodes)
        from ort_deepdream.export import verify as judge

        if model.info.guides:
            model = model.with_guide(judge.guide_rgb())
        margin = model.backend.margin(model.info.stride)
        rounded = model.backend.rounding or model.precision != FULL
        rows = judge.verify(
            path, model.gradient, rounded=rounded, margin=margin, network_name=network
        )
    failed = nudged = 0
    made = table("size", "picture", "objective", "torch", "gradient", "torch", "limit", "")
    with shown(made):
        for row in rows:
            failed += not row.passed
            nudged += row.passed and row.attempt > 1
            made.add_row(*_cells(row))
    if failed:
        say(f"{path}: {failed} of {made.row_count} comparisons FAIL on {where(model)}")
        raise typer.Exit(1)
    if nudged:
        say(
            f"* {nudged} only on a picture a shade lighter: rounding chose another equal activation"
        )
    say(f"{path}: all {made.row_count} comparisons pass on {where(model)}")


def _cells(row: Row) -> tuple[str, ...]:
    return (
        f"{row.width}x{row.height}",
        row.picture,
        f"{row.objective_error:.1e}",
        f"{row.torch_objective_error:.1e}",
        f"{row.gradient_error:.1e}",
        f"{row.torch_gradient_error:.1e}",
        f"{row.limit:.1e}",
        ("[green]pass[/]" if row.passed else "[bold red]FAIL[/]") + "*" * (row.attempt - 1),
    )


def network_layers(network: str, text: str, picture_size: str | None, excluded: str | None) -> None:
    """List the layers of another network, those with `text` in a name."""
    if excluded is not None:
        raise DreamError("--network has layers of its own: leave --weights and --architecture out")
    require_extra("export")
    sides = parse_sides(picture_size)[::-1] if picture_size is not None else None
    with stages() as show_stage:
        show_stage("loading PyTorch")
        from ort_deepdream.export.module_weights import module_architecture

        show_stage(f"making {network}")
        architecture = module_architecture(Network(network).find(), sides)
    found = [name for name in architecture.layers if text in name]
    if not found:
        raise DreamError(f"no layer of {network} has '{text}' in its name")
    made = table("layer", "channels", "stride", "pictures", numbers=("channels", "stride"))
    with shown(made):
        for name in found:
            shape, only = architecture.layers[name], architecture.ways[name].size
            pictures = f"{only[1]}x{only[0]} alone" if only is not None else "any size"
            made.add_row(name, str(shape.channels), str(shape.stride), pictures)


def layers(weights: str | None, architecture: str | None, text: str) -> None:
    """List the layers that a dream can amplify, those with `text` in a name."""
    chosen = _architecture(weights, architecture)
    shapes = chosen.layers
    shipped = shipped_layers(chosen.name)
    aliases = {caffe: theirs for theirs, caffe in chosen.layer_aliases.items()}
    names = {name: aliases.get(name, "") for name in shapes}
    found = [name for name in names if text in name or text in names[name]]
    if not found:
        raise DreamError(f"no layer of {chosen.name} has '{text}' in its name")
    headings = ["layer", "channels", "stride", "shipped"]
    made = table(
        *headings,
        *([f"{chosen.name}'s name"] if aliases else []),
        numbers=("channels", "stride"),
    )
    with shown(made):
        for name in found:
            cells = [name, str(shapes[name].channels), str(shapes[name].stride)]
            cells.append("yes" if name in shipped else "")
            made.add_row(*cells, *([names[name]] if aliases else []))


def _architecture(weights: str | None, name: str | None) -> Architecture:
    from ort_deepdream.weights.architectures import ARCHITECTURES

    if weights is not None and name is not None:
        raise DreamError("--weights and --architecture exclude each other: leave one out")
    if name is None:
        name = architecture_name(weights or DEFAULT_WEIGHTS)
    if name not in ARCHITECTURES:
        raise DreamError(f"there is no architecture '{name}': {nearest(name, ARCHITECTURES)}")
    return ARCHITECTURES[name]
