"""How calm a dreamt film is, and what its optical flow costs: `python -m scripts.measure_film`.

The film is that of scripts/make_clip.py, uncompressed. Printed are, in levels of 255, how much the
dream differs from frame to frame: where the camera and all it sees stand still, and where something
moves, there from the dream before carried along with it. Then the CPU time of a frame's flow, and
of its dream where all of it moves.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ort_deepdream import Settings, dream, load_layer
from ort_deepdream.engine.image import levels
from ort_deepdream.engine.model import Model
from ort_deepdream.film.dreaming import Frame, followed
from ort_deepdream.film.flow import motion
from ort_deepdream.film.following import Beginning, Follower
from ort_deepdream.step import Array
from scripts.make_clip import STILL_ROWS, frames

LAYER = "inception_4c/output"
WIDE = 640, 360  # the size that the flow's cost is told for


class Way(NamedTuple):
    name: str
    blend: float
    one_seed: bool


WAYS = (
    Way("each by itself, a seed each", 0.0, False),
    Way("each by itself, one seed", 0.0, True),
    Way("blend 0.5, one seed", 0.5, True),
    Way("blend 0.7, a seed each", 0.7, False),
    Way("blend 0.7, one seed", 0.7, True),
    Way("blend 0.9, one seed", 0.9, True),
)


def dreamt(model: Model, clip: list[Frame], way: Way, settings: Settings) -> Iterator[Frame]:
    def dream_one(number: int, beginning: Beginning) -> Array:
        seed = 1 if way.one_seed else number
        made = dream(model, beginning.rgb, replace(settings, seed=seed), mask=beginning.mask)
        return made.rgb

    if not way.name.startswith("each"):
        yield from followed(clip, dream_one, way.blend)
        return
    for number, frame in enumerate(clip, 1):
        yield levels(dream_one(number, Beginning(frame.astype(np.float32), None, True)))


def still(film: list[Frame], shot: int) -> float:
    rows = int(len(film[0]) * STILL_ROWS)
    pairs = pairwise(frame[:rows].astype(np.float32) for frame in film[:shot])
    return float(np.mean([np.abs(now - before).mean() for before, now in pairs]))


def moving(film: list[Frame], clip: list[Frame], shot: int) -> float:
    found = []
    for number in (*range(1, shot), *range(shot + 1, 2 * shot)):
        moved = motion(clip[number - 1], clip[number])
        where = (moved.sure > 0.9) & (moved.length > 1)
        before = moved.carry(film[number - 1].astype(np.float32))
        found.append(np.abs(film[number] - before)[where].mean())
    return float(np.mean(found))


def added(film: list[Frame], clip: list[Frame], number: int) -> float:
    """Return how many levels a dream changed its frame by, on average."""
    return float(np.abs(film[number].astype(np.float32) - clip[number]).mean())


def brighter(film: list[Frame], clip: list[Frame], number: int) -> float:
    return float(film[number].mean() - clip[number].mean())


def row(values: Iterable[float]) -> str:
    return " ".join(["", *(f"{value:5.2f}" for value in values)])


def cpu_seconds(model: Model, settings: Settings) -> tuple[float, float]:
    """Return the least CPU time of three: of following a frame to the next, and of its dream."""
    before, now = list(frames(*WIDE, 2))[2:]  # of the second shot, where all of it moves
    follows, dreams = [], []
    for _ in range(3):
        follower = Follower(0.7)
        follower.begin(before)
        follower.dreamt(before)
        started = time.process_time()
        beginning = follower.begin(now)
        follows.append(time.process_time() - started)
        started = time.process_time()
        dream(model, beginning.rgb, settings, mask=beginning.mask)
        dreams.append(time.process_time() - started)
    return min(follows), min(dreams)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="200x150", help="WIDTHxHEIGHT of the film")
    parser.add_argument("--shot", type=int, default=12, help="frames of each of its two shots")
    asked = parser.parse_args()
    width, height = map(int, asked.size.split("x"))
    model, settings = load_layer(LAYER, backend="cpu", threads=1), Settings(seed=1)
    clip = list(frames(width, height, asked.shot))
    print(f"{platform.machine()}, {LAYER}, {width}x{height}, {len(clip)} frames; levels of 255")
    print("added and brighter: by the first, the middle and the last dream of the second shot")
    print(f"{'':30} {'still':>6} {'moving':>7} {'added':>18} {'brighter':>18}")
    shown = asked.shot, asked.shot + asked.shot // 2, 2 * asked.shot - 1
    for way in WAYS:
        film = list(dreamt(model, clip, way, settings))
        print(
            f"{way.name:30} {still(film, asked.shot):6.2f} {moving(film, clip, asked.shot):7.2f} "
            f"{row(added(film, clip, number) for number in shown)}"
            f"{row(brighter(film, clip, number) for number in shown)}"
        )
    flow, whole = cpu_seconds(model, settings)
    wide, high = WIDE
    print(
        f"{wide}x{high}: flow {flow:.3f} s and dream {whole:.2f} s of CPU time for a frame; the "
        f"flow, and what is carried by it, is {flow / (flow + whole):.1%} of both"
    )


if __name__ == "__main__":
    main()
