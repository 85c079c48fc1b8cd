"""A picture in tiles: where they lie, and what each one needs of the picture around it.

The units of a layer are shared out: each tile owns those whose squares of the picture,
stride x stride pixels, lie in it. A tile's crop of the picture has every pixel that its own units
see, a halo around the tile. So these units are as in the whole picture, and their gradient, which
reaches no further than they see, is all in the crop. Units that the tile does not own count
nothing (engine/sessions/owned_units.py), and the gradients of all crops add up to the whole
picture's.

Crops begin at multiples of the stride, where the windows of the whole picture begin too. All crops
of a picture have one size, which leaves the same rest as the picture's when divided by the stride:
so the last crop can end where the picture ends, and pools round up there as in the whole picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ort_deepdream.step import Array
from ort_deepdream.weights import receptive_field
from ort_deepdream.weights.receptive_field import Window


@dataclass(frozen=True)
class Field:
    """What the layers of an objective see: the windows of each one. Crops begin at its strides."""

    layers: tuple[tuple[Window, ...], ...]

    @property
    def stride(self) -> int:
        """Pixels of the picture for one step in the deepest layer."""
        return max(receptive_field.stride(windows) for windows in self.layers)

    @property
    def before(self) -> int:
        """Pixels before a tile that its own units see."""
        return max(receptive_field.reach(windows)[0] for windows in self.layers)

    @property
    def after(self) -> int:
        """Pixels behind a tile that its own units see."""
        # The last unit of a tile lies one stride before its end.
        ends = (
            receptive_field.reach(windows)[1] + 1 - receptive_field.stride(windows)
            for windows in self.layers
        )
        return max(0, *ends)

    @property
    def halo(self) -> int:
        """The pixels on each side with which a tile is exact."""
        return max(self.before, self.after)


@dataclass(frozen=True)
class Span:
    """A tile along one axis: its pixels `begin` to `end`, and where its crop begins."""

    begin: int
    end: int
    crop: int


@dataclass(frozen=True)
class Axis:
    """The tiles along one axis of a picture, `length` pixels; each crop has `side` of them."""

    length: int
    side: int
    spans: tuple[Span, ...]


def divide(length: int, tile: int, field: Field, halo: int | None = None) -> Axis:
    """Divide an axis into tiles of at most `tile` pixels, each about as large as the next.

    `halo` is how many pixels a crop has on each side of the tile at most; None for all that its
    units see. Where one crop would be as long as the picture, there is one tile.
    """
    stride = field.stride
    count = -(-length // max(tile // stride * stride, stride))
    core = _up(-(-length // count), stride)
    halo = field.halo if halo is None else min(halo, field.halo)
    before, after = _up(min(halo, field.before), stride), min(halo, field.after)
    starts = range(0, length, core)
    crops = [max(start - before, 0) for start in starts]
    ends = [min(start + core + after, length) for start in starts]
    side = max(end - crop for crop, end in zip(crops, ends, strict=True))
    side += (length - side) % stride
    if side >= length:
        return Axis(length, length, (Span(0, length, 0),))
    spans = tuple(
        Span(start, min(start + core, length), min(crop, length - side))
        for start, crop in zip(starts, crops, strict=True)
    )
    return Axis(length, side, spans)


def own_units(field: Field, rows: tuple[Axis, Span], columns: tuple[Axis, Span]) -> Iterator[Array]:
    """Yield for each layer which units of a crop its tile owns: 0 or 1, [1, 1, rows, columns]."""
    for windows in field.layers:
        down, across = (_own(windows, axis, span) for axis, span in (rows, columns))
        yield np.outer(down, across)[np.newaxis, np.newaxis]


def _own(windows: Sequence[Window], axis: Axis, span: Span) -> Array:
    step = receptive_field.stride(windows)
    own = np.zeros(receptive_field.side(windows, axis.side), np.float32)
    first = (span.begin - span.crop) // step
    end = len(own) if span.end == axis.length else (span.end - span.crop) // step
    own[first:end] = 1
    return own


def _up(length: int, step: int) -> int:
    """Return the next multiple of `step`."""
    return -(-length // step) * step
