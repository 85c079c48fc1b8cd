"""A short film of our own, with sound: `python -m scripts.make_clip clip.mp4`.

It has what a film's dream must get right. In the first shot the camera stands still, and a disc
with a cat's fur crosses a landscape: all but its way is a still part. After a cut the camera moves
along the cat. A sine is heard, higher after the cut.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from ort_deepdream import read_picture
from ort_deepdream.film.encoding import Look, writing_film

Bytes = NDArray[np.uint8]

EXAMPLES = Path(__file__).parents[1] / "examples"
RATE = 25
SAMPLES = 48_000  # of sound, a second
STILL_ROWS = 0.4  # of the first shot's height, from above, where nothing moves


def frames(width: int, height: int, shot: int, moves: float = 4.0) -> Iterator[Bytes]:
    """Yield two shots of so many frames, [height, width, 3]; something moves by so many pixels."""
    ground = _photo("landscape.jpg", width, height)
    fur = _photo("cat.jpg", width, height)
    side = height // 2
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    disc = (np.hypot(x, y) <= side / 2)[..., None]
    top = height - side - 2
    for number in range(shot):
        left = round(number * moves) % max(width - side, 1)
        frame = ground.copy()
        place = frame[top : top + side, left : left + side]
        place[:] = np.where(disc, fur[:side, :side], place)
        yield frame
    wide = _photo("cat.jpg", width + round(moves * shot), height + height // 4)
    for number in range(shot):
        left = round(number * moves)
        yield np.ascontiguousarray(wide[height // 8 :][:height, left : left + width])


def sine(seconds: float, pitch: float) -> NDArray[np.float32]:
    """Return a tone, [1, samples]."""
    time = np.arange(round(seconds * SAMPLES)) / SAMPLES
    return (0.2 * np.sin(2 * np.pi * pitch * time)).astype(np.float32)[None]


class Sine:
    """Sound for `writing_film`: a tone for each shot."""

    def __init__(self, shot: float) -> None:
        self.tone = np.concatenate([sine(shot, 440), sine(shot, 660)], axis=1)

    def begin(self, container: av.container.OutputContainer) -> None:
        self.container = container
        self.stream = container.add_stream("aac", rate=SAMPLES, layout="mono")

    def up_to(self, seconds: Fraction | None) -> None:
        if seconds is not None:
            return
        frame = av.AudioFrame.from_ndarray(self.tone, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SAMPLES, 0
        frame.time_base = Fraction(1, SAMPLES)
        self.container.mux(self.stream.encode(frame))
        self.container.mux(self.stream.encode())


def make(path: Path, width: int, height: int, shot: int) -> None:
    """Write the film; each of its two shots has so many frames."""
    look = Look(width, height, Fraction(RATE), Fraction(1, RATE))
    with writing_film(path, look, sound=Sine(shot / RATE)) as film:
        for number, frame in enumerate(frames(width, height, shot)):
            film.add(frame, number, 1)


def _photo(name: str, width: int, height: int) -> Bytes:
    """Return an example's middle, enlarged or reduced until it fills so many pixels."""
    picture = read_picture(EXAMPLES / name)
    high, wide = picture.rgb.shape[:2]
    factor = max(width / wide, height / high)
    made = picture.resized(max(round(wide * factor), width), max(round(high * factor), height)).rgb
    down, across = (made.shape[0] - height) // 2, (made.shape[1] - width) // 2
    return made[down : down + height, across : across + width].round().astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path)
    parser.add_argument("--size", default="320x240", help="WIDTHxHEIGHT")
    parser.add_argument("--shot", type=int, default=25, help="frames of each of the two shots")
    asked = parser.parse_args()
    width, height = map(int, asked.size.split("x"))
    make(asked.film, width, height, asked.shot)


if __name__ == "__main__":
    main()
