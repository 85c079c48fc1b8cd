"""Sizes of pictures, and the pictures that are measured on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ort_deepdream.engine.image import levels, read_picture, write_picture
from ort_deepdream.engine.model import Model
from ort_deepdream.measure.result import Photo, Size
from ort_deepdream.sizes import parse_sides
from ort_deepdream.text import storable

Array = NDArray[np.float32]


def parse_size(text: str) -> Size:
    """Return the size of `182x158`, width first. Raise DreamError for what is none."""
    width, height = parse_sides(text)
    return Size(width=width, height=height)


def noise(model: Model, size: Size) -> Array:
    """Return noise [1, 3, H, W] in the network's units; no work depends on what is seen."""
    shape = (size.height, size.width, 3)
    return model.preprocess(np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32))


def describe_photo(path: Path) -> Photo:
    """Return the record of a photo. Raise DreamError when there is no picture at `path`."""
    height, width = read_picture(path).rgb.shape[:2]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Photo(name=storable(path.name), sha256=digest, width=width, height=height)


def resize_photo(photo: Path, size: Size, folder: Path) -> Path:
    """Write the picture at `photo` in another size as a PNG in `folder`, and return its path."""
    path = folder / f"{size}.png"
    rgb = levels(read_picture(photo).rgb)
    image = Image.fromarray(rgb)
    if image.size != (size.width, size.height):
        image = image.resize((size.width, size.height), Image.Resampling.LANCZOS)
    write_picture(path, np.asarray(image, np.float32))
    return path
