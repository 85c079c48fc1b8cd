"""`dream weights`, `dream backends` and `dream info`: what there is, here or in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ort_deepdream.cli.extras import require_extra
from ort_deepdream.cli.messages import plain, say, shown, table
from ort_deepdream.errors import DreamError

if TYPE_CHECKING:
    from ort_deepdream.engine.backends import Backend


def weights() -> None:
    """List the named weights."""
    from ort_deepdream.weights.catalogue import cache_folder, catalogue_rows

    made = table("name", "trained by", "licence", "MB", "top-1", "here", numbers=("MB", "top-1"))
    with shown(made):
        for row in catalogue_rows():
            made.add_row(
                row.name,
                row.source,
                row.licence,
                "" if row.size is None else f"{row.size / 1e6:.1f}",
                "" if row.top1 is None else f"{row.top1:.1f}%",
                "yes" if row.present else "no",
            )
    say(f"Downloaded files are kept in {cache_folder()}")


def get_weights(name: str) -> None:
    """Fetch the weights of this name, if they are not here, and say where they are."""
    from ort_deepdream.cli.sources import find_weights
    from ort_deepdream.weights.catalogue import find

    say(f"{name}: {find_weights(find(name).name)}")


def backends() -> None:
    """List the backends: for each its device, and whether a step works on it or why not."""
    import onnxruntime
    from rich.markup import escape

    from ort_deepdream.engine.backends import BACKENDS
    from ort_deepdream.engine.loading import find_backend
    from ort_deepdream.engine.probe import why_unusable
    from ort_deepdream.engine.providers.devices import processor_name

    made = table("name", "target", "device", "usable")
    best = find_backend("auto").name
    ways: list[Backend] = []
    with shown(made):
        for backend in BACKENDS.values():
            reason = why_unusable(backend)
            usable = "yes" if reason is None else f"no: {escape(reason)}"
            if backend.name == best:
                usable += ", and what auto takes"
            made.add_row(backend.name, backend.target, backend.device or "", usable)
            if reason is None and backend.device == processor_name():
                ways += [backend, *(backend.in_precision(name) for name in backend.roundings)]
    say(
        f"onnxruntime {onnxruntime.__version__}: {', '.join(onnxruntime.get_available_providers())}"
    )
    if len(ways) > 1:
        say(_quickest(ways))


def _quickest(ways: Sequence[Backend]) -> str:
    """Time a step on each way to compute on the processor, and tell them, the quickest first."""
    from ort_deepdream.engine.probe import TIMED_LAYER, TIMED_SIDE, step_time

    times = sorted((step_time(way), way.name, way.rounding or "") for way in ways)
    told = [
        f"{name}{f' --precision {rounding}' if rounding else ''} {1000 * seconds:.1f} ms"
        for seconds, name, rounding in times
    ]
    return (
        f"on the processor, a step of {TIMED_LAYER} on {TIMED_SIDE}x{TIMED_SIDE} pixels: "
        f"{', '.join(told)}; `dream bench` measures a dream of your own"
    )


def info(path: Path) -> None:
    """Print the settings that are stored in a picture or film, and the command that repeats it."""
    from ort_deepdream.cli.record import COMMAND, PREFIX

    stored = _stored(path)
    if COMMAND not in stored:
        raise DreamError(
            f"{path}: holds no settings of a dream; `dream run` stores them in what it writes, and "
            f"programs that save a picture anew often lose them"
        )
    made = table("setting", "value")
    with shown(made):
        for key, value in _told(stored).items():
            if key != COMMAND:
                made.add_row(plain(key.removeprefix(PREFIX).replace("_", " ")), plain(value))
    say(stored[COMMAND])


def _told(stored: dict[str, str]) -> dict[str, str]:
    """Return what is stored with the weights by their name: all files of theirs may be alike."""
    from ort_deepdream.cli.record import PREFIX
    from ort_deepdream.weights.catalogue import told

    name, sha256 = f"{PREFIX}weights", f"{PREFIX}weights_sha256"
    if name not in stored or sha256 not in stored:
        return stored
    return stored | {name: told(stored[name], stored[sha256])}


def _stored(path: Path) -> dict[str, str]:
    from ort_deepdream.film.writing import FILMS

    if path.suffix.lower() in FILMS:
        require_extra("film")
        from ort_deepdream.film.reading import read_comment

        return read_comment(path)
    from ort_deepdream.engine.image import read_metadata

    return read_metadata(path)
