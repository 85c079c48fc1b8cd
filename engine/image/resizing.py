"""Pictures brought to another size before they are dreamt on, and masks to that of a picture."""

from __future__ import annotations

import os

import numpy as np
from PIL import Image

from ort_deepdream.engine.image.picture import FloatArray, Picture
from ort_deepdream.engine.image.reading import read_picture
from ort_deepdream.errors import DreamError

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # what Pillow's grey is made of

SEEN = 1 / 255  # the least opacity


def resized(picture: Picture, width: int, height: int) -> Picture:
    """Return the picture in another size, by Lanczos' filter; of its own size it is itself.

    What is transparent does not bleed into what is not. Fractions of a level are kept.
    """
    if picture.rgb.shape[:2] == (height, width):
        return picture
    rgb = _scaled(picture.rgb, width, height)
    if picture.alpha is None:
        return Picture(np.clip(rgb, 0, 255), None, picture.icc_profile)
    opaque = np.divide(picture.alpha[..., np.newaxis], 255, dtype=np.float32)
    alpha = _scaled(opaque, width, height)
    # Colours count as much as they are seen; where nothing is, each as the others.
    seen = _scaled(picture.rgb * opaque, width, height) / np.maximum(alpha, SEEN)
    rgb = np.clip(np.where(alpha >= SEEN, seen, rgb), 0, 255)
    levels = np.rint(np.clip(alpha[..., 0], 0, 1) * 255).astype(np.uint8)
    return Picture(rgb, levels, picture.icc_profile)


def read_mask(path: str | os.PathLike[str], width: int, height: int) -> FloatArray:
    """Read a picture as a mask [height, width] for `dream`: white is 1, black 0, transparent 0.

    A picture of another size is stretched to this one, by a filter that leaves 0 what is black all
    around. Raise DreamError as `read_picture` does, and for one that is black all over.
    """
    picture = read_picture(path)
    grey = picture.rgb @ LUMA / np.float32(255)
    if picture.alpha is not None:
        grey *= picture.alpha / np.float32(255)
    mask = _resample(grey, width, height, Image.Resampling.BILINEAR)
    if not (mask > 0).any():
        raise DreamError(f"{path}: is black all over, so nothing would dream; white is what dreams")
    return np.clip(mask, 0, 1)


def _scaled(values: FloatArray, width: int, height: int) -> FloatArray:
    """Return [H, W, channels] in another size; at edges it may overshoot."""
    planes = np.moveaxis(values, 2, 0)
    made = [_resample(plane, width, height, Image.Resampling.LANCZOS) for plane in planes]
    return np.stack(made, axis=2)


def _resample(plane: FloatArray, width: int, height: int, by: Image.Resampling) -> FloatArray:
    if plane.shape == (height, width):
        return plane
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32)).resize((width, height), by)
    return np.asarray(image, np.float32)
