"""A film's frames on their way to their dreams: in the size that was asked for, and watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ort_deepdream.cli.messages import note
from ort_deepdream.engine.deepdream import Progress
from ort_deepdream.engine.image import Picture, levels
from ort_deepdream.film.dreaming import Frame
from ort_deepdream.film.reading import Part, Source


class Reading:
    """The frames of a film as they are dreamt on, and when each is shown."""

    def __init__(self, source: Source, part: Part, width: int, height: int) -> None:
        self.source, self.part = source, part
        self.width, self.height = width, height
        self.times: list[tuple[int, int]] = []  # ticks: from when on, and for how many
        self.damaged = 0

    def frames(self) -> Iterator[Frame]:
        """Yield the frames, in the size that was asked for."""
        for frame in self.source.frames(self.part, self._is_damaged):
            self.times.append((frame.at, frame.duration * self.part.every))
            if frame.rgb.shape[:2] == (self.height, self.width):
                yield frame.rgb
            else:
                picture = Picture(frame.rgb.astype(np.float32))
                yield levels(picture.resized(self.width, self.height).rgb)

    def _is_damaged(self) -> None:
        self.damaged += 1

    @property
    def told(self) -> str:
        """Return how many frames there are, and their size, in words."""
        frames = "1 frame" if len(self.times) == 1 else f"{len(self.times)} frames"
        return f"{frames} of {self.width}x{self.height}"

    def note_oddities(self) -> None:
        """Note what of the film is not in its dream."""
        if self.damaged:
            note(f"{self.source.path}: {self.damaged} damaged places were passed over")
        if self.source.others:
            note(f"{self.source.path}: left out what a dream has not: {_listed(self.source)}")


def _listed(source: Source) -> str:
    names = {"subtitle": "subtitles", "video": "more pictures"}
    return ", ".join(names.get(kind, kind) for kind in source.others)


class Watcher:
    """What shows how far a film is."""

    def __init__(self, update: Callable[[float, str], None], expected: int | None) -> None:
        self.update, self.expected = update, expected

    def step(self, number: int, at: Progress) -> None:
        """Show a step of the frame with this number."""
        place = f"octave {at.octave}/{at.octaves}, step {at.iteration}/{at.iterations}"
        self._show(number - 1 + at.fraction, f"frame {self._of(number)}, {place}")

    def done(self, number: int) -> None:
        """Show that the frame with this number is done."""
        self._show(number, f"frame {self._of(number)}")

    def _of(self, number: int) -> str:
        return str(number) if self.expected is None else f"{number}/{max(self.expected, number)}"

    def _show(self, frames: float, text: str) -> None:
        self.update(0.0 if self.expected is None else min(frames / self.expected, 1.0), text)
