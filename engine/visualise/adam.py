"""Adam (https://arxiv.org/abs/1412.6980), upwards, for complex numbers: each part on its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex64]

MEAN_KEPT, SQUARE_KEPT = 0.9, 0.999  # of what went before, at each step
SMALL = 1e-8


class Adam:
    """Steps of about `rate` for each number, whatever its gradient's scale."""

    def __init__(self, rate: float) -> None:
        self.rate, self.steps = rate, 0
        self.mean = self.square = np.zeros((), np.complex64)

    def change(self, gradient: Complex) -> Complex:
        """Return what to add for a gradient."""
        self.steps += 1
        self.mean = _mixed(MEAN_KEPT, self.mean, gradient)
        squares = gradient.real**2 + 1j * gradient.imag**2
        self.square = _mixed(SQUARE_KEPT, self.square, squares.astype(np.complex64))
        mean = self.mean / (1 - MEAN_KEPT**self.steps)
        square = self.square / (1 - SQUARE_KEPT**self.steps)
        change = mean.real / (np.sqrt(square.real) + SMALL) + 1j * (
            mean.imag / (np.sqrt(square.imag) + SMALL)
        )
        added: Complex = (self.rate * change).astype(np.complex64)
        return added


def _mixed(kept: float, old: Complex, new: Complex) -> Complex:
    mixed: Complex = np.float32(kept) * old + np.float32(1 - kept) * new
    return mixed
