"""`dream run`: a photograph in, a dream out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ort_deepdream.cli.machine import Machine, where
from ort_deepdream.cli.messages import bar, note, say
from ort_deepdream.cli.outputs import check_output, unused
from ort_deepdream.cli.record import record
from ort_deepdream.cli.sources import Request
from ort_deepdream.engine.deepdream import Dream, Progress, dream
from ort_deepdream.engine.image import Picture, check_writable, read_picture, write_picture
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.settings import Settings
from ort_deepdream.errors import DreamError
from ort_deepdream.marks import mark, write_marks


@dataclass(frozen=True)
class Outputs:
    """Where the dream goes, and its octaves if they are wanted."""

    dream: Path
    octaves: tuple[Path, ...]


def run(
    photo: Path,
    output: Path | None,
    wanted: Request,
    settings: Settings,
    machine: Machine,
    save_octaves: bool,
    load: Callable[[], Model],
) -> None:
    """Dream on the picture at `photo` and write what was dreamt, its settings stored in it."""
    picture = read_picture(photo)

    def outputs() -> Outputs:
        chosen = output or unused(photo.with_name(f"{photo.stem}-dream.png"))
        inputs = photo, *wanted.files
        return _outputs(chosen, inputs, picture, settings.octaves if save_octaves else 0)

    chosen = outputs()
    model = load()
    mark("session")
    started = time.perf_counter()
    result = _watched(model, picture, settings, save_octaves)
    seconds = time.perf_counter() - started
    _note_oddities(result, model)
    if output is None and chosen.dream.exists():
        chosen = outputs()  # another dream of this photo was quicker
    _write(chosen, picture, result, record(photo, wanted, model, settings, machine))
    mark("write")
    height, width = picture.rgb.shape[:2]
    say(
        f"{chosen.dream}: {width}x{height}, {', '.join(model.info.layers)}, "
        f"{where(model)}, seed {settings.seed}, {seconds:.1f} s"
    )
    write_marks()


def _outputs(chosen: Path, inputs: Sequence[Path | str], picture: Picture, octaves: int) -> Outputs:
    """Return where the pictures go. Raise DreamError now, not after minutes of dreaming."""
    numbers = range(1, octaves + 1)
    beside = tuple(chosen.with_name(f"{chosen.stem}-octave{n}.png") for n in numbers)
    check_writable(chosen, alpha=picture.alpha)
    for number, path in enumerate((chosen, *beside)):
        check_output(path, [*inputs, *(chosen, *beside)[:number]])
    return Outputs(chosen, beside)


def _watched(model: Model, picture: Picture, settings: Settings, keep_octaves: bool) -> Dream:
    """Dream with a progress bar."""
    with bar("dreaming") as update:

        def show(at: Progress) -> None:
            mark("first steps" if at.iteration == 1 else "steps")
            place = f"octave {at.octave}/{at.octaves}, {at.width}x{at.height}"
            update(at.fraction, f"{place}, step {at.iteration}/{at.iterations}")

        return dream(model, picture.rgb, settings, on_step=show, keep_octaves=keep_octaves)


def _note_oddities(result: Dream, model: Model) -> None:
    """Note what made this dream less than was asked for."""
    settings = result.settings
    dropped = settings.octaves - len(result.sizes)
    if dropped:
        note(
            f"{dropped} of {settings.octaves} octaves left out: below {model.least_side} pixels "
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


def _write(outputs: Outputs, picture: Picture, result: Dream, metadata: dict[str, str]) -> None:
    write_picture(
        outputs.dream,
        result.rgb,
        alpha=picture.alpha,
        icc_profile=picture.icc_profile,
        metadata=metadata,
    )
    # Dropped octaves leave the last names unused.
    for path, rgb in zip(outputs.octaves, result.octaves, strict=False):
        write_picture(path, rgb, icc_profile=picture.icc_profile, metadata=metadata)
