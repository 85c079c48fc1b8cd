"""Gradient ascent on a picture in tiles: the whole picture on the host, one crop on the device.

A step is the same as engine/ascent.py's, in two passes. The first adds up the gradient of every
tile; the second, when the mean absolute gradient of the whole picture is known, moves every pixel.
The picture is never rolled: a tile of the rolled one is read from where its pixels are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from onnxruntime import RunOptions

from ort_deepdream.engine.ascent import UnfinishedStepError
from ort_deepdream.engine.machine.mapped import Store, bands, let_go
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.sessions.session import running, uncaptured
from ort_deepdream.engine.tiles.geometry import Axis, Span, own_units
from ort_deepdream.engine.tiles.tiling import Tiling
from ort_deepdream.step import GRADIENT_OUTPUTS, NO_GRADIENT, Array, Feed, own_names

STRIP = 128  # rows at once: with each pixel that is read the kernel maps 64 KiB of its file
HUGE = 3e38  # a mean above it belongs to a gradient that is not finite

# Is told how many are done, and of how many.
OnTile = Callable[["TiledAscent", int, int], bool | None]


class TiledAscent:
    """Steps on a picture [1, 3, height, width] in the network's units, as `Ascent` takes them.

    `on_tile` is told of each tile; when it returns False, `step` raises UnfinishedStepError.
    Whatever ONNX Runtime raises on the way, such as for want of memory, is a DreamError.
    """

    def __init__(
        self,
        model: Model,
        height: int,
        width: int,
        tiling: Tiling,
        store: Store | None = None,
        on_tile: OnTile = lambda ascent, done, count: None,
    ) -> None:
        self.backend = model.backend
        self.height, self.width = height, width
        self.rows, self.columns = tiling.divided(height, width)
        self.field = tiling.field
        self.on_tile = on_tile
        self.session = model.session(self.rows.side, self.columns.side, own_units=True).run
        self.low, self.high = model.limits()
        self.guide = model.guide
        self.crop = np.empty((1, 3, self.rows.side, self.columns.side), np.float32)
        self.gradient = (store or Store()).empty(1, 3, height, width)
        self._fill_gradient(0)

    @property
    def count(self) -> int:
        """How many tiles there are."""
        return len(self.rows.spans) * len(self.columns.spans)

    def put(self, image: Array, down: int = 0, across: int = 0) -> None:
        """Take `image`, which the steps then change, and roll it by `down` and `across` pixels."""
        self.image, self.shift = image, (down, across)

    def step(
        self, length: float, down: int = 0, across: int = 0, done: float = 0.0
    ) -> tuple[float, float]:
        """Ascend by `length` on average, then roll the picture by `down` and `across` in all.

        Return the objective and the mean absolute gradient, both before the step. A gradient
        that is zero or not finite changes nothing. Raise UnfinishedStepError when `on_tile` says
        so.
        """
        objective = self.add_up()
        mean = self._mean()
        usable = NO_GRADIENT <= mean <= HUGE
        self._move(np.float32(length / mean) if usable else np.float32(0))
        self.shift = (down, across)
        return objective, mean

    def take(self) -> Array:
        """Return the picture as it is now, itself and not a copy."""
        return self.image

    def add_up(self) -> float:
        """Put the gradient of the whole picture into `gradient`; return the objective."""
        objective = 0.0
        for number, (rows, columns) in enumerate(self._tiles(), 1):
            objective += self._add(rows, columns, last=number == self.count)
            if self.on_tile(self, number, self.count) is False:
                self._fill_gradient(0)
                raise UnfinishedStepError
        return objective

    def _tiles(self) -> Iterator[tuple[Span, Span]]:
        return ((rows, columns) for rows in self.rows.spans for columns in self.columns.spans)

    def _add(self, rows: Span, columns: Span, last: bool) -> float:
        """Add one tile's gradient to the whole picture's, and return its objective."""
        places = [*self._places(rows, columns)]
        for inside, there in places:
            self.crop[inside] = self.image[there]
            let_go(self.image)
        own = own_units(self.field, (self.rows, rows), (self.columns, columns))
        counted = dict(zip(self.own_names, own, strict=True))
        feed: Feed = {"image": self.crop, **counted, **self.guide}
        with running(self.backend, self.rows.side, self.columns.side):
            objective, gradient = self.session.run([*GRADIENT_OUTPUTS], feed, _options(last))
        for inside, there in places:
            self.gradient[there] += gradient[inside]
            let_go(self.gradient)
        return float(objective)

    @property
    def own_names(self) -> list[str]:
        """The inputs that say which units of each layer count, in the order of the layers."""
        return own_names(len(self.field.layers))

    def _places(self, rows: Span, columns: Span) -> Iterator[tuple[Any, Any]]:
        """Yield the parts of a crop, each with its place in the picture, which is not rolled."""
        down, across = self.shift
        for inside_rows, these_rows in _parts(rows.crop - down, self.rows, STRIP):
            for inside_columns, these_columns in _parts(
                columns.crop - across, self.columns, self.width
            ):
                yield (
                    (..., inside_rows, inside_columns),
                    (..., these_rows, these_columns),
                )

    def _mean(self) -> float:
        """Return the mean absolute gradient of the whole picture."""
        total = 0.0
        for rows in self._bands():
            total += float(np.abs(self.gradient[:, :, rows]).sum(dtype=np.float64))
            let_go(self.gradient)
        return total / self.gradient.size

    def _move(self, factor: np.float32) -> None:
        """Move every pixel by `factor` times its gradient, within the limits; forget the latter."""
        for rows in self._bands():
            gradient, image = self.gradient[:, :, rows], self.image[:, :, rows]
            if factor:
                gradient *= factor
                image += gradient
            np.clip(image, self.low, self.high, out=image)
            gradient[:] = 0
            let_go(self.image, self.gradient)

    def _fill_gradient(self, value: float) -> None:
        for rows in self._bands():
            self.gradient[:, :, rows] = value
            let_go(self.gradient)

    def _bands(self) -> Iterator[slice]:
        return bands(self.height, self.width * 12)


def _parts(begin: int, axis: Axis, most: int) -> Iterator[tuple[slice, slice]]:
    """Yield the parts of a crop along one axis, and where they lie in the picture, round its end.

    `begin` is where the crop begins, counted without end in both directions. A part has `most`
    pixels at most.
    """
    inside = 0
    while inside < axis.side:
        there = (begin + inside) % axis.length
        count = min(axis.side - inside, axis.length - there, most)
        yield slice(inside, inside + count), slice(there, there + count)
        inside += count


def _options(last: bool) -> RunOptions:
    """Return the options of a run; after the last tile ONNX Runtime gives its memory back.

    The crops of the next octave have another size, for which it would take memory beside it.
    """
    options = uncaptured()
    if last:
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options
