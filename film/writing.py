"""What a film is written as, by its name: a film file, an animation, or a folder of PNGs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.film import animations

FILMS = (".mkv", ".mov", ".mp4", ".webm")


def is_folder(path: Path) -> bool:
    """Return whether a film of this name is a folder of numbered PNGs."""
    return not path.suffix or path.is_dir()


def check_film_file(path: Path, width: int, height: int, fps: float) -> None:
    """Raise now the DreamError that `write_film_file` would raise for what it is asked for."""
    suffix = path.suffix.lower()
    if suffix in animations.KINDS:
        animations.check_animation(path, width, height, fps)
    elif suffix in FILMS:
        from ort_deepdream.film.encoding import check_film
        from ort_deepdream.film.libraries import pyav

        pyav()
        check_film(path)
    else:
        known = (*FILMS, *animations.KINDS)
        meant = nearest(suffix, known, otherwise="did you mean .mp4?")
        raise DreamError(
            f"{path}: a film cannot be written as {path.suffix}; {meant} ({', '.join(known)}, or a "
            f"name without a suffix for a folder of PNGs)"
        )


def write_film_file(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    count: int,
    fps: float,
    metadata: Mapping[str, str],
) -> None:
    """Write so many frames, uint8 [H, W, 3], to a file whose suffix names the format.

    It stands at `path` once it is whole. Raise DreamError when it cannot be written.
    """
    if path.suffix.lower() in animations.KINDS:
        animations.write_animation(path, frames, count, fps, metadata)
        return
    from ort_deepdream.film.encoding import Look, writing_film

    waiting = iter(frames)
    first = next(waiting)
    height, width = first.shape[:2]
    rate = Fraction(str(fps))
    look = Look(width, height, rate, 1 / rate)
    with writing_film(path, look, json.dumps(dict(metadata))) as film:
        for number, frame in enumerate(chain([first], waiting)):
            film.add(frame, number, 1)
