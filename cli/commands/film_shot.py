"""One shot of a film, dreamt in a worker that has the model already."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice

from ort_deepdream.cli.commands.film_frames import Reading
from ort_deepdream.cli.commands.filming import Filming, made_ready
from ort_deepdream.cli.crew.work import Task, Work, noted
from ort_deepdream.engine.model import Model
from ort_deepdream.errors import DreamError
from ort_deepdream.film.about import about
from ort_deepdream.film.dreaming import Frame, dream_film
from ort_deepdream.film.frames import ABOUT, Frames
from ort_deepdream.film.reading import Part, Source, open_source


@dataclass(frozen=True, slots=True)
class Shot(Task):
    """Frames of a film from one cut to the next; all shots have one folder as their `output`."""

    first: int  # the number of its first frame, that of the film's being 1
    at: int  # the tick that this is shown at
    sums: tuple[int, ...]  # of each frame, as it is dreamt on

    @property
    def numbers(self) -> range:
        """The numbers of its frames."""
        return range(self.first, self.first + len(self.sums))


def checksum(frame: Frame) -> int:
    """Return a number that another frame hardly has."""
    return zlib.crc32(frame.data)


@dataclass(frozen=True, kw_only=True)
class Shooting(Work[Shot]):
    """What all shots of a film are dreamt with, at a width and a height."""

    asked: Filming
    width: int
    height: int

    def dream(self, model: Model, task: Shot) -> list[str]:
        """Dream on what is missing of a shot, and return the notes. Raise DreamError."""
        subject = replace(self.subject, photo=task.photo)
        asked = replace(self.asked, subject=subject, machine=self.machine)
        settings = self.settings(self.height, self.width)
        with noted() as notes:
            model, how, metadata = made_ready(
                asked, settings, self.width, self.height, lambda: model
            )
        frames = Frames(task.output, self.key, first=task.first)
        if not (frames.folder / ABOUT).exists():
            raise DreamError(
                f"{frames.folder}: is not to be seen by a worker; name a place on a file system "
                f"that all share"
            )
        if not frames.is_told:
            frames.begin(about(metadata))
        seen = self._frames(task)
        for frame in dream_film(
            model, seen, settings, asked.film, done=frames, first=task.first, **how
        ):
            frames.add(frame, metadata)
            if not self.wanted_still():
                raise DreamError("nobody wants the rest of the film any more")
        return notes

    def _frames(self, shot: Shot) -> Iterator[Frame]:
        """Yield the frames of a shot, which are those that were seen when cuts were looked for.

        A jump into a film may lead to others, where it is damaged or cannot be decoded from there
        on; then it is read from its beginning. Raise DreamError when they are not found, either.
        """
        source, part, count = open_source(shot.photo), self.asked.part, 0
        start = Fraction(shot.at) * source.look.time_base
        jumped = self._read(source, Part(start, None, part.every))
        for frame in _as_seen(jumped, shot.sums):
            count += 1
            yield frame
        rest = islice(self._read(source, part), shot.first - 1 + count, None)
        for frame in _as_seen(rest, shot.sums[count:]):
            count += 1
            yield frame
        if count < len(shot.sums):
            raise DreamError(
                f"{shot.photo}: is read as another film than when its cuts were looked for; type "
                f"the same line again, without --workers and --scheduler if that does not help"
            )

    def _read(self, source: Source, part: Part) -> Iterator[Frame]:
        return Reading(source, part, self.width, self.height).frames()


def _as_seen(frames: Iterable[Frame], sums: Sequence[int]) -> Iterator[Frame]:
    """Yield frames for as long as they have these checksums."""
    with suppress(DreamError):  # there is no such frame
        for wanted, frame in zip(sums, frames, strict=False):
            if checksum(frame) != wanted:
                return
            yield frame
