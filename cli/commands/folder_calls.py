"""`dream folder` from Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ort_deepdream.engine.settings import Settings

if TYPE_CHECKING:
    from ort_deepdream.cli.commands.folder import Tally


def dream_folder(
    source: str | Path,
    output: str | Path,
    settings: Settings | None = None,
    *,
    layers: Sequence[str] = (),
    weights: str | None = None,
    model: str | Path | None = None,
    size: str | None = None,
    scale: float | None = None,
    mask: str | Path | None = None,
    guide: str | Path | None = None,
    backend: str = "auto",
    threads: int | None = None,
    tile: int | str = "auto",
    halo: int | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    send_pictures: bool = False,
    shard: tuple[int, int] = (1, 1),
    suffix: str = ".png",
    force: bool = False,
    on_picture: Callable[[Tally], object] | None = None,
) -> Tally:
    """Dream on every picture in a folder, and return what became of them.

    It does what `dream folder` does: a dream that is there with the same settings is not made
    again, and a picture that cannot be dreamt on is among the `failures` of what is returned. The
    arguments are the options of the command; `settings` are Settings(seed=0) unless they are given,
    and `model` is a gradient file instead of layers and weights. `on_picture` is called after each
    picture, with what became of those before.

    Raise DreamError where nothing can be dreamt: a folder that is not there, a model that cannot be
    loaded, a scheduler that does not answer.
    """
    # Here, for they need typer, and who asks for the public names may never call this one.
    from ort_deepdream.cli.commands.folder import Asked, dream_all
    from ort_deepdream.cli.commands.folder_place import Place
    from ort_deepdream.cli.crew.crew import crew
    from ort_deepdream.cli.machine import Machine
    from ort_deepdream.cli.options.folders import FOLDER_SEED
    from ort_deepdream.cli.options.loop import LoopSettings
    from ort_deepdream.cli.sources import request
    from ort_deepdream.cli.subject import Subject
    from ort_deepdream.cli.tiles import Tiles

    place = Place(Path(source), Path(output), suffix, shard, force)
    file = None if model is None else Path(model)
    wanted = request(file, weights, layers, guide=guide is not None)
    subject = Subject(
        Path(source),
        None if size is None else str(size),
        scale,
        None if mask is None else str(mask),
        None if guide is None else Path(guide),
    )
    loop = LoopSettings(settings or Settings(seed=FOLDER_SEED), "", {})
    asked = Asked(subject, wanted, loop, Machine(backend, threads), Tiles(tile, halo), force)
    tasks = place.tasks(tell=lambda text: None)
    who = crew(workers, scheduler, send_pictures)
    return dream_all(tasks, asked, who, on_picture or (lambda tally: None))
