"""A guide's positions in a layer: how many there may be, in how many parts they are taken, as rows.

weights/nearest.py multiplies each position of a picture with each of them. A matrix of these
products has one part of the guide's positions; `parts` are so many that it never has more than 256
bytes for each pixel of the picture, whatever the layer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

MOST_POSITIONS = 16384  # of a guide in a layer: 1024x1024 pixels at a stride of 8, 512x512 at 4


def parts(stride: int) -> int:
    """Return in how many parts the positions of a guide are taken at a layer of this stride."""
    return -(-256 // stride**2)


def guide_rows(features: Array, count: int) -> tuple[Array, Array]:
    """Return the features [1, C, h, w] of a guide as rows [n, C], and their numbers [n, 1].

    There are as many as `count`, of parts, divides: a row that was added is the last one again,
    which is never the first with the largest product.
    """
    rows = features[0].reshape(features.shape[1], -1).T
    more = -len(rows) % count
    rows = np.concatenate([rows, np.repeat(rows[-1:], more, axis=0)])
    return rows, np.arange(len(rows), dtype=np.float32)[:, np.newaxis]


def nearest_values(layer: str) -> tuple[str, str]:
    """Return what the nearest features at a layer are called, and their products."""
    return f"nearest/{layer}", f"products/{layer}"


def led_values(products: str) -> tuple[str, ...]:
    """Return the names of `nearest_values` where `products` is the second of them, else none."""
    start, _, layer = products.partition("/")
    return nearest_values(layer) if start == "products" else ()
