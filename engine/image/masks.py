"""Masks, read from pictures."""

from __future__ import annotations

import os

import numpy as np
from PIL import Image

from ort_deepdream.engine.image.picture import FloatArray
from ort_deepdream.engine.image.reading import read_picture
from ort_deepdream.engine.image.scaling import resample
from ort_deepdream.errors import DreamError

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # what Pillow's grey is made of


def read_mask(path: str | os.PathLike[str], width: int, height: int) -> FloatArray:
    """Read a picture as a mask [height, width] for `dream`: white is 1, black 0, transparent 0.

    A picture of another size is stretched to this one, by a filter that leaves 0 what is black all
    around. Raise DreamError as `read_picture` does, and for one that is black all over.
    """
    picture = read_picture(path)
    grey = picture.rgb @ LUMA / np.float32(255)
    if picture.alpha is not None:
        grey *= picture.alpha / np.float32(255)
    mask = resample(grey, width, height, Image.Resampling.BILINEAR)
    if not (mask > 0).any():
        raise DreamError(f"{path}: is black all over, so nothing would dream; white is what dreams")
    return np.clip(mask, 0, 1)
