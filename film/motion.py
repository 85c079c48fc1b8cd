r"""A frame as the next one begins: enlarged, turned and moved.

Where a pixel of the next frame comes from, counted in pixels from the left upper one's middle:

    source = (1 - zoom) R (pixel - centre) + centre + pan

with R the turn. For a zoom alone around the middle it is the notebook's

    affine_transform(frame, [1 - s, 1 - s, 1], [h s / 2, w s / 2, 0], order=1)

What lies beyond the border is the picture mirrored, so that there is something to dream on.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.engine.machine.mapped import bands
from ort_deepdream.film.settings import ZoomSettings
from ort_deepdream.step import Array

Floats = NDArray[np.float64]
WORKED_ON = 64  # bytes of a pixel, all at once: its four neighbours and their weights


def moved(rgb: NDArray[np.uint8] | Array, settings: ZoomSettings) -> Array:
    """Return the next frame [H, W, 3] of one, as float32, by linear interpolation."""
    height, width = rgb.shape[:2]
    matrix, offset = transform(settings, height, width)
    made = np.empty((height, width, 3), np.float32)
    across = np.arange(width, dtype=np.float64)
    for rows in bands(height, width * WORKED_ON):
        down = np.arange(rows.start, rows.stop, dtype=np.float64)[:, np.newaxis]
        y, x = (
            row[0] * down + row[1] * across + start
            for row, start in zip(matrix, offset, strict=True)
        )
        made[rows] = _sampled(rgb, y, x)
    return made


def transform(settings: ZoomSettings, height: int, width: int) -> tuple[Floats, Floats]:
    """Return the matrix [2, 2] and the offset [2] of `source = matrix @ pixel + offset`.

    Both count rows first.
    """
    turn = math.radians(settings.turn)
    cosine, sine = math.cos(turn), math.sin(turn)
    matrix = (1 - settings.zoom) * np.array([[cosine, -sine], [sine, cosine]])
    sides = np.array([height, width], np.float64)
    centre = sides * (settings.centre[::-1] or (0.5, 0.5))
    pan = sides * (settings.pan[::-1] or (0.0, 0.0))
    return matrix, centre - matrix @ centre + pan


def _sampled(rgb: NDArray[np.uint8] | Array, y: Floats, x: Floats) -> Array:
    """Return the picture at rows y and columns x, between its pixels by linear interpolation."""
    height, width = rgb.shape[:2]
    top, left = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    down, right = ((z - at).astype(np.float32)[..., np.newaxis] for z, at in ((y, top), (x, left)))
    rows = [_mirrored(top + more, height) * width for more in (0, 1)]
    columns = [_mirrored(left + more, width) for more in (0, 1)]
    flat = rgb.reshape(-1, 3)
    upper, lower = (
        (1 - right) * flat.take(row + columns[0], 0) + right * flat.take(row + columns[1], 0)
        for row in rows
    )
    return np.asarray((1 - down) * upper + down * lower, np.float32)


def _mirrored(index: NDArray[np.int64], side: int) -> NDArray[np.int64]:
    """Return the pixel that stands for one beyond the border: ... 2 1 | 0 1 2 ... 2 | 1 0 ..."""
    period = max(2 * (side - 1), 1)
    within = index % period
    return np.minimum(within, period - within) if side > 1 else np.zeros_like(index)
