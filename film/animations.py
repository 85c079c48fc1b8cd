"""Frames into a GIF, a WebP or an animated PNG, which any browser plays."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, PngImagePlugin

from ort_deepdream.errors import DreamError
from ort_deepdream.files import replacing, require_writable, writing

KINDS = {".apng": "PNG", ".gif": "GIF", ".png": "PNG", ".webp": "WEBP"}
TICKS = {"GIF": 100, "PNG": 1000, "WEBP": 1000}  # a second, that a frame's time is counted in
FASTEST = {"GIF": 50.0, "PNG": 1000.0, "WEBP": 1000.0}  # frames a second; browsers slow others down
LARGEST = {"GIF": 65535, "PNG": 1 << 31, "WEBP": 16383}  # pixels of a side


def check_animation(path: Path, width: int, height: int, fps: float) -> None:
    """Raise the DreamError that writing such an animation to `path` would raise later."""
    kind = KINDS[path.suffix.lower()]
    if max(width, height) > LARGEST[kind]:
        raise DreamError(
            f"{path}: a side of a {path.suffix} is {LARGEST[kind]} pixels at most, not "
            f"{max(width, height)}; choose a smaller --size, or a folder for numbered PNGs"
        )
    if fps > FASTEST[kind]:
        raise DreamError(
            f"{path}: shows {FASTEST[kind]:g} frames a second at most, not {fps:g}; choose --fps "
            f"{FASTEST[kind]:g} or .mp4"
        )
    with writing(path):
        require_writable(path)


def write_animation(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    count: int,
    fps: float,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write so many frames, uint8 [H, W, 3], as an animation that begins anew at its end.

    The suffix of `path` names the format: .gif, .webp, .png or .apng. Frames are shown for
    hundredths of a second in a GIF, else thousandths, so that together they keep to `fps`.
    metadata: as `write_picture` stores it; in a GIF, a comment. Raise DreamError when it cannot be
    written.
    """
    kind = KINDS[path.suffix.lower()]
    first, *others = _images(frames)
    options: dict[str, Any] = {"quality": 90, "method": 3} if kind == "WEBP" else {}
    with writing(path), replacing(path) as temporary, temporary.open("wb") as file:
        first.save(
            file,
            kind,
            save_all=True,
            append_images=others,
            duration=pauses(count, fps, TICKS[kind]),
            loop=0,
            **options,
            **_stored(kind, metadata or {}),
        )


def pauses(count: int, fps: float, ticks: int) -> list[int]:
    """Return for how many milliseconds each frame is shown, in whole ticks of a second."""
    begins = [round(number * ticks / Fraction(fps)) for number in range(count + 1)]
    return [(end - begin) * 1000 // ticks for begin, end in pairwise(begins)]


def _images(frames: Iterable[NDArray[np.uint8]]) -> Iterator[Image.Image]:
    return map(Image.fromarray, frames)


def _stored(kind: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the option of Pillow's save that stores `metadata` in a file of this kind."""
    if kind == "PNG":
        chunks = PngImagePlugin.PngInfo()
        for key, value in metadata.items():
            chunks.add_itxt(key, value)
        return {"pnginfo": chunks}
    text = json.dumps(dict(metadata))
    if kind == "GIF":
        return {"comment": text.encode("ascii")}
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = text
    return {"exif": exif}
