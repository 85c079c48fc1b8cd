"""`dream zoom`: a photograph in, a film out that zooms into its dream."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ort_deepdream import signals
from ort_deepdream.cli.commands.zoom import Ready, Zoom, key, record
from ort_deepdream.cli.machine import where
from ort_deepdream.cli.messages import bar, note, note_at_last, say
from ort_deepdream.cli.outputs import check_output
from ort_deepdream.cli.sources import OPTIMISED, Request, find_model
from ort_deepdream.cli.tiles import said
from ort_deepdream.engine.deepdream import Progress
from ort_deepdream.engine.image import Picture, levels
from ort_deepdream.engine.image.colour import in_srgb
from ort_deepdream.engine.loading import load_model
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.settings import Settings
from ort_deepdream.errors import DreamError
from ort_deepdream.film.about import about, beside, read_about, write_about
from ort_deepdream.film.frames import ABOUT, Frames, frames_folder
from ort_deepdream.film.schedule import Change
from ort_deepdream.film.settings import ZoomSettings
from ort_deepdream.film.writing import check_film_file, is_folder, write_film_file
from ort_deepdream.film.zooming import Frame, zoom
from ort_deepdream.step import Array
from ort_deepdream.weights.catalogue import cache_folder


def run(
    asked: Zoom, settings_for: Callable[[int, int], Settings], load: Callable[[], Model]
) -> None:
    """Dream the frames of a film, or those that are missing, and write it."""
    output = asked.place()
    ready = _prepare(asked, output, settings_for, load)
    decided = key(asked, ready)
    folder = output if is_folder(output) else frames_folder(output, decided)
    frames = Frames(folder, decided, asked.force)
    metadata = record(asked, ready)
    before, started = min(len(frames), asked.motion.dreamt), time.perf_counter()
    if before:
        frames.begin(about(metadata))  # which may ask for more frames now
    with signals.undone(lambda: _note_kept(frames, asked.motion)), bar("dreaming") as update:
        watcher = _Watcher(update, asked.motion.dreamt)
        for frame in zoom(
            ready.model,
            ready.rgb,
            ready.settings,
            asked.motion,
            _changes(asked.changes, ready.later),
            frames,
            watcher.step,
            mask=ready.mask,
            tile=asked.tiles.tile,
            halo=asked.tiles.halo,
        ):
            if not len(frames):
                _require_change(frame, ready)
                frames.begin(about(metadata))
            frames.add(frame, metadata)
        update(1.0, f"writing {output.name}")
        _write(output, frames, asked.motion, metadata)
    watcher.note_left_out(ready)
    done = f", {before} of them before" if before else ""
    height, width = ready.rgb.shape[:2]
    say(
        f"{output}: {_length(asked.motion, output)} of {width}x{height}{done}, "
        f"{', '.join(ready.model.info.layers)}, {where(ready.model)}, seed {ready.settings.seed}, "
        f"{time.perf_counter() - started:.1f} s"
    )


def _prepare(
    asked: Zoom,
    output: Path,
    settings_for: Callable[[int, int], Settings],
    load: Callable[[], Model],
) -> Ready:
    """Read and load all that the film is made of. Raise DreamError for what cannot be."""
    requests = asked.requests()
    picture, mask = asked.subject.read()
    rgb = _colours(picture, asked.subject.photo)
    height, width = rgb.shape[:2]
    settings = settings_for(height, width)
    _check_place(asked, output, height, width)
    guide = asked.subject.read_guide()
    model = _guided(load(), guide)
    later = {frame: _guided(_loaded(one, model), guide) for frame, one in requests.items()}
    tiling = asked.tiles.divide(model, settings, height, width)
    if tiling is not None:
        note(said(tiling, model, height, width))
    return Ready(rgb, mask, settings, model, later, tiling)


# --- where it goes --------------------------------------------------------------------------------


def _check_place(asked: Zoom, output: Path, height: int, width: int) -> None:
    """Raise DreamError now for what could not be written after hours."""
    inputs = *asked.subject.files, *asked.wanted.files
    if is_folder(output):
        check_output(output / ABOUT if output.is_dir() else output, inputs)
        return
    check_film_file(output, width, height, asked.motion.fps)
    check_output(output, inputs)
    told = beside(output)
    check_output(told, inputs)
    if told.exists():
        read_about(told)  # not somebody's own


def _write(output: Path, frames: Frames, motion: ZoomSettings, metadata: dict[str, str]) -> None:
    """Write the film of the frames, and what is told about it beside it."""
    if is_folder(output):
        return
    order = motion.order(motion.dreamt)
    shown = (frames[number - 1] for number in order)
    write_film_file(output, shown, len(order), motion.fps, metadata)
    write_about(beside(output), about(metadata))
    frames.discard()


def _length(motion: ZoomSettings, output: Path) -> str:
    """Return how long the film is, for people."""
    if is_folder(output):
        loop = f", the loop from {motion.loop + 1} on," if motion.loop else ""
        return f"{motion.dreamt} frames{loop}"
    return f"{motion.frames} frames, {motion.frames / motion.fps:.1f} s long,"


def _note_kept(frames: Frames, motion: ZoomSettings) -> None:
    kept = frames.on_disk()  # one may have been written just now
    if kept:
        note_at_last(
            f"{kept} of {motion.dreamt} frames are in {frames.folder}; the same command "
            f"goes on after them"
        )


# --- what it is made of ---------------------------------------------------------------------------


def _colours(picture: Picture, photo: Path) -> Array:
    """Return the pixels in sRGB, which is what films are in."""
    if picture.alpha is not None and picture.alpha.min() < 255:
        note(f"{photo}: its transparency is left out, for films have none")
    return in_srgb(picture.rgb, picture.icc_profile)


def _guided(model: Model, guide: Array | None) -> Model:
    if guide is not None:
        model = model.with_guide(guide)
    model.require_guide()
    return model


def _loaded(wanted: Request, like: Model) -> Model:
    """Load the model that a film goes on with, where the first one runs."""
    path = find_model(wanted, like.backend.file_target)
    cache = cache_folder() / OPTIMISED
    return load_model(path, like.backend, like.threads, like.allow_cpu_nodes, cache)


def _changes(changes: Sequence[Change], models: dict[int, Model]) -> dict[int, dict[str, Any]]:
    """Return what changes, as `zoom` takes it."""
    found: dict[int, dict[str, Any]] = {frame: {"model": one} for frame, one in models.items()}
    for change in changes:
        if change.name:
            found.setdefault(change.frame, {})[change.name] = change.value
    return found


def _require_change(frame: Frame, ready: Ready) -> None:
    """Raise DreamError where the first frame is the photograph as it was: so would all be."""
    if np.array_equal(frame, levels(ready.rgb)):
        raise DreamError(
            f"nothing of {', '.join(ready.model.info.layers)} answers to this picture, so that "
            f"there is nothing to dream of; choose another layer, channel or picture"
        )


class _Watcher:
    """What shows how far a film is."""

    def __init__(self, update: Callable[[float, str], None], count: int) -> None:
        self.update, self.count = update, count
        self.octaves = 0

    def step(self, number: int, at: Progress) -> None:
        """Show a step of the frame with this number."""
        self.octaves = at.octaves
        place = f"octave {at.octave}/{at.octaves}, step {at.iteration}/{at.iterations}"
        self.update(
            (number - 1 + at.fraction) / self.count, f"frame {number}/{self.count}, {place}"
        )

    def note_left_out(self, ready: Ready) -> None:
        """Note how many octaves were too small to dream at, as `dream run` does."""
        settings, model = ready.settings, ready.model
        asked = len(settings.octave_sizes) + 1 if settings.octave_sizes else settings.octaves
        if 0 < self.octaves < asked:
            note(
                f"{asked - self.octaves} of {asked} octaves left out: below {model.least_side} "
                f"pixels {', '.join(model.info.layers)} has nothing to see"
            )
