"""Optical flow: where each pixel of a frame was in the frame before, and whether that is sure.

The flow is OpenCV's DIS (Kroeger et al. 2016). It is believed where the way back leads to where it
began (Sundaram et al. 2010),

    |b(p) + f(p + b(p))|^2 <= 0.01 (|b(p)|^2 + |f(p + b(p))|^2) + 0.5

with b from this frame to the one before and f from there to here, and where what is found there
looks the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.film.libraries import opencv
from ort_deepdream.step import Array

Bytes = NDArray[np.uint8]

MEDIUM = 2  # OpenCV's number of the preset
SLACK, PIXELS = 0.01, 0.5  # of the forward-backward check
ALIKE, OTHER = 12.0, 30.0  # levels between two places that look the same, and that do not
SIGMA = 1.5  # pixels that are looked at together
LEAST = 16  # pixels of a side that OpenCV's DIS can do with


class Motion(NamedTuple):
    """How a frame came from the one before.

    back: float32 [H, W, 2], from each pixel to where it was: to the right and down.
    sure: float32 [H, W], 1 where that holds, 0 where the pixel was not to be seen before.
    """

    back: Array
    sure: Array

    @property
    def length(self) -> Array:
        """How far each pixel moved, [H, W]."""
        made: Array = np.sqrt(np.square(self.back).sum(axis=2))
        return made

    def carry(self, values: Array) -> Array:
        """Return values [H, W, C] of the frame before where their pixels are now."""
        return _sampled(values, self.back)


def motion(before: Bytes, now: Bytes) -> Motion:
    """Return the motion between two frames, uint8 [H, W, 3], of one size.

    It is the same whatever number of threads OpenCV is set to.
    """
    cv2 = opencv()
    with one_thread():
        greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (before, now)]
        forth, back = _dis(*greys), _dis(*greys[::-1])
        there = _sampled(forth, back)
        apart = np.square(back + there).sum(axis=2)
        far = np.square(back).sum(axis=2) + np.square(there).sum(axis=2)
        returns = apart <= SLACK * far + PIXELS
        differs = _smooth(np.abs(_sampled(before.astype(np.float32), back) - now).max(axis=2))
        sure = returns * (1 - ramp(differs, ALIKE, OTHER))
        return Motion(back, sure.astype(np.float32) * _inside(back))


def ramp(values: Array, low: float, high: float) -> Array:
    """Return 0 below `low`, 1 above `high`, and a straight line between."""
    made: Array = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return made


def smoothed_difference(one: Array, other: Array) -> Array:
    """Return how many levels two pictures [H, W, 3] differ by, noise taken out, [H, W]."""
    with one_thread():
        made: Array = np.abs(_smooth(one - other)).max(axis=2)
    return made


@contextmanager
def one_thread() -> Iterator[None]:
    """Have OpenCV use one thread in the body: DIS depends on how many share a picture."""
    cv2 = opencv()
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _dis(begin: Bytes, end: Bytes) -> Array:
    """Return where each pixel [H, W] of `begin` is in `end`, relative to where it was."""
    height, width = begin.shape
    # DIS compares patches, and cannot with less than a few of them.
    padding = (0, max(LEAST - height, 0)), (0, max(LEAST - width, 0))
    padded = [np.pad(grey, padding, mode="edge") for grey in (begin, end)]
    found: Array = opencv().DISOpticalFlow_create(MEDIUM).calc(*padded, None)
    return found[:height, :width]


def _smooth(values: Array) -> Array:
    made: Array = opencv().GaussianBlur(values, (0, 0), SIGMA)
    return made


def _sampled(values: Array, moves: Array) -> Array:
    """Return values [H, W, C] at each pixel moved so far, with linear interpolation."""
    cv2 = opencv()
    height, width = moves.shape[:2]
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    where = moves + np.stack([across, down], axis=2).astype(np.float32)
    made: Array = cv2.remap(
        values, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return made


def _inside(back: Array) -> NDArray[np.bool_]:
    """Return which pixels were within the frame before."""
    height, width = back.shape[:2]
    x = np.arange(width) + back[..., 0]
    y = np.arange(height)[:, None] + back[..., 1]
    inside: NDArray[np.bool_] = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return inside
