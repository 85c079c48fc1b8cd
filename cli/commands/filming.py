"""`dream film`: a film in, its dream out, frame after frame."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ort_deepdream import signals
from ort_deepdream.cli.commands.film_frames import Reading, Watcher
from ort_deepdream.cli.commands.folder_task import sha256_of
from ort_deepdream.cli.machine import Machine, where
from ort_deepdream.cli.messages import bar, note, say
from ort_deepdream.cli.outputs import check_output, unused
from ort_deepdream.cli.record import command_line, stored, what_was_dreamt
from ort_deepdream.cli.sources import Request
from ort_deepdream.cli.subject import ALPHA, Subject
from ort_deepdream.cli.tiles import Tiles, said
from ort_deepdream.engine.image.masks import read_mask
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.settings import Settings, as_text, chosen, option_words
from ort_deepdream.errors import DreamError
from ort_deepdream.film.about import about, beside, read_about, write_about
from ort_deepdream.film.dreaming import Frame, dream_film
from ort_deepdream.film.encoding import CONTAINERS, Look, check_film, writing_film
from ort_deepdream.film.frames import ABOUT, Frames, frames_folder
from ort_deepdream.film.reading import Part, Source, open_source
from ort_deepdream.film.settings import FilmSettings
from ort_deepdream.film.sound import CopiedSound, check_sound
from ort_deepdream.film.writing import is_folder

if TYPE_CHECKING:
    from ort_deepdream.engine.tiles.tiling import Tiling

USUAL = ".mp4"


@dataclass(frozen=True)
class Filming:
    """A film as it was asked for; `subject` names it as its photo."""

    subject: Subject
    wanted: Request
    film: FilmSettings
    start: Fraction | None
    stop: Fraction | None
    sound: bool
    machine: Machine
    tiles: Tiles
    output: Path | None
    force: bool

    def __post_init__(self) -> None:
        if self.subject.mask == ALPHA:
            raise DreamError(f"--mask {ALPHA}: films have no transparency; name a picture")
        _ = self.part  # which refuses what there cannot be

    @property
    def part(self) -> Part:
        """The frames that are wanted."""
        return Part(self.start or Fraction(0), self.stop, self.film.every)

    def place(self) -> Path:
        """Return where the film goes."""
        source = self.subject.photo
        suffix = source.suffix.lower() if source.suffix.lower() in CONTAINERS else USUAL
        usual = source.with_name(f"{source.stem}-dream{suffix}")
        return self.output or (usual if self.force else unused(usual))

    def words(self) -> list[str]:
        """Return the options again that are those of a film alone."""
        start = [f"--from={_decimal(self.start)}"] if self.start else []
        stop = [] if self.stop is None else [f"--to={_decimal(self.stop)}"]
        return [*option_words(self.film), *start, *stop, *([] if self.sound else ["--no-sound"])]


def run(
    asked: Filming, settings_for: Callable[[int, int], Settings], load: Callable[[], Model]
) -> None:
    """Dream the frames of a film, or those that are missing, and write it."""
    source, output = open_source(asked.subject.photo), asked.place()
    width, height = asked.subject.sides(source.look.width, source.look.height)
    settings = settings_for(height, width)
    check_place(asked, source, output)
    model, how, metadata = made_ready(asked, settings, width, height, load)
    key = key_of(asked, settings, model.file.path)
    frames = Frames(folder_of(output, key), key, asked.force)
    reading = Reading(source, asked.part, width, height)
    before, started = len(frames), time.perf_counter()
    with signals.undone(lambda: note_kept(frames)), bar("dreaming") as update:
        show = Watcher(update, source.expected(asked.part))
        dreams = dream_film(
            model, reading.frames(), settings, asked.film, done=frames, on_step=show.step, **how
        )
        for frame in dreams:
            if not len(frames):
                frames.begin(about(metadata))
            frames.add(frame, metadata)
            show.done(len(frames))
        if not is_folder(output):
            update(1.0, f"writing {output.name}")
            write_whole(asked, source, output, reading, frames, metadata)
    reading.note_oddities()
    seconds = time.perf_counter() - started
    done = f", {before} of them before" if before else ""
    say(
        f"{output}: {reading.told}{done}, "
        f"{', '.join(model.info.layers)}, {where(model)}, seed {settings.seed}, {seconds:.1f} s"
    )


def made_ready(
    asked: Filming, settings: Settings, width: int, height: int, load: Callable[[], Model]
) -> tuple[Model, dict[str, Any], dict[str, str]]:
    """Return the model with its guide, what else `dream_film` takes, and the film's metadata."""
    mask = None if asked.subject.mask is None else read_mask(asked.subject.mask, width, height)
    guide = asked.subject.read_guide()
    model = load()
    model = model if guide is None else model.with_guide(guide)
    model.require_guide()
    tiling = asked.tiles.divide(model, settings, height, width)
    if tiling is not None:
        note(said(tiling, model, height, width))
    how = {"mask": mask, "tile": asked.tiles.tile, "halo": asked.tiles.halo}
    return model, how, _metadata(asked, model, settings, tiling)


# --- where it goes --------------------------------------------------------------------------------


def folder_of(output: Path, key: str) -> Path:
    """Return where the frames that `key` decides lie until the film is whole."""
    return output if is_folder(output) else frames_folder(output, key)


def check_place(asked: Filming, source: Source, output: Path) -> None:
    """Raise DreamError now for what could not be written after hours."""
    inputs = *asked.subject.files, *asked.wanted.files
    if is_folder(output):
        check_output(output / ABOUT if output.is_dir() else output, inputs)
        return
    check_film(output, source.look.pixel_aspect)
    if asked.sound and source.sounds:
        check_sound(source.path, output)
    check_output(output, inputs)
    told = beside(output)
    check_output(told, inputs)
    if told.exists():
        read_about(told)  # not somebody's own


def write_whole(
    asked: Filming,
    source: Source,
    output: Path,
    reading: Reading,
    frames: Sequence[Frame],
    metadata: dict[str, str],
) -> None:
    """Write the film of the frames, and what is told about it beside it."""
    look = replace(source.look, width=reading.width, height=reading.height)
    first = reading.times[0][0] if asked.start else 0
    with ExitStack() as stack:
        sound = None
        if asked.sound and source.sounds:
            start, stop = _heard(source, look, first, asked.stop)
            sound = stack.enter_context(CopiedSound(source.path, start, stop))
        film = stack.enter_context(writing_film(output, look, json.dumps(metadata), sound))
        for (at, duration), frame in zip(reading.times, frames, strict=True):
            film.add(frame, at - first, duration)
    write_about(beside(output), about(metadata))
    if isinstance(frames, Frames):
        frames.discard()


def _heard(
    source: Source, look: Look, first: int, stop: Fraction | None
) -> tuple[Fraction | None, Fraction | None]:
    """Return from when to when the sound is heard, by the film's own clock; None for all of it."""
    start = source.begins + first * look.time_base
    return start or None, None if stop is None else source.begins + stop


def note_kept(frames: Frames) -> None:
    """Note what there is already of a film that is not whole."""
    if there := len(frames.numbers()):
        note(f"{there} frames are in {frames.folder}; the same command goes on after them")


# --- what it is made of ---------------------------------------------------------------------------


def key_of(asked: Filming, settings: Settings, model: Path) -> str:
    """Return a digest of all that decides the frames, but for where they are dreamt."""
    subject, tiles = asked.subject, asked.tiles
    parts = [
        [sha256_of(path) for path in (model, *subject.files)],
        [subject.size, subject.scale, subject.mask is not None, subject.guide is not None],
        [tiles.tile, tiles.halo, asked.machine.precision, chosen(settings), chosen(asked.film)],
        [str(asked.start), str(asked.stop)],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _metadata(
    asked: Filming, model: Model, settings: Settings, tiling: Tiling | None
) -> dict[str, str]:
    """Return text for the film's metadata; `deepdream.command` makes it again."""
    line = command_line(
        "film", asked.subject, asked.wanted, model, settings, asked.machine, tiling, asked.words()
    )
    values: dict[str, Any] = {name: as_text(value) for name, value in chosen(asked.film).items()}
    if asked.start:
        values["from"] = _decimal(asked.start)
    if asked.stop is not None:
        values["to"] = _decimal(asked.stop)
    what = what_was_dreamt(asked.subject, model, settings, tiling)
    return stored({"command": line, **what, **values})


def _decimal(seconds: Fraction) -> str:
    return f"{float(seconds):.9g}"
