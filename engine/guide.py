"""A guide: the picture whose features lead a dream, and what a step is fed with of it.

weights/nearest.py has the objective. The features are computed once, by the gradient file itself,
and are an input of each step, one row for each position of the guide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np

from ort_deepdream.engine.sessions.gradient_file import GuidedLayer
from ort_deepdream.errors import DreamError
from ort_deepdream.gradient_format import guide_input, order_input
from ort_deepdream.step import Array, Feed
from ort_deepdream.weights.positions import MOST_POSITIONS, guide_rows

# A larger guide is made smaller, as is one with more than MOST_POSITIONS in a layer: the time and
# the memory of a step grow with them.
MOST_PIXELS = 2**20


def most_pixels(layers: Sequence[GuidedLayer]) -> int:
    """Return how many pixels a guide at these layers may have."""
    return min(MOST_PIXELS, *(MOST_POSITIONS * layer.stride**2 for layer in layers))


def fitted(rgb: Array, layers: Sequence[GuidedLayer]) -> Array:
    """Return a guide [H, W, 3] made smaller to what its layers allow; one that fits as it is."""
    height, width = rgb.shape[:2]
    scale = sqrt(most_pixels(layers) / (height * width))
    if scale >= 1:
        return rgb
    from PIL import Image  # here, for few guides are as large

    size = max(int(width * scale), 1), max(int(height * scale), 1)
    planes = (Image.fromarray(np.ascontiguousarray(rgb[..., c], np.float32)) for c in range(3))
    smaller = [np.asarray(plane.resize(size, Image.Resampling.LANCZOS)) for plane in planes]
    whole: Array = np.clip(np.stack(smaller, axis=2), 0, 255)
    return whole


def guide_feed(layers: Sequence[GuidedLayer], features: Mapping[str, Array]) -> Feed:
    """Return what a step is fed with, of the features [1, C, h, w] of each layer."""
    feed: dict[str, Array] = {}
    for layer in layers:
        rows, numbers = guide_rows(features[layer.name], layer.parts)
        feed |= {guide_input(layer.name): rows, order_input(layer.name): numbers}
    return feed


def bytes_per_pixel(layers: Sequence[GuidedLayer], feed: Feed) -> float:
    """Return the memory that a step takes for each pixel of its picture to find what is nearest.

    It is that of the products of one part of the positions, float32, three times: measured with
    512x512 pixels and 300 to 1024 positions in a part.
    """
    products = (
        len(feed[guide_input(layer.name)]) / layer.parts / layer.stride**2 for layer in layers
    )
    return 3 * 4 * sum(products)


def blank_feed(layers: Sequence[GuidedLayer]) -> Feed:
    """Return the same for no guide, with which a file computes features."""
    return guide_feed(
        layers, {layer.name: np.zeros((1, layer.channels, 1, 1), np.float32) for layer in layers}
    )


def too_small(height: int, width: int, least: int, layers: Sequence[GuidedLayer]) -> DreamError:
    """Return the error about a guide with a side below `least` pixels."""
    names = ", ".join(layer.name for layer in layers)
    return DreamError(
        f"the guide is {width}x{height} pixels, too small for {names}: both sides must be {least} "
        f"or more; choose a larger guide or an earlier layer"
    )
