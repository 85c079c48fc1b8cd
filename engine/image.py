"""Pictures in and out: files of many kinds <-> float32 RGB arrays.

Reading brings every kind of picture to one form: RGB, float32, 0..255, upright.
Writing is atomic: a file is either written whole or left as it was.
Every error that a user can mend is a `DreamError` of one line.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import (
    ExifTags,
    Image,
    ImageCms,
    ImageFile,
    ImageOps,
    PngImagePlugin,
    UnidentifiedImageError,
)

from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.files import WriteProtectedError, require_writable, write_bytes

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]

# Only these decoders are tried: Pillow has others that start programs (EPS) or
# that nobody takes photographs in.
READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
WRITABLE = {
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
# How the readable files begin, to tell a damaged picture from something else.
BEGINNING = re.compile(rb"\xff\xd8\xff|\x89PNG|RIFF....WEBP|II[*+]\0|MM\0[*+]|BM|GIF8", re.DOTALL)

GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N", "F")

# Without a handler of its own, what Pillow logs about odd files would be
# printed to stderr, beside the one line that a DreamError is.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Picture:
    """A picture as it was read, upright.

    rgb: float32 [H, W, 3], 0..255. Fractions are kept where the file has more
    than 8 bits and Pillow hands them out (grey pictures).
    alpha: uint8 [H, W], or None when the file has no transparency.
    icc_profile: the colour profile that `rgb` is in, or None for sRGB.
    """

    rgb: FloatArray
    alpha: ByteArray | None = None
    icc_profile: bytes | None = None


# ---------------------------------------------------------------- reading


def read_picture(path: str | os.PathLike[str]) -> Picture:
    """Read the first picture in a JPEG, PNG, WebP, TIFF, BMP or GIF file.

    Raises DreamError when the file is missing, a folder, not readable, empty,
    not a picture, damaged, without pixels, or above Pillow's pixel limit.
    """
    image, key = _load(Path(path))
    if image.mode in GREY_MODES:
        return _from_grey(image, key)
    if image.mode in ("CMYK", "LAB"):
        return _from_inks(image)
    return _from_colour(image)


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read back the metadata that `write_picture` stored; {} when there is none.

    Raises DreamError as `read_picture` does.
    """
    image, _ = _load(Path(path))
    if isinstance(image, PngImagePlugin.PngImageFile):
        return {key: str(value) for key, value in image.text.items()}
    return _metadata_from_json(image.getexif().get(ExifTags.Base.ImageDescription))


def _metadata_from_json(description: object) -> dict[str, str]:
    """Metadata from an ImageDescription; {} for a description in other words than ours."""
    try:
        metadata = json.loads(str(description))
    except ValueError:
        return {}
    if not isinstance(metadata, dict):
        return {}
    return {key: str(value) for key, value in metadata.items()}


def _load(path: Path) -> tuple[Image.Image, int | None]:
    """The image in a file, upright but in its own mode, and its transparent grey level, if any."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            if path.is_dir():  # opening one raises different errors on different systems
                raise DreamError(f"{path}: is a folder; name one picture in it")
            with path.open("rb") as file:
                _check_beginning(path, file.peek(16))
                image = Image.open(file, formats=READABLE)
                key = _transparent_level(image)
                image.load()
                _turn_upright(image)
                return image, key
        # Decoders raise nearly anything on damaged data: SyntaxError, ValueError,
        # struct.error, EOFError, ...
        except Exception as error:
            raise _reading_error(path, error) from error


def _check_beginning(path: Path, beginning: bytes) -> None:
    """Raise DreamError for the first bytes of a file that is no picture."""
    if not beginning:
        raise DreamError(f"{path}: the file is empty; copy or download it again")
    if not BEGINNING.match(beginning):
        raise DreamError(
            f"{path}: not a picture that can be read; use JPEG, PNG, WebP, TIFF, BMP or GIF"
        )


def _reading_error(path: Path, error: Exception) -> DreamError:
    """The DreamError that tells a user what `error` means for the picture at `path`."""
    if isinstance(error, DreamError):
        return error
    if isinstance(error, (Image.DecompressionBombWarning, Image.DecompressionBombError)):
        return DreamError(f"{path}: {_bomb_text(error)}; make the picture smaller first")
    if isinstance(error, FileNotFoundError):
        return DreamError(f"{path}: no such file; check its name and folder")
    if isinstance(error, PermissionError):
        return DreamError(f"{path}: no permission to read it; change that (chmod u+r) or copy it")
    if isinstance(error, MemoryError):
        return DreamError(f"{path}: not enough memory for the picture; make it smaller first")
    if isinstance(error, OSError) and error.errno is not None:
        return DreamError(f"{path}: cannot be read ({error.strerror}); copy it elsewhere")
    return DreamError(
        f"{path}: the picture is damaged, cut short or of a rare kind ({_one_line(error, path)}); "
        "copy or download it again, or save it as PNG"
    )


def _bomb_text(error: Exception) -> str:
    """The pixel count and the limit that is set on it."""
    # Pillow tells the count only in its message: "Image size (N pixels) exceeds ...".
    count = str(error).partition("(")[2].partition(" ")[0]
    return f"{count} pixels are more than the limit of {Image.MAX_IMAGE_PIXELS}"


def _one_line(error: Exception, path: Path) -> str:
    """Pillow's words for an error, without the line breaks and object addresses some have."""
    if isinstance(error, UnidentifiedImageError):  # Pillow says so of a size of 0, too
        return "its header cannot be read, or it has no pixels"
    return " ".join(str(error).split()) or type(error).__name__


# ---------------------------------------------------------------- decoding


def _turn_upright(image: Image.Image) -> None:
    """Turn an image as its EXIF orientation says (Pillow has already turned a TIFF)."""
    # An EXIF block that cannot be parsed does not spoil the picture beside it.
    with suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)


def _transparent_level(image: Image.Image) -> int | None:
    """The grey level that a PNG or GIF declares transparent, in the image's own levels.

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


def _from_grey(image: Image.Image, key: int | None) -> Picture:
    """A grey image of any depth; `key` is its transparent level, if any."""
    alpha: ByteArray | None = None
    if image.mode in ("LA", "La"):
        image = image.convert("LA")
        alpha = np.array(image.getchannel("A"))
        image = image.getchannel("L")
    elif image.mode == "1":
        image = image.convert("L")
    values = np.asarray(image)
    if key is not None:
        alpha = np.where(values == key, 0, 255).astype(np.uint8)
    grey = _grey_levels(image, values)
    profile: bytes = image.info.get("icc_profile", b"")
    if _profile_space(profile) == "GRAY":
        # A grey profile does not fit the RGB picture that comes out, so its
        # curve is applied here and the profile dropped.
        return Picture(_through_grey_profile(grey, profile), alpha)
    return Picture(np.repeat(grey[:, :, None], 3, axis=2), alpha)


def _grey_levels(image: Image.Image, values: NDArray[Any]) -> FloatArray:
    """Grey values of any depth as float32 [H, W], 0..255."""
    if values.dtype == np.uint8:
        return values.astype(np.float32)
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})  # only a TIFF has them
    if image.mode == "I" and tags.get(ExifTags.Base.SampleFormat) == (1,):
        values = values.astype(np.uint32)  # Pillow hands unsigned 32 bits out as signed
    levels = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    full = _full_scale(image.mode, tags.get(ExifTags.Base.BitsPerSample), float(levels.max()))
    levels = np.clip(levels * (255 / full), 0, 255)
    # Pillow inverts a TIFF whose zero is white up to 8 bits, but not above.
    if tags.get(ExifTags.Base.PhotometricInterpretation) == 0:
        levels = 255 - levels
    return levels.astype(np.float32)


def _full_scale(mode: str, bits: tuple[int, ...] | None, peak: float) -> float:
    """The value that stands for white in a grey image of more than 8 bits.

    `bits` is the TIFF tag. 32-bit integers and floats have no agreed white: it
    is the smallest of the customary ones that holds the brightest pixel.
    """
    if mode.startswith("I;16"):
        return 4095 if bits == (12,) else 65535
    if mode == "I" and bits == (16,):
        return 32767  # Pillow keeps signed 16 bits in mode I
    customary = (1, 255, 65535) if mode == "F" else (255, 65535)
    return next((white for white in customary if peak <= white), max(peak, 1))


def _from_inks(image: Image.Image) -> Picture:
    """A CMYK or Lab image, as sRGB.

    Neither its colours nor its profile fit an RGB file, so it is converted
    with the profile and the profile dropped. Pillow has already undone the
    inversion of CMYK in JPEG files.
    """
    profile: bytes = image.info.get("icc_profile", b"")
    if image.mode == "LAB":
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        return Picture(_to_floats(_to_srgb(image, source)))
    if _profile_space(profile) == "CMYK":
        # A profile with the right header may still be broken further down.
        with suppress(ImageCms.PyCMSError):
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            return Picture(_to_floats(_to_srgb(image, source)))
    return Picture(_to_floats(image.convert("RGB")))


def _from_colour(image: Image.Image) -> Picture:
    """An RGB, RGBA, palette or YCbCr image; an RGB profile is kept."""
    profile = image.info.get("icc_profile")
    if _profile_space(profile) != "RGB":
        profile = None
    key = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(key, tuple):
        return Picture(_to_floats(image), _colour_key_alpha(image, key), profile)
    if not image.has_transparency_data:
        return Picture(_to_floats(image.convert("RGB")), None, profile)
    image = image.convert("RGBA")
    alpha = np.array(image.getchannel("A"))
    return Picture(_to_floats(image)[:, :, :3].copy(), alpha, profile)


def _colour_key_alpha(image: Image.Image, key: tuple[int, ...]) -> ByteArray:
    """Alpha of an RGB image with one transparent colour."""
    # Pillow keeps the high bytes of 16-bit colours, but the whole of the key.
    if max(key) > 255:
        key = tuple(level >> 8 for level in key)
    transparent = (np.asarray(image) == key).all(axis=2)
    return np.where(transparent, 0, 255).astype(np.uint8)


def _to_floats(image: Image.Image) -> FloatArray:
    return np.asarray(image).astype(np.float32)


# ---------------------------------------------------------------- colour profiles


def _profile_space(profile: bytes | None) -> str:
    """The colour space of an ICC profile ("RGB", "GRAY", "CMYK"); "" for none or a broken one."""
    if not profile:
        return ""
    try:
        return ImageCms.ImageCmsProfile(BytesIO(profile)).profile.xcolor_space.strip()
    except OSError:
        return ""


def _to_srgb(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    """Convert an image from a profile to 8-bit sRGB."""
    target = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    assert converted is not None  # None is for inPlace=True
    return converted


def _through_grey_profile(grey: FloatArray, profile: bytes) -> FloatArray:
    """Float32 grey [H, W] in a grey profile -> sRGB [H, W, 3], both 0..255.

    The colour engine takes 8 bits only; its answer to all 256 levels, with
    straight lines between them, keeps what a deeper picture has.
    """
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        curves = np.asarray(_to_srgb(ramp, source))[0]
    except ImageCms.PyCMSError:  # broken below its header
        return np.repeat(grey[:, :, None], 3, axis=2)
    channels = [np.interp(grey, np.arange(256), curve) for curve in curves.T]
    return np.stack(channels, axis=2).astype(np.float32)


# ---------------------------------------------------------------- writing


def check_writable(path: str | os.PathLike[str], *, alpha: ByteArray | None = None) -> None:
    """Raise the DreamError that `write_picture` would raise, without leaving a file.

    For calling before a long computation. `alpha` is the one to be written.
    """
    path = Path(path)
    _check_format(path, alpha)
    with _writing(path):
        require_writable(path)


def write_picture(
    path: str | os.PathLike[str],
    rgb: FloatArray,
    *,
    alpha: ByteArray | None = None,
    icc_profile: bytes | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write rgb (float [H, W, 3], 0..255) in the format that the suffix of `path` names.

    Values are rounded half to even and clipped. alpha: uint8 [H, W]. metadata:
    keys of 1 to 79 printable ASCII characters; text chunks in PNG, otherwise
    one JSON object in EXIF's ImageDescription. An existing file is replaced in
    one step; on any failure, an interrupt too, it stays as it was.

    Raises DreamError for a suffix that names no writable format, an alpha
    channel in JPEG, a picture too large for its format, a folder that is
    missing or not writable, and a full disk.
    """
    path = Path(path)
    _check_format(path, alpha)
    data = _encode(path, _to_image(rgb, alpha), icc_profile, dict(metadata or {}))
    with _writing(path):
        write_bytes(path, data)


def _check_format(path: Path, alpha: ByteArray | None) -> None:
    """Raise DreamError when the suffix names no format, or one that cannot hold `alpha`."""
    kind = WRITABLE.get(path.suffix.lower())
    if kind is None:
        written = f"as {path.suffix}" if path.suffix else "without a suffix"
        meant = nearest(path.suffix.lower(), WRITABLE, otherwise="did you mean .png?")
        raise DreamError(
            f"{path}: a picture cannot be written {written}; {meant} ({', '.join(WRITABLE)})"
        )
    # An alpha channel that is opaque everywhere is not missed.
    if kind == "JPEG" and alpha is not None and alpha.min() < 255:
        raise DreamError(
            f"{path}: JPEG has no transparency, and the picture has; choose .png or .webp"
        )


def _to_image(rgb: FloatArray, alpha: ByteArray | None) -> Image.Image:
    """An 8-bit RGB or RGBA image."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ValueError(f"rgb must be [H, W, 3], not {list(rgb.shape)}")
    if alpha is not None and (alpha.shape != rgb.shape[:2] or alpha.dtype != np.uint8):
        raise ValueError(f"alpha must be uint8 {list(rgb.shape[:2])}")
    if not np.isfinite(rgb).all():
        raise ValueError("rgb has values that are not finite")
    image = Image.fromarray(np.clip(np.rint(rgb), 0, 255).astype(np.uint8))
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    return image


def _encode(
    path: Path, image: Image.Image, icc_profile: bytes | None, metadata: dict[str, str]
) -> bytes:
    """The bytes of the file at `path`, in memory: the only errors left are the disk's."""
    kind = WRITABLE[path.suffix.lower()]
    quality: dict[str, dict[str, Any]] = {
        # Dreams are full of fine saturated colour, which JPEG's usual halving of
        # the colour channels would blur.
        "JPEG": {"quality": 95, "subsampling": 0},
        # exact: the colours under transparent pixels stay.
        "WEBP": {"quality": 95, "exact": True},
        "TIFF": {"compression": "tiff_lzw"},
        "PNG": {},
    }
    options = quality[kind]
    if kind == "JPEG":
        image = image.convert("RGB")  # drops an alpha that is opaque everywhere
    if icc_profile:
        options["icc_profile"] = icc_profile
    if metadata:
        options |= _metadata_option(kind, metadata)
    buffer = BytesIO()
    try:
        image.save(buffer, format=kind, **options)
    except (OSError, ValueError) as error:
        # Size limits: 65500 pixels a side in JPEG, 16383 in WebP.
        raise DreamError(
            f"{path}: does not fit {kind} ({_one_line(error, path)}); choose .png"
        ) from error
    return buffer.getvalue()


def _metadata_option(kind: str, metadata: dict[str, str]) -> dict[str, Any]:
    """The option of Pillow's save that stores `metadata` in a file of this kind."""
    for key in metadata:
        if not (1 <= len(key) <= 79 and key.isascii() and key.isprintable()):
            raise ValueError(f"not 1 to 79 printable ASCII characters: {key!r}")
    if kind != "PNG":
        exif = Image.Exif()
        # The tag holds ASCII, and so does JSON as Python writes it.
        exif[ExifTags.Base.ImageDescription] = json.dumps(metadata)
        return {"exif": exif}
    chunks = PngImagePlugin.PngInfo()
    for key, value in metadata.items():
        # iTXt: text chunks of the older kind hold Latin-1 only.
        chunks.add_itxt(key, value)
    return {"pnginfo": chunks}


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Make a DreamError of what the system refuses in the body."""
    try:
        yield
    except OSError as error:
        raise _writing_error(path, error) from error


def _writing_error(path: Path, error: OSError) -> DreamError:
    """The DreamError that tells a user why `path` cannot be written."""
    folder = path.parent
    if isinstance(error, IsADirectoryError):
        return DreamError(f"{path}: is a folder; name a file in it")
    if isinstance(error, WriteProtectedError):
        return DreamError(f"{path}: is write-protected; choose another name")
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return DreamError(f"{path}: the disk is full; make room or choose another folder")
    # Below /proc an existing folder answers so too.
    if isinstance(error, FileNotFoundError) and not folder.exists():
        return DreamError(f"{path}: the folder {folder} does not exist; create it first")
    if isinstance(error, NotADirectoryError):
        return DreamError(f"{path}: {folder} is not a folder; choose another one")
    return DreamError(
        f"{path}: the folder {folder} cannot be written to ({error.strerror}); choose another one"
    )
