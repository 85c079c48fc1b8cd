"""Gradient ascent on one picture, which stays on the backend's device from `put` to `take`.

A step is one run of one graph: gradient, normalisation, ascent, limits, and the roll to where the
next step wants the picture. Two buffers of the device take turns as its input and its output. The
first step's input comes from the host; after that only scalars and the indices of the roll travel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnxruntime import OrtValue

from engine.model import Model

Array = NDArray[np.float32]


class Ascent:
    """Steps on pictures of one size, [1, 3, height, width] in the network's units."""

    def __init__(self, model: Model, height: int, width: int) -> None:
        self.session = model.session(height, width).run
        self.memory = model.backend.memory
        self.height, self.width = height, width
        self.binding = self.session.io_binding()
        self.lent: dict[str, OrtValue] = {}
        for name, limit in zip(("low", "high"), model.limits(), strict=True):
            self._bind(name, limit[np.newaxis])

    def put(self, image: Array, down: int = 0, across: int = 0) -> None:
        """Take a copy of `image`, rolled by `down` and `across` pixels."""
        rolled = np.empty(image.shape, np.float32)
        roll_into(rolled, image, down, across)
        self.picture = OrtValue.ortvalue_from_numpy(rolled)
        self.shift = down, across
        self.spare: OrtValue | None = None  # a buffer of the device that the next step may fill
        self.on_host = True

    def step(self, length: float, down: int = 0, across: int = 0) -> tuple[float, float]:
        """Ascend by `length` on average, then roll the picture by `down` and `across` in all.

        Returns the objective and the mean absolute gradient, both before the step. A gradient
        that is zero or not finite changes nothing.
        """
        self._bind("length", np.array(length, np.float32))
        self._bind("rows", rolled_indices(self.height, down - self.shift[0]))
        self._bind("columns", rolled_indices(self.width, across - self.shift[1]))
        self.binding.bind_ortvalue_input("image", self.picture)
        self.binding.clear_binding_outputs()
        if self.spare is None:
            self.binding.bind_output("next", self.memory)
        else:
            self.binding.bind_ortvalue_output("next", self.spare)
        self.binding.bind_output("objective")
        self.binding.bind_output("mean")
        self.session.run_with_iobinding(self.binding)
        following, objective, mean = self.binding.get_outputs()
        self.spare = None if self.on_host else self.picture
        self.picture, self.on_host = following, False
        self.shift = down, across
        return float(objective.numpy()), float(mean.numpy())

    def take(self) -> Array:
        """A copy of the picture as it is now, rolled back."""
        rolled: Array = self.picture.numpy()
        image = np.empty_like(rolled)
        roll_into(image, rolled, -self.shift[0], -self.shift[1])
        return image

    def _bind(self, name: str, value: NDArray[np.float32 | np.int64]) -> None:
        """Copy a small input to the device; where that is the host, lend it."""
        self.lent[name] = OrtValue.ortvalue_from_numpy(value)
        self.binding.bind_ortvalue_input(name, self.lent[name])


def rolled_indices(count: int, shift: int) -> NDArray[np.int64]:
    """`x[rolled_indices(len(x), shift)]` is `np.roll(x, shift)`."""
    return (np.arange(count, dtype=np.int64) - shift) % count


def roll_into(target: Array, source: Array, down: int, across: int) -> None:
    """`target[...] = np.roll(source, (down, across), axis=(-2, -1))`, without new memory."""
    height, width = source.shape[-2:]
    down, across = down % height, across % width
    target[..., down:, across:] = source[..., : height - down, : width - across]
    target[..., down:, :across] = source[..., : height - down, width - across :]
    target[..., :down, across:] = source[..., height - down :, : width - across]
    target[..., :down, :across] = source[..., height - down :, width - across :]
