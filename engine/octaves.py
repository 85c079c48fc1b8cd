"""Octave sizes, and the linear resizing between them.

Both follow `scipy.ndimage.zoom(order=1)`, which the reference algorithm uses:
the first and last samples of an axis stay where they are (corner to corner),
and sizes are rounded as scipy rounds them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.engine.machine.mapped import Store, bands, let_go
from ort_deepdream.errors import DreamError

Array = NDArray[np.float32]


def octave_sizes(
    height: int, width: int, octaves: int, scale: float, minimum: int
) -> list[tuple[int, int]]:
    """Return the sizes (height, width) of a picture's octaves, the smallest first.

    Each octave is `1 / scale` of the one above it, rounded. The list ends with
    the picture's own size and has at most `octaves` entries: those whose shorter
    side would fall below `minimum` pixels are left out, so a shorter list tells
    how many were dropped, and an empty one that the picture itself is too small.
    """
    sizes: list[tuple[int, int]] = []
    size = (height, width)
    while len(sizes) < octaves and min(size) >= minimum:
        sizes.insert(0, size)
        size = (_shrunk(size[0], scale), _shrunk(size[1], scale))
    return sizes


def sizes_by_hand(height: int, width: int, sides: Sequence[int]) -> list[tuple[int, int]]:
    """Return the sizes (height, width) with these longest sides, and last the picture's own.

    Raise DreamError for sides that do not grow, or that are beyond the picture's.
    """
    longest = max(height, width)
    for before, after in pairwise(sides):
        if after <= before:
            raise DreamError(f"octave-sizes must grow, and {after} comes after {before}")
    if sides[-1] > longest:
        raise DreamError(
            f"octave-sizes has {sides[-1]}, and the picture is {width}x{height}; "
            f"dream on a larger one (--size)"
        )
    smaller = [side for side in sides if side < longest]
    scaled = [(height * side / longest, width * side / longest) for side in smaller]
    return [(max(round(h), 1), max(round(w), 1)) for h, w in scaled] + [(height, width)]


def _shrunk(length: int, scale: float) -> int:
    """Return the length of one octave below, with scipy's arithmetic.

    scipy takes the factor 1 / scale and rounds half to even; length / scale
    would round differently now and then.
    """
    return round(length * (1 / scale))


def resize(image: Array, height: int, width: int) -> Array:
    """Resize float32 [..., H, W] to [..., height, width] linearly, corner to corner.

    Return a new array. At some lengths `scipy.ndimage.zoom` lets its last
    coordinate overshoot by one rounding error and makes the last row or column
    zero; here it is the last row or column of the image.
    """
    image = np.asarray(image, dtype=np.float32)
    return _resized_rows(lambda rows: image[..., rows, :], image.shape, height, width, slice(None))


def grown(octave: Array, image: Array, below: Array, store: Store | None = None) -> Array:
    """Return `octave` with what was dreamt on a smaller one: octave + resize(image - below).

    All are float32 [..., H, W], `image` and `below` of one size. The new array is in `store`, and
    is made in bands: a large picture fits into memory only so often.
    """
    height, width = octave.shape[-2:]
    made = (store or Store()).empty(*octave.shape)
    for rows in bands(height, octave.nbytes // height):
        change = _resized_rows(
            lambda these: image[..., these, :] - below[..., these, :],
            image.shape,
            height,
            width,
            rows,
        )
        np.add(octave[..., rows, :], change, out=made[..., rows, :])
        let_go(octave, image, below, made)
    return made


def shrunk(image: Array, height: int, width: int, store: Store | None = None) -> Array:
    """Return `resize(image, height, width)`, which is in `store` and made in bands."""
    made = (store or Store()).empty(*image.shape[:-2], height, width)
    for rows in bands(height, made.nbytes // height):
        made[..., rows, :] = _resized_rows(
            lambda these: image[..., these, :], image.shape, height, width, rows
        )
        let_go(image, made)
    return made


def _resized_rows(
    read: Callable[[slice], Array], shape: tuple[int, ...], height: int, width: int, rows: slice
) -> Array:
    """Return some rows of a picture resized; `read` gives rows of the picture of `shape`."""
    old_height, old_width = shape[-2:]
    lower, upper, weight = _neighbours(old_height, height)
    lower, upper, weight = lower[rows], upper[rows], weight[rows]
    first = int(lower[0])
    strip = read(slice(first, int(upper[-1]) + 1))
    lower, upper = lower - first, upper - first
    # The passes commute. Each costs about what it writes: the first one writes
    # either height x old_width or old_height x width.
    if height * old_width <= old_height * width:
        return _resize_columns(_blended_rows(strip, lower, upper, weight), width)
    return _blended_rows(_resize_columns(strip, width), lower, upper, weight)


def _blended_rows(
    image: Array, lower: NDArray[np.intp], upper: NDArray[np.intp], weight: Array
) -> Array:
    """Resize the axis before the last."""
    return _blend(image[..., lower, :], image[..., upper, :], weight[:, None])


def _resize_columns(image: Array, width: int) -> Array:
    """Resize the last axis."""
    lower, upper, weight = _neighbours(image.shape[-1], width)
    # take is several times faster than indexing along the contiguous axis.
    return _blend(image.take(lower, axis=-1), image.take(upper, axis=-1), weight)


def _neighbours(old: int, new: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Return for each of `new` samples the two of `old` around it, and the second's weight."""
    # linspace ends exactly at the last old sample; a single new one is the first old one.
    position = np.linspace(0, old - 1, new)
    lower = position.astype(np.intp)
    upper = np.minimum(lower + 1, old - 1)
    return lower, upper, (position - lower).astype(np.float32)


def _blend(lower: Array, upper: Array, weight: Array) -> Array:
    """Return lower + (upper - lower) * weight, overwriting both (they are fresh copies)."""
    upper -= lower
    upper *= weight
    lower += upper
    return lower
