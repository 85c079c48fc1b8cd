"""Small films for tests, and what is in one, as PyAV reads it: no code of ours."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from ort_deepdream.film.encoding import Look, writing_film
from scripts.make_clip import Sine, frames


class Facts(NamedTuple):
    """Seconds from when on each frame is shown, and the packets of sound with theirs."""

    times: list[Fraction]
    sound: list[tuple[Fraction, bytes]]


def facts(path: Path | str) -> Facts:
    """Return when a film's frames are shown, and its sound."""
    with av.open(str(path)) as film:
        shown = [one.pts * one.time_base for one in film.decode(video=0)]
    if not has_sound(path):
        return Facts(shown, [])
    with av.open(str(path)) as film:
        packets = [one for one in film.demux(audio=0) if one.dts is not None]
        return Facts(shown, [(one.pts * one.time_base, bytes(one)) for one in packets])


def length(path: Path | str) -> Fraction:
    """Return how many seconds the pictures of a film take."""
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        return stream.duration * stream.time_base


def has_sound(path: Path | str) -> bool:
    """Return whether a film can be heard."""
    with av.open(str(path)) as film:
        return bool(film.streams.audio)


def draw_clip(
    path: Path | str,
    shot: int = 3,
    size: tuple[int, int] = (64, 48),
    ticks: list[int] | None = None,
    look: Look | None = None,
    sound: Sine | None = None,
) -> Path:
    """Write a film of two shots of so many frames; `ticks` are of 1/90000 s unless `look` says."""
    width, height = size
    look = look or Look(width, height, Fraction(25), Fraction(1, 90_000))
    ticks = ticks or [3600 * number for number in range(2 * shot)]
    with writing_film(Path(path), look, sound=sound) as film:
        for at, frame in zip(ticks, frames(width, height, shot), strict=True):
            film.add(frame, at, round(1 / look.rate / look.time_base))
    return Path(path)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return a picture of soft spots, uint8 [height, width, 3]."""
    import cv2

    random = np.random.default_rng(seed)
    spots = cv2.GaussianBlur(random.normal(size=(height, width, 3)), (0, 0), 3)
    return np.clip(128 + 40 * spots / spots.std(), 0, 255).astype(np.uint8)
