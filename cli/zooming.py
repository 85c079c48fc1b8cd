"""`dream zoom`: a photograph in, a film out that zooms into its dream."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ort_deepdream import signals
from ort_deepdream.cli.machine import Machine, where
from ort_deepdream.cli.messages import bar, note, note_at_last, say
from ort_deepdream.cli.outputs import check_output, unused
from ort_deepdream.cli.record import command_line, stored, what_was_dreamt
from ort_deepdream.cli.sources import OPTIMISED, Request, find_model
from ort_deepdream.cli.subject import ALPHA, Subject
from ort_deepdream.cli.tiles import Tiles, said
from ort_deepdream.engine.deepdream import Progress
from ort_deepdream.engine.image import Picture
from ort_deepdream.engine.image.colour import in_srgb
from ort_deepdream.engine.loading import load_model
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.settings import Settings, as_text, chosen, option_words
from ort_deepdream.errors import DreamError
from ort_deepdream.film.about import about, read_about, write_about
from ort_deepdream.film.frames import ABOUT, Frames
from ort_deepdream.film.schedule import Change, layers_by_frame
from ort_deepdream.film.settings import ZoomSettings
from ort_deepdream.film.writing import check_film_file, is_folder, write_film_file
from ort_deepdream.film.zooming import levels, zoom
from ort_deepdream.weights.catalogue import cache_folder

FRAMES = ".frames"  # the suffix of the folder that holds a film's frames until it is whole
USUAL = ".webp"  # which needs no extra, and any browser plays
OF_THE_FILE = ("frames", "reverse", "fps")  # of ZoomSettings: they change no frame


@dataclass(frozen=True)
class Zoom:
    """A film as it was asked for."""

    subject: Subject
    wanted: Request
    motion: ZoomSettings
    changes: tuple[Change, ...]
    machine: Machine
    tiles: Tiles
    output: Path | None
    force: bool

    def requests(self) -> dict[int, Request]:
        """Return the models that are asked for from some frames on. Raise DreamError."""
        layers = layers_by_frame(self.changes)
        if layers and self.wanted.file is not None:
            raise DreamError(
                "--model and a layer in --at exclude each other: a gradient file has its layers in "
                "it; leave one out"
            )
        if self.wanted.layers:
            return {frame: replace(self.wanted, layers=named) for frame, named in layers.items()}
        return {frame: replace(self.wanted, guided=named) for frame, named in layers.items()}

    def place(self) -> Path:
        """Return where the film goes. Raise DreamError where it cannot."""
        usual = self.subject.photo.with_name(f"{self.subject.photo.stem}-zoom{USUAL}")
        output = self.output or (usual if self.force else unused(usual))
        if is_folder(output) and self.motion.reverse:
            raise DreamError(
                f"{output}: numbered PNGs stand as they were dreamt, so --reverse is for a film; "
                f"name one, such as {output.with_suffix('.mp4')}"
            )
        return output


def run(
    asked: Zoom, settings_for: Callable[[int, int], Settings], load: Callable[[], Model]
) -> None:
    """Dream the frames of a film, or those that are missing, and write it."""
    requests, output = asked.requests(), asked.place()
    picture, mask = asked.subject.read()
    rgb = _colours(picture, asked.subject.photo)
    height, width = rgb.shape[:2]
    settings = settings_for(height, width)
    _check_place(asked, output, height, width)
    guide = asked.subject.read_guide()
    model = _guided(load(), guide)
    models = {frame: _guided(_loaded(one, model), guide) for frame, one in requests.items()}
    tiling = asked.tiles.divide(model, settings, height, width)
    if tiling is not None:
        note(said(tiling, model, height, width))
    files = {frame: find_model(one, model.backend.file_target) for frame, one in requests.items()}
    frames = Frames(
        output if is_folder(output) else output.with_suffix(FRAMES),
        _key(asked, settings, model, list(files.items())),
        asked.force,
    )
    metadata = _metadata(asked, model, settings, tiling)
    before, started = len(frames), time.perf_counter()
    if before:
        frames.begin(about(metadata))  # which may ask for more frames now
    how = {"mask": mask, "tile": asked.tiles.tile, "halo": asked.tiles.halo}
    changes = _changes(asked.changes, models)
    with signals.undone(lambda: _note_kept(frames, asked.motion)), bar("dreaming") as update:
        watcher = _Watcher(update, asked.motion.dreamt)
        for frame in zoom(model, rgb, settings, asked.motion, changes, frames, watcher.step, **how):
            if not len(frames):
                _require_change(frame, levels(rgb), model)
                frames.begin(about(metadata))
            frames.add(frame, metadata)
        update(1.0, f"writing {output.name}")
        _write(output, frames, asked.motion, metadata)
    watcher.note_left_out(settings, model)
    seconds = time.perf_counter() - started
    done = f", {before} of them before" if before else ""
    say(
        f"{output}: {_length(asked.motion, output)} of {width}x{height}{done}, "
        f"{', '.join(model.info.layers)}, {where(model)}, seed {settings.seed}, {seconds:.1f} s"
    )


# --- where it goes --------------------------------------------------------------------------------


def _check_place(asked: Zoom, output: Path, height: int, width: int) -> None:
    """Raise DreamError now for what could not be written after hours."""
    inputs = *asked.subject.files, *asked.wanted.files
    if is_folder(output):
        check_output(output / ABOUT if output.is_dir() else output, inputs)
        return
    check_film_file(output, width, height, asked.motion.fps)
    check_output(output, inputs)
    beside = output.with_suffix(".json")
    check_output(beside, inputs)
    if beside.exists():
        read_about(beside)  # not somebody's own


def _write(output: Path, frames: Frames, motion: ZoomSettings, metadata: dict[str, str]) -> None:
    """Write the film of the frames, and what is told about it beside it."""
    if is_folder(output):
        return
    order = motion.order(motion.dreamt)
    shown = (frames[number - 1] for number in order)
    write_film_file(output, shown, len(order), motion.fps, metadata)
    write_about(output.with_suffix(".json"), about(metadata))
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


def _colours(picture: Picture, photo: Path) -> Any:
    """Return the pixels in sRGB, which is what films are in."""
    if picture.alpha is not None and picture.alpha.min() < 255:
        note(f"{photo}: its transparency is left out, for films have none")
    return in_srgb(picture.rgb, picture.icc_profile)


def _guided(model: Model, guide: Any) -> Model:
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


def _require_change(frame: Any, photo: Any, model: Model) -> None:
    """Raise DreamError where the first frame is the photograph as it was: so would all be."""
    if np.array_equal(frame, photo):
        raise DreamError(
            f"nothing of {', '.join(model.info.layers)} answers to this picture, so that there is "
            f"nothing to dream of; choose another layer, channel or picture"
        )


def _key(asked: Zoom, settings: Settings, model: Model, files: Sequence[tuple[int, Path]]) -> str:
    """Return a digest of all that decides the frames, but for where they are dreamt."""
    motion = {k: v for k, v in chosen(asked.motion).items() if k not in OF_THE_FILE}
    if asked.motion.loop:
        motion["frames"] = asked.motion.frames  # from there on they are drawn to the first ones
    subject, tiles = asked.subject, asked.tiles
    parts = [
        [_sha256(path) for path in (model.file.path, *subject.files)],
        [subject.size, subject.scale, subject.mask == ALPHA, subject.guide is not None],
        [tiles.tile, tiles.halo, asked.machine.precision, chosen(settings), motion],
        [str(change) for change in asked.changes],
        [(frame, _sha256(path)) for frame, path in files],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _metadata(asked: Zoom, model: Model, settings: Settings, tiling: Any) -> dict[str, str]:
    """Return text for the film's metadata; `deepdream.command` makes it again."""
    at = [f"--at={change}" for change in asked.changes]
    more = [*option_words(asked.motion), *at]
    line = command_line(
        "zoom", asked.subject, asked.wanted, model, settings, asked.machine, tiling, more
    )
    return stored(
        {
            "command": line,
            **what_was_dreamt(asked.subject, model, settings, tiling),
            **{name: as_text(value) for name, value in chosen(asked.motion).items()},
            **({"at": json.dumps([str(change) for change in asked.changes])} if at else {}),
        }
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

    def note_left_out(self, settings: Settings, model: Model) -> None:
        """Note how many octaves were too small to dream at, as `dream run` does."""
        asked = len(settings.octave_sizes) + 1 if settings.octave_sizes else settings.octaves
        if 0 < self.octaves < asked:
            note(
                f"{asked - self.octaves} of {asked} octaves left out: below {model.least_side} "
                f"pixels {', '.join(model.info.layers)} has nothing to see"
            )
