"""`dream verify --bisect`: the first node that computes something else than it should."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime
import typer
from numpy.typing import NDArray

from ort_deepdream.cli.extras import require_extra
from ort_deepdream.cli.machine import Machine
from ort_deepdream.cli.messages import console, plain, say, stages, table
from ort_deepdream.errors import DreamError
from ort_deepdream.files import scratch_folder

if TYPE_CHECKING:
    from ort_deepdream.engine.backends import Backend
    from ort_deepdream.export.bisect import Judged, Values

FLOAT64 = "float64"
FULL = "float32"
NARROW = 72  # columns
MOST_NAMED = 5  # nodes that are off; more are counted


def bisect(path: Path, machine: Machine, against: str, network: str | None = None) -> None:
    """Judge every node of a file on a backend; exit with 1, and name the first, when one is off.

    The judge is float64, or another backend by its name. Raise DreamError for a file or a backend
    that cannot be judged so.
    """
    require_extra("export")
    from ort_deepdream.engine.loading import load_model

    with stages() as show_stage:
        show_stage("loading the model and PyTorch")
        backend = machine.find()
        other = Machine(against).find() if against != FLOAT64 else None
        model = load_model(path, backend, allow_cpu_nodes=machine.allow_cpu_nodes)
        from ort_deepdream.export import bisect as judge

        image = judge.picture(path, network)
        with scratch_folder() as folder:
            exposed = judge.expose(path, folder)
            show_stage(f"running it on {backend.name}, all values as outputs")
            ours = _values(exposed, backend, image)
            theirs = None if other is None else _values(exposed, other, image)
        show_stage(f"judging its nodes by {against}")
        if theirs is None:
            found = list(judge.judge_nodes(path, ours, network))
            rounded = backend.rounding or model.precision != FULL
            limit = judge.LIMIT_ROUNDED if rounded else judge.LIMIT
        else:
            found = list(judge.compare_values(path, ours, theirs, against))
            limit = judge.LIMIT_BETWEEN
    _show(found, limit)
    _conclude(path, backend.name, found, limit)


def _values(exposed: Path, backend: Backend, image: NDArray[Any]) -> Values:
    """Run the graph on a backend, and return all its values."""
    if backend.plugged_in is not None:
        raise DreamError(
            f"--bisect runs what is in ONNX Runtime itself, and {backend.name} is a plug-in"
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    for name, extent in zip(("height", "width"), image.shape[2:], strict=True):
        options.add_free_dimension_override_by_name(name, extent)
    try:
        session = onnxruntime.InferenceSession(
            str(exposed), options, [(backend.provider, backend.plain_options)]
        )
        names = [output.name for output in session.get_outputs()]
        made = session.run(names, {"image": image})
    except Exception as error:  # ONNX Runtime's exceptions share no base but this
        reason = " ".join(str(error).split())[:200]
        raise DreamError(
            f"{backend.name} cannot run the graph with all its values as outputs ({reason})"
        ) from error
    return {"image": image, **dict(zip(names, made, strict=True))}


def _show(found: Sequence[Judged], limit: float) -> None:
    """Print the worst node of each layer, in the order in which the graph computes them."""
    layers: dict[tuple[str, bool], list[Judged]] = {}
    for node in found:
        layers.setdefault((node.layer, node.backward), []).append(node)
    rows = [_cells(nodes, limit) for nodes in layers.values()]
    terminal = console()
    if terminal.width < NARROW:  # where a table would be cut
        for layer, way, _, worst, error, verdict in rows:
            terminal.print(f"{layer} ({way}): {worst} {error} {verdict}")
        return
    made = table("layer", "way", "nodes", "worst", "error", "", numbers=("nodes", "error"))
    for row in rows:
        made.add_row(*row)
    terminal.print(made)


def _cells(nodes: Sequence[Judged], limit: float) -> tuple[str, ...]:
    most = max(nodes, key=lambda node: node.error)
    verdict = "[green]good[/]" if most.error <= limit else "[bold red]OFF[/]"
    way = "back" if most.backward else "there"
    layer = plain(most.layer or "sizes of the picture")
    return layer, way, str(len(nodes)), most.operator, f"{most.error:.0e}", verdict


def _conclude(path: Path, name: str, found: Sequence[Judged], limit: float) -> None:
    off = [node for node in found if not node.error <= limit]
    if not off:
        from ort_deepdream.export.bisect import OWN

        most = max((node.error for node in found), default=0.0)
        own = sum(node.judge == OWN for node in found)
        if own:
            say(f"{own} nodes are judged by what the file says they are: a fresh export lacks them")
        say(
            f"{path}: none of {len(found)} nodes is off on {name} (the worst by {most:.0e}, the "
            f"limit is {limit:g}). They ran with all values as outputs, so that none was fused "
            f"with another: if the whole file fails, it is the fusing"
        )
        return
    for node in off[:MOST_NAMED]:
        which = "FIRST OFF" if node is off[0] else "off, too"
        say(f"{which}: {node.place}, by {_by(node.error)} (judged by {node.judge})")
    more = f", {len(off) - MOST_NAMED} of them not named" if len(off) > MOST_NAMED else ""
    are = "is" if len(off) == 1 else "are"
    say(f"{path}: {len(off)} of {len(found)} nodes {are} off on {name}{more}")
    raise typer.Exit(1)


def _by(error: float) -> str:
    return "another shape or no number" if error == float("inf") else f"{error:.2g}"
