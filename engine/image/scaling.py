"""Pixels brought to another size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]

SEEN = 1 / 255  # the least opacity


def scaled(
    rgb: FloatArray, alpha: ByteArray | None, width: int, height: int
) -> tuple[FloatArray, ByteArray | None]:
    """Return colours [H, W, 3] and transparency [H, W] in another size, by Lanczos' filter.

    What is transparent does not bleed into what is not. Fractions of a level are kept.
    """
    plain = _lanczos(rgb, width, height)
    if alpha is None:
        return np.clip(plain, 0, 255), None
    opaque = np.divide(alpha[..., np.newaxis], 255, dtype=np.float32)
    opacity = _lanczos(opaque, width, height)
    # Colours count as much as they are seen; where nothing is, each as the others.
    seen = _lanczos(rgb * opaque, width, height) / np.maximum(opacity, SEEN)
    colours = np.clip(np.where(opacity >= SEEN, seen, plain), 0, 255)
    return colours, np.rint(np.clip(opacity[..., 0], 0, 1) * 255).astype(np.uint8)


def resample(plane: FloatArray, width: int, height: int, by: Image.Resampling) -> FloatArray:
    """Return one plane [H, W] in another size; at edges it may overshoot, by some filters."""
    if plane.shape == (height, width):
        return plane
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32)).resize((width, height), by)
    return np.asarray(image, np.float32)


def _lanczos(values: FloatArray, width: int, height: int) -> FloatArray:
    """Return [H, W, channels] in another size."""
    planes = np.moveaxis(values, 2, 0)
    made = [resample(plane, width, height, Image.Resampling.LANCZOS) for plane in planes]
    return np.stack(made, axis=2)
