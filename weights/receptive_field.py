"""What one value of a layer sees of the picture, and how many values a side of it has.

A layer is described by the windows on the way to it that see most: one for each convolution or
pool whose kernel or stride is more than 1. All ways to a layer give it the same size.

With j the stride of the picture at a window, a value at position u of the layer sees the pixels

    stride * u - before  to  stride * u + after
    before = sum(padding * j)            after = sum((kernel - 1 - padding) * j)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """The window of a convolution or a pool, along either axis; a dilated kernel with its gaps.

    `rounds_up` is a pool's ceil mode: a last window may reach beyond the picture.
    """

    kernel: int
    stride: int = 1
    padding: int = 0
    rounds_up: bool = False

    def side(self, length: int) -> int:
        """Return how many windows lie on `length` values; 0 where none fits."""
        left = length + 2 * self.padding - self.kernel
        if not self.rounds_up:
            return max(left // self.stride + 1, 0)
        count = -(-left // self.stride) + 1
        # As PyTorch does: the last window begins in the picture or its padding, not behind it.
        behind = (count - 1) * self.stride >= length + self.padding
        return max(count - behind, 0)


def side(windows: Sequence[Window], pixels: int) -> int:
    """Return how many values a layer has along a side of so many pixels."""
    for window in windows:
        pixels = window.side(pixels)
    return pixels


def stride(windows: Sequence[Window]) -> int:
    """Return how many pixels one step in the layer is."""
    total = 1
    for window in windows:
        total *= window.stride
    return total


def reach(windows: Sequence[Window]) -> tuple[int, int]:
    """Return how many pixels a value sees before its own, at `stride * u`, and after it."""
    before = after = 0
    step = 1
    for window in windows:
        before += window.padding * step
        after += (window.kernel - 1 - window.padding) * step
        step *= window.stride
    return before, after
