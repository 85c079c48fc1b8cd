"""A contact sheet: pictures of one size side by side, each with its name below."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ort_deepdream.step import Array

GAP = 4  # pixels between two pictures
LETTERS = 12  # pixels of a label's height
LABEL = 18  # pixels of the row that it is in


def sheet(pictures: Sequence[tuple[str, Array]]) -> Array:
    """Return all pictures [H, W, 3] on one, in about as many columns as rows, with their names."""
    from PIL import Image, ImageDraw, ImageFont

    from ort_deepdream.engine.image.picture import to_image

    height, width = pictures[0][1].shape[:2]
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    size = columns * (width + GAP) - GAP, rows * (height + LABEL)
    canvas = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(LETTERS)
    for number, (name, rgb) in enumerate(pictures):
        left, top = number % columns * (width + GAP), number // columns * (height + LABEL)
        canvas.paste(to_image(rgb), (left, top))
        pen.text((left + 2, top + height + 1), _fitting(name, font, width), "black", font)
    return np.asarray(canvas, np.float32)


def _fitting(name: str, font: object, width: int) -> str:
    """Return the end of a name, as much of it as there is room for."""
    while len(name) > 1 and font.getlength(name) > width:  # type: ignore[attr-defined]
        name = name[1:]
    return name
