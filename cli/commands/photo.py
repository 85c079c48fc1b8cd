"""`dream run`: a photograph in, a dream out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ort_deepdream.cli.machine import Machine, where
from ort_deepdream.cli.messages import bar, note, say
from ort_deepdream.cli.products import Products, Watcher
from ort_deepdream.cli.record import record
from ort_deepdream.cli.sources import Request
from ort_deepdream.cli.subject import Subject
from ort_deepdream.cli.tiles import Tiles, said
from ort_deepdream.engine.deepdream import Dream, Progress, dream
from ort_deepdream.engine.image import Picture
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.settings import Settings
from ort_deepdream.errors import DreamError
from ort_deepdream.marks import mark, write_marks
from ort_deepdream.step import Array

if TYPE_CHECKING:
    from ort_deepdream.engine.tiles.tiling import Tiling

SettingsFor = Callable[[int, int], Settings]  # a picture of this height and width


def run(
    subject: Subject,
    wanted: Request,
    settings_for: SettingsFor,
    machine: Machine,
    tiles: Tiles,
    products: Products,
    load: Callable[[], Model],
    task: str = "",
) -> None:
    """Dream on a picture and write what was dreamt, its settings stored in it.

    So is the key of a `task`, if it is one of many.
    """
    picture, mask = subject.read()
    guide = subject.read_guide()
    height, width = picture.rgb.shape[:2]
    settings = settings_for(height, width)
    inputs = *subject.files, *wanted.files
    outputs = products.outputs(subject.photo, inputs, picture, settings)
    model = load()
    if guide is not None:
        model = model.with_guide(guide)
    model.require_guide()
    tiling = tiles.divide(model, settings, height, width)
    if tiling is not None:
        note(said(tiling, model, height, width))
    mark("session")
    started = time.perf_counter()
    watcher = Watcher(outputs, picture)
    result = _watched(model, picture, mask, settings, products.octaves, tiling, watcher)
    seconds = time.perf_counter() - started
    _note_oddities(result, model)
    if products.dream is None and not products.force and outputs.dream.exists():
        # Another dream of this photo was quicker.
        outputs = products.outputs(subject.photo, inputs, picture, settings)
    stored = record(subject, wanted, model, settings, machine, tiling, task)
    outputs.write(picture, result, stored)
    if watcher.animation is not None and outputs.animation is not None:
        watcher.animation.write(outputs.animation)
    mark("write")
    say(
        f"{outputs.dream}: {width}x{height}, {', '.join(model.info.layers)}, "
        f"{where(model)}, seed {settings.seed}, {seconds:.1f} s"
    )
    write_marks()
    if products.opened:
        _open(outputs.dream)


def _watched(
    model: Model,
    picture: Picture,
    mask: Array | None,
    settings: Settings,
    keep_octaves: bool,
    tiling: Tiling | None,
    watcher: Watcher,
) -> Dream:
    """Dream with a progress bar."""
    with bar("dreaming") as update:

        def show(at: Progress) -> None:
            mark("first steps" if at.iteration == 1 else "steps")
            place = f"octave {at.octave}/{at.octaves}, {at.width}x{at.height}"
            update(at.fraction, f"{place}, step {at.iteration}/{at.iterations}")
            watcher.step(at)

        def show_tile(at: Progress) -> None:
            place = f"octave {at.octave}/{at.octaves}, step {at.iteration}/{at.iterations}"
            update(at.fraction, f"{place}, tile {at.tile}/{at.tiles}")

        tile, halo = ("off", None) if tiling is None else (tiling.tile, tiling.halo)
        return dream(
            model,
            picture.rgb,
            settings,
            show,
            keep_octaves,
            mask,
            tile=tile,
            halo=halo,
            on_tile=show_tile,
        )


def _note_oddities(result: Dream, model: Model) -> None:
    """Note what made this dream less than was asked for."""
    if result.left_out:
        asked = result.left_out + len(result.sizes)
        note(
            f"{result.left_out} of {asked} octaves left out: below {model.least_side} pixels "
            f"{', '.join(model.info.layers)} has nothing to see"
        )
    if result.idle_steps:
        steps = sum(map(len, result.objectives))
        if result.idle_steps == steps:
            raise DreamError(_why_nothing(result, model))
        note(f"{result.idle_steps} of {steps} steps had no gradient and changed nothing")


def _why_nothing(result: Dream, model: Model) -> str:
    """Return why a dream is the photo as it was, which nobody asked for."""
    layers = ", ".join(model.info.layers)
    if all(math.isfinite(value) for values in result.objectives for value in values):
        return (
            f"nothing of {layers} answers to this picture, so that there is nothing to dream of; "
            f"choose another layer, channel or picture"
        )
    return (
        f"what {layers} answers is not finite on {model.backend.name} in {model.precision}, so "
        f"that there is nothing to dream of; take another backend, or export it again"
    )


def _open(path: Path) -> None:
    """Show a picture in the program that the desktop has for it."""
    import typer

    if typer.launch(str(path)) != 0:
        note(f"{path} cannot be opened here: no program for pictures was found")
