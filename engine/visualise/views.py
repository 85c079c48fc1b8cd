"""How a picture is shown to the network: shifted, turned and enlarged a little, anew each step.

What a network answers to only at one place, angle and size is no figure but a trick. A view is one
bilinear resampling, so nothing is blurred twice, and all views have one size: a device makes one
session. Beyond the picture's edges lies grey.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.step import Array

GREY = 127.5


@dataclass(frozen=True)
class Placement:
    """Where a view lies: enlarged by `scale`, turned by `degrees`, moved by pixels."""

    scale: float
    degrees: float
    down: float
    across: float


def random_placement(random: np.random.Generator, strength: float = 1.0) -> Placement:
    """Draw a placement: Lucid's range of sizes and angles, and its two jitters as one."""
    return Placement(
        scale=1.1 ** random.uniform(-strength, strength),
        degrees=random.uniform(-10, 10) * strength,
        down=random.uniform(-8, 8) * strength,
        across=random.uniform(-8, 8) * strength,
    )


class View:
    """A linear map of pictures [H, W, C] to views of [height, width, C], and its adjoint."""

    def __init__(self, size: tuple[int, int], view: tuple[int, int], at: Placement) -> None:
        self.size, self.view = size, view
        down, across = _positions(size, view, at)
        top, left = np.floor(down), np.floor(across)
        lower, right = down - top, across - left
        corners = (
            (top, left, (1 - lower) * (1 - right)),
            (top, left + 1, (1 - lower) * right),
            (top + 1, left, lower * (1 - right)),
            (top + 1, left + 1, lower * right),
        )
        self.taps = [_inside(size, *corner) for corner in corners]

    def show(self, picture: Array) -> Array:
        """Return the view of a picture, grey where there is none."""
        flat = picture.reshape(-1, picture.shape[-1]) - np.float32(GREY)
        seen = sum(flat[place] * weight[:, None] for place, weight in self.taps)
        return np.asarray(seen + np.float32(GREY)).reshape(*self.view, -1)

    def back(self, gradient: Array) -> Array:
        """Return the gradient by the picture, from that by its view."""
        flat = gradient.reshape(-1, gradient.shape[-1])
        places = np.concatenate([place for place, _ in self.taps])
        weights = np.concatenate([weight for _, weight in self.taps])
        count = self.size[0] * self.size[1]
        back = [
            np.bincount(places, weights * np.tile(plane, len(self.taps)), minlength=count)
            for plane in flat.T
        ]
        return np.stack(back, axis=-1).astype(np.float32).reshape(*self.size, -1)


def _positions(
    size: tuple[int, int], view: tuple[int, int], at: Placement
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the row and column of the picture that each pixel of the view shows."""
    rows = np.arange(view[0])[:, None] - (view[0] - 1) / 2
    columns = np.arange(view[1]) - (view[1] - 1) / 2
    cosine = math.cos(math.radians(at.degrees)) / at.scale
    sine = math.sin(math.radians(at.degrees)) / at.scale
    down = cosine * rows + sine * columns + (size[0] - 1) / 2 + at.down
    across = cosine * columns - sine * rows + (size[1] - 1) / 2 + at.across
    return down.ravel(), across.ravel()


def _inside(
    size: tuple[int, int],
    row: NDArray[np.float64],
    column: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> tuple[NDArray[np.intp], Array]:
    """Return the places of a picture's pixels in a row, and their weights: 0 outside of it."""
    height, width = size
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    place = np.where(inside, row * width + column, 0).astype(np.intp)
    return place, (weight * inside).astype(np.float32)
