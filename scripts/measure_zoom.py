"""What a zoom does beside dreaming, as a share of it: `python -m scripts.measure_zoom`.

For each size the CPU time of one frame's dream with the default settings, and of moving, rounding
and writing it; the least of so many trials, one after the other in turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ort_deepdream import Model, Settings, ZoomSettings, dream, load_layer, read_picture
from ort_deepdream.engine.image import levels
from ort_deepdream.film.frames import Frames
from ort_deepdream.film.motion import moved
from ort_deepdream.step import Array

ROOT = Path(__file__).parent.parent
LAYER = "inception_4c/output"
SIZES = ((320, 214), (640, 427), (1024, 683))
TRIALS = 3


def cpu_seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def least(model: Model, rgb: Array) -> list[float]:
    """Return the CPU seconds of a dream, a move, a move with a turn, and a frame's writing."""
    settings = Settings(seed=1)
    made = levels(dream(model, rgb, settings).rgb)
    with TemporaryDirectory() as folder:
        frames = Frames(Path(folder) / "frames", "")
        frames.begin({})
        works: tuple[Callable[[], object], ...] = (
            lambda: dream(model, rgb, settings),
            lambda: moved(made, ZoomSettings()),
            lambda: moved(made, ZoomSettings(turn=3)),
            lambda: frames.add(levels(made.astype(np.float32)), {}),
        )
        trials = [[cpu_seconds(work) for work in works] for _ in range(TRIALS)]
    return [min(times) for times in zip(*trials, strict=True)]


def main() -> None:
    photograph = read_picture(ROOT / "examples" / "landscape.jpg")
    model = load_layer(LAYER, backend="cpu", threads=1)
    print("size       dream s   move ms  turn ms  write ms  share")
    for width, height in SIZES:
        dreamt, move, turn, write = least(model, photograph.resized(width, height).rgb)
        share = (turn + write) / dreamt
        print(
            f"{f'{width}x{height}':9s} {dreamt:8.2f} {1000 * move:9.1f} {1000 * turn:8.1f} "
            f"{1000 * write:9.1f} {share:6.2%}"
        )


if __name__ == "__main__":
    main()
