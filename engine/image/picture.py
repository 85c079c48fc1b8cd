"""A picture in memory, and its 8-bit image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ort_deepdream.engine.machine.mapped import bands, let_go

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]


class UnreadableError(Exception):
    """A picture is whole, but of a kind that would be read wrong. Says what it is, what to do."""


@dataclass(frozen=True, repr=False)
class Picture:
    """A picture as it was read, upright.

    rgb: float32 [H, W, 3], 0..255. Fractions are kept where the file has more
    than 8 bits and Pillow hands them out (grey pictures), and where colours had
    to be converted.
    alpha: uint8 [H, W], or None when the file has no transparency.
    icc_profile: the colour profile that `rgb` is in, or None for sRGB.
    """

    rgb: FloatArray
    alpha: ByteArray | None = None
    icc_profile: bytes | None = None

    def __repr__(self) -> str:
        height, width = self.rgb.shape[:2]
        alpha = "" if self.alpha is None else ", with alpha"
        profile = f", ICC profile of {len(self.icc_profile)} bytes" if self.icc_profile else ""
        return f"<Picture {width}x{height}{alpha}{profile}>"

    def resized(self, width: int, height: int) -> Picture:
        """Return the picture in another size, by Lanczos' filter; of its own size it is itself."""
        if self.rgb.shape[:2] == (height, width):
            return self
        from ort_deepdream.engine.image.scaling import scaled  # for the few that are

        return Picture(*scaled(self.rgb, self.alpha, width, height), self.icc_profile)

    @property
    def image(self) -> Image.Image:
        """Pillow's image of it, 8-bit RGB or RGBA: to show, to save, or as uint8 for numpy."""
        image = to_image(self.rgb, self.alpha)
        if self.icc_profile:
            image.info["icc_profile"] = self.icc_profile
        return image

    def _repr_html_(self) -> str:
        from ort_deepdream.engine.notebook import picture_html

        return picture_html(self.image, repr(self))


def to_image(rgb: FloatArray, alpha: ByteArray | None = None) -> Image.Image:
    """Return the 8-bit RGB or RGBA image of `rgb` [H, W, 3], rounded half to even and clipped.

    Raise ValueError for arrays of other shapes, and for values that are not finite.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ValueError(f"rgb must be [H, W, 3], not {list(rgb.shape)}")
    if alpha is not None and (alpha.shape != rgb.shape[:2] or alpha.dtype != np.uint8):
        raise ValueError(f"alpha must be uint8 {list(rgb.shape[:2])}")
    image = _in_bands(rgb)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    return image


def levels(rgb: FloatArray) -> ByteArray:
    """Return a picture in whole levels of 0..255, as files of 8 bits have it."""
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def _in_bands(rgb: FloatArray) -> Image.Image:
    """Return the 8-bit image. A large picture is made of bands: each copy of it takes memory."""
    height, width = rgb.shape[:2]
    image = None
    for rows in bands(height, width * 12):
        band = rgb[rows]
        if not np.isfinite(band).all():
            raise ValueError("rgb has values that are not finite")
        part = Image.fromarray(levels(band))
        if part.height == height:
            return part
        image = image or Image.new("RGB", (width, height))
        image.paste(part, (0, rows.start))
        let_go(rgb)
    assert image is not None  # it has rows
    return image
