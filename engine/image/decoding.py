"""From Pillow's images, of many modes, to one form: RGB, float32, 0..255, upright."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageFile

from ort_deepdream.engine.image.colour import (
    Colours,
    profile_space,
    profile_to_srgb,
    through_grey_profile,
)
from ort_deepdream.engine.image.picture import ByteArray, FloatArray, Picture
from ort_deepdream.engine.machine.mapped import Store, bands, let_go, pictures_folder

LARGE = 1 << 29  # bytes of a picture's numbers, which then lie in a file: 44 million pixels

Box = tuple[int, int, int, int]  # left, top, right, bottom

GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N", "F")

UNSIGNED, SIGNED = 1, 2  # a TIFF's SampleFormat

# By EXIF's orientation.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


# ---------------------------------------------------------------- around the pixels


def upright(image: Image.Image) -> Image.Image:
    """Turn an image as its EXIF orientation says (Pillow has already turned a TIFF).

    Pillow's own function would also look into XMP, which browsers do not.
    """
    exif = Image.Exif()
    # An EXIF block that cannot be parsed does not spoil the picture beside it.
    with suppress(Exception):
        exif.load(image.info.get("exif", b""))
        turn = TURNS.get(exif.get(ExifTags.Base.Orientation, 1))
        return image if turn is None else image.transpose(turn)
    return image


def transparent_level(image: Image.Image) -> int | None:
    """Return the grey level that a PNG or GIF declares transparent, in the image's own levels.

    To be called before the image is loaded: Pillow scales 2 and 4 bits to
    0..255 but not the transparent level, and forgets the bits on loading.
    """
    level = image.info.get("transparency")
    if image.mode not in GREY_MODES or not isinstance(level, int):
        return None
    if image.mode == "1":  # Pillow 11 says 1, later ones 255
        return 255 if level else 0
    bits = image.tile[0].args if isinstance(image, ImageFile.ImageFile) else None
    scale = {"L;2": 85, "L;4": 17}
    return level * scale[bits] if isinstance(bits, str) and bits in scale else level


def first_frame(image: Image.Image) -> Box | None:
    """Return the part of a GIF that its first frame covers, None for all. Before it is loaded."""
    if image.format != "GIF" or not isinstance(image, ImageFile.ImageFile) or not image.tile:
        return None
    box = image.tile[0].extents
    return None if box == (0, 0, *image.size) else box


def decode(
    image: Image.Image, key: int | None, frame: Box | None, colours: Colours | None
) -> Picture:
    """Return the picture in an image.

    key: its transparent grey level. frame: the box that is not transparent, None for all.
    colours: the colour space that the file names without an ICC profile, None for sRGB.
    """
    if colours is not None and colours.over_icc:
        image.info.pop("icc_profile", None)
    elif profile_space(image.info.get("icc_profile")) in ("RGB", "GRAY"):
        colours = None
    picture = _decode(image, key)
    if colours is not None:
        colours.convert(picture.rgb)
    if frame is None:
        return picture
    alpha = np.zeros(picture.rgb.shape[:2], np.uint8)
    left, top, right, bottom = frame
    inside = np.s_[top:bottom, left:right]
    alpha[inside] = 255 if picture.alpha is None else picture.alpha[inside]
    return replace(picture, alpha=alpha)


# ---------------------------------------------------------------- by mode


def _decode(image: Image.Image, key: int | None) -> Picture:
    if image.mode in GREY_MODES:
        return _from_grey(image, key)
    if image.mode in ("CMYK", "LAB"):
        return _from_inks(image)
    return _from_colour(image)


def _from_grey(image: Image.Image, key: int | None) -> Picture:
    """Return the picture in a grey image of any depth; `key` is its transparent level, if any."""
    alpha: ByteArray | None = None
    if image.mode in ("LA", "La"):
        image = image.convert("LA")
        alpha = np.array(image.getchannel("A"))
        image = image.getchannel("L")
    elif image.mode == "1":
        image = image.convert("L")
    is_plain = image.mode == "L" and profile_space(image.info.get("icc_profile")) != "GRAY"
    if is_plain and key is None and "tag_v2" not in vars(image) and _is_large(image):
        return Picture(_to_floats(image.convert("RGB")), alpha, _rgb_profile(image))
    values = np.asarray(image)
    if key is not None:
        alpha = np.where(values == key, 0, 255).astype(np.uint8)
    grey = _grey_levels(image, values)
    profile: bytes = image.info.get("icc_profile", b"")
    if profile_space(profile) == "GRAY":
        # A grey profile does not fit the RGB picture that comes out, so its
        # curve is applied here and the profile dropped.
        return Picture(through_grey_profile(grey, profile), alpha)
    return Picture(np.repeat(grey[:, :, None], 3, axis=2), alpha, _rgb_profile(image))


def _grey_levels(image: Image.Image, values: NDArray[Any]) -> FloatArray:
    """Return grey values of any depth as float32 [H, W], 0..255."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})  # only a TIFF has them
    kind = tags.get(ExifTags.Base.SampleFormat, (UNSIGNED,))[0] if tags else None
    if values.dtype == np.uint8 and kind != SIGNED:
        return values.astype(np.float32)
    if image.mode == "I" and kind == UNSIGNED:
        values = values.astype(np.uint32)  # Pillow hands unsigned 32 bits out as signed
    if image.mode == "L":
        values = values.astype(np.int8)  # and signed 8 bits as unsigned
    levels = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    largest = 0 if image.mode == "F" else np.iinfo(values.dtype).max
    bits = tags.get(ExifTags.Base.BitsPerSample, (0,))[0]
    full = _full_scale(image.mode, bits, float(levels.max()), largest)
    levels = np.clip(levels * (255 / full), 0, 255)
    # Pillow inverts a TIFF whose zero is white up to 8 bits, but not above.
    if tags and tags.get(ExifTags.Base.PhotometricInterpretation, 0) == 0:
        levels = 255 - levels
    return levels.astype(np.float32)


def _full_scale(mode: str, bits: int, peak: float, largest: int) -> float:
    """Return the value that stands for white in a grey image that is not of 8 bits without a sign.

    `bits` is a TIFF's. 32-bit integers and floats have no agreed white: it is the smallest of
    the customary ones that holds the brightest pixel, or else that pixel. The largest integer is
    one of them where the brightest pixel needs all of its bits.
    """
    if mode == "L":
        return 127
    if mode.startswith("I;16"):
        return 4095 if bits == 12 else 65535
    if mode == "I" and bits == 16:
        return 32767  # Pillow keeps signed 16 bits in mode I
    customary = [255, 65535]
    if mode == "F":
        customary = [1, *customary]
    elif peak > largest // 2:
        customary.append(largest)
    return next((white for white in customary if peak <= white), max(peak, 1))


def _from_inks(image: Image.Image) -> Picture:
    """Return the picture in a CMYK or Lab image, as sRGB.

    Neither its colours nor its profile fit an RGB file, so it is converted
    with the profile and the profile dropped. Pillow has already undone the
    inversion of CMYK in JPEG files.
    """
    profile: bytes = image.info.get("icc_profile", b"")
    if image.mode == "LAB":
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        return Picture(_to_floats(profile_to_srgb(image, source)))
    if profile_space(profile) == "CMYK":
        # A profile with the right header may still be broken further down.
        with suppress(ImageCms.PyCMSError):
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            return Picture(_to_floats(profile_to_srgb(image, source)))
    return Picture(_to_floats(image.convert("RGB")))


def _from_colour(image: Image.Image) -> Picture:
    """Return the picture in an RGB, RGBA, palette or YCbCr image; an RGB profile is kept."""
    profile = _rgb_profile(image)
    key = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(key, tuple):
        return Picture(_to_floats(image), _colour_key_alpha(image, key), profile)
    if not image.has_transparency_data:
        if image.mode != "RGB":
            image = image.convert("RGB")
        return Picture(_to_floats(image), None, profile)
    image = image.convert("RGBA")
    alpha = np.array(image.getchannel("A"))
    return Picture(_to_floats(image), alpha, profile)


def _rgb_profile(image: Image.Image) -> bytes | None:
    profile: bytes | None = image.info.get("icc_profile")
    return profile if profile_space(profile) == "RGB" else None


def _colour_key_alpha(image: Image.Image, key: tuple[int, ...]) -> ByteArray:
    """Return the alpha of an RGB image with one transparent colour."""
    # Pillow keeps the high bytes of 16-bit colours, but the whole of the key.
    if max(key) > 255:
        key = tuple(level >> 8 for level in key)
    transparent = (np.asarray(image) == key).all(axis=2)
    return np.where(transparent, 0, 255).astype(np.uint8)


def _to_floats(image: Image.Image) -> FloatArray:
    """Return the red, green and blue [H, W, 3] of an 8-bit image; a large one lies in a file."""
    if not _is_large(image):
        return np.asarray(image)[:, :, :3].astype(np.float32)
    width, height = image.size
    rgb = Store(pictures_folder()).empty(height, width, 3)
    for rows in bands(height, width * 12):
        rgb[rows] = np.asarray(image.crop((0, rows.start, width, rows.stop)))[:, :, :3]
        let_go(rgb)
    return rgb


def _is_large(image: Image.Image) -> bool:
    """Tell whether a picture's numbers would take much of the memory."""
    return image.width * image.height * 12 >= LARGE
