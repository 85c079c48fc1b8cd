"""The pictures: the original, each contender's dream, and how far the dreams differ.

Whatever a file calls a PNG is decoded and written anew, so that a page holds no bytes that Pillow
did not make. What does not decode is named, with the reason.
"""

from __future__ import annotations

import base64
import io
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from ort_deepdream.measure.analysis import TimedContender, find_baseline, ordered
from ort_deepdream.measure.result import Image, Size
from ort_deepdream.report import words
from ort_deepdream.report.runs import Run
from ort_deepdream.report.tables.table import marked

MOST_PIXELS = 40_000_000
WIDEST = 960  # pixels in the page; larger ones are scaled down
SMALL = 300_000  # pixels: up to here without loss
QUALITY = 90
MOST_AMPLIFIED = 64

Rgb = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """A picture in the page, or the reason why there is none."""

    caption: str
    says: str
    source: str  # a data: address, "" when there is no picture
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Row:
    """A dream beside its difference from another picture."""

    title: str
    dream: Shown
    difference: Shown


@dataclass(frozen=True)
class Gallery:
    """The pictures of one run at one size."""

    title: str
    original: Shown | None
    rows: tuple[Row, ...]


class _NoPictureError(Exception):
    """Why bytes of a file cannot be shown."""


def galleries(run: Run) -> list[Gallery]:
    """Return the pictures of a run, the smallest size first."""
    images = run.result.images
    return [_gallery(run, size) for size in ordered(image.size for image in images)]


def _gallery(run: Run, size: Size) -> Gallery:
    images = {image.contender: image for image in run.result.images if image.size == size}
    original = images.pop(None, None)
    dreamt = [contender for contender in run.contenders if contender.record.name in images]
    judge = find_baseline(contender for contender in dreamt if contender.is_sound)
    rows = tuple(_row(contender, judge, images, original) for contender in dreamt)
    title = f"{run.letter} · {words.size(size)}" if run.letter else words.size(size)
    shown = _shown("original", "", original) if original else None
    return Gallery(title, shown, rows)


def _row(
    contender: TimedContender,
    judge: TimedContender | None,
    images: dict[str | None, Image],
    original: Image | None,
) -> Row:
    """Set the judge's dream against the original, any other against the judge's."""
    image, other, name = images[contender.record.name], original, "the original"
    if judge is not None and contender is not judge:
        other, name = images[judge.record.name], f"the dream of {judge.name}"
    title = marked(contender.name, contender.is_sound)
    dream = _shown(f"dream of {contender.name}", "", image)
    return Row(title, dream, _difference(image, other, name))


def _shown(caption: str, says: str, image: Image) -> Shown:
    try:
        rgb = decoded(image)
    except _NoPictureError as error:
        return Shown(caption, f"cannot be shown: {error}", "")
    return _encoded(caption, says, rgb)


def _difference(image: Image, other: Image | None, name: str) -> Shown:
    caption = f"difference from {name}"
    if other is None:
        return Shown(caption, "not in the result file", "")
    try:
        difference = np.abs(decoded(image).astype(np.int16) - decoded(other))
    except _NoPictureError as error:
        return Shown(caption, f"cannot be shown: {error}", "")
    largest = int(difference.max())
    if not largest:
        return Shown(caption, "none: the two are equal in every pixel", "")
    factor = amplification(largest)
    mean = words.figures(float(difference.mean()), 2)
    scaled = f"amplified {factor} times; " if factor > 1 else "not amplified; "
    says = f"{scaled}on average {mean} levels of 255, at most {largest}"
    return _encoded(caption, says, (difference * factor).astype(np.uint8))


def amplification(largest: int) -> int:
    """Return the largest power of two that keeps the largest difference below white."""
    factor = 1
    while factor < MOST_AMPLIFIED and largest * factor * 2 <= 255:
        factor *= 2
    return factor


def decoded(image: Image) -> Rgb:
    """Return a picture's RGB [H, W, 3]. Raise _NoPictureError with a reason for a sentence."""
    if image.size.pixels > MOST_PIXELS:
        raise _NoPictureError(f"{words.size(image.size)} is too large")
    try:
        found = _decode(base64.b64decode(image.png, validate=True))
    except Exception:  # of very many kinds: the bytes may be anything
        raise _NoPictureError("what the result file holds is no whole PNG") from None
    height, width = found.shape[:2]
    if (width, height) != (image.size.width, image.size.height):
        raise _NoPictureError(f"it is {width}×{height} instead of {words.size(image.size)}")
    return found


def _decode(data: bytes) -> Rgb:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a bomb of a picture is only warned of
        with Pillow.open(io.BytesIO(data), formats=("PNG",)) as picture:
            return np.asarray(picture.convert("RGB"))


def _encoded(caption: str, says: str, rgb: Rgb) -> Shown:
    picture = Pillow.fromarray(rgb)
    width, height = picture.size
    if width > WIDEST:
        picture = picture.resize((WIDEST, max(1, round(height * WIDEST / width))))
        says = "; ".join(filter(None, [says, "scaled down for this page"]))
    kind = "PNG" if picture.width * picture.height <= SMALL else "JPEG"
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=QUALITY)
    source = f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return Shown(caption, says, source, picture.width, picture.height)
