"""Cuts: where a film goes on with another shot, of which nothing was to be seen before.

No library is asked: the flow that is there anyway tells. After a cut hardly any pixel is found in
the frame before; a pan, a zoom and a flash of light each leave more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ort_deepdream.film.flow import Bytes, Motion, motion
from ort_deepdream.film.libraries import opencv

FOUND = 0.25  # of the pixels: with fewer, it is another shot
GLANCE, AREA = (16, 9), 3  # pixels that are enough for a glance; OpenCV's number of means
LEAST = 6.0  # levels, on average: less is no cut that is worth looking for


def is_cut(moved: Motion) -> bool:
    """Return whether a shot begins with the frame that this motion leads to."""
    return bool(moved.sure.mean() < FOUND)


def with_cuts(frames: Iterable[Bytes]) -> Iterator[tuple[Bytes, bool]]:
    """Yield each frame, uint8 [H, W, 3], and whether a shot begins with it, as with the first.

    The flow is asked only where two frames differ at a glance: so each cut is one to a dream, too,
    and one between frames that look alike is passed over.
    """
    before = None
    for frame in frames:
        yield frame, before is None or (_differ(before, frame) and is_cut(motion(before, frame)))
        before = frame


def _differ(one: Bytes, other: Bytes) -> bool:
    """Return whether two frames differ by more than what moves a little in most of them."""
    here, there = (
        opencv().resize(frame, GLANCE, interpolation=AREA).astype(np.int16)
        for frame in (one, other)
    )
    return bool(np.abs(here - there).mean() > LEAST)
