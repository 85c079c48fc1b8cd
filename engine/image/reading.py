"""Pictures read: every error one line, whatever the file holds."""

from __future__ import annotations

import errno
import json
import logging
import mmap
import os
import re
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path

from PIL import ExifTags, Image, PngImagePlugin, UnidentifiedImageError

from ort_deepdream.engine.image import png
from ort_deepdream.engine.image.colour import Colours
from ort_deepdream.engine.image.decoding import Box, decode, first_frame, transparent_level, upright
from ort_deepdream.engine.image.picture import Picture, UnreadableError
from ort_deepdream.engine.machine.memory import available, gigabytes
from ort_deepdream.errors import DreamError
from ort_deepdream.files import no_file, unreadable

# Only these decoders are tried: Pillow has others that start programs (EPS) or
# that nobody takes photographs in.
READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
KINDS = "JPEG, PNG, WebP, TIFF, BMP or GIF"
# How the readable files begin, to tell a damaged picture from something else.
BEGINNING = re.compile(rb"\xff\xd8\xff|\x89PNG|RIFF....WEBP|II[*+]\0|MM\0[*+]|BM|GIF8", re.DOTALL)
# How others begin that a picture may be taken in, or mistaken for.
OTHERS = {
    rb"....ftyp(?:hei|hev|mif1|msf1)": "a HEIC picture",
    rb"....ftypavi[fs]": "an AVIF picture",
    rb"....ftypcrx|FUJIFILM|IIRO|IIU\0": "a raw photograph",
    rb"....ftyp|\x1aE\xdf\xa3": "a film (for `dream film`)",
    rb"\xff\x0a|\0\0\0\x0cJXL ": "a JPEG XL picture",
    rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51": "a JPEG 2000 picture",
    rb"8BPS": "a Photoshop file",
    rb"%PDF": "a PDF file",
    rb"(?i:\s*(?:<\?xml|<!doctype|<!--|<html|<svg))": "a web page or drawing",
}
MOST_BYTES = 1 << 30  # of a file: 16384x16384 pixels fit, however little they can be packed
PILLOWS_LIMIT = 89_478_485  # pixels: Image.MAX_IMAGE_PIXELS, if nobody has set another
MOST_PIXELS = 1 << 29  # then: who names a picture wants it, and what it takes is asked for first
PIXELS_OF_A_BYTE = 8256  # of a file, at most: deflate packs 1032 bytes in one, each of 8 pixels
BYTES_OF_A_PIXEL = 4  # in Pillow's image, of 8 bits
MORE_BYTES = {"F": 36, "I": 36, "1": 8, "L": 8, "P": 8}  # by mode, with what is made of it
LARGE = 1 << 26  # bytes of a PNG that is not read into memory before it is decoded

# Without a handler of its own, what Pillow logs about odd files would be
# printed to stderr, beside the one line that a DreamError is.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class _Loaded:
    """An image in its own mode, and what Pillow does not tell of it once it is loaded.

    key: its transparent grey level. frame: the part of a GIF that its first frame covers.
    colours: the colour space that a PNG names without an ICC profile.
    """

    image: Image.Image
    key: int | None
    frame: Box | None
    colours: Colours | None


def read_picture(path: str | os.PathLike[str]) -> Picture:
    """Read the first picture in a JPEG, PNG, WebP, TIFF, BMP or GIF file.

    Raise DreamError when the file is missing, a folder, a device or a pipe, not
    readable, empty, above 1 GiB, not a picture, damaged, without pixels, above
    536 million pixels (or a limit that was set in Pillow), too large for the
    memory, or of a kind that would be read wrong.
    """
    with _reading(Path(path)) as file:
        loaded = _load(file)
        return decode(upright(loaded.image), loaded.key, loaded.frame, loaded.colours)


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read back the metadata that `write_picture` stored; {} when there is none.

    Raise DreamError as `read_picture` does.
    """
    with _reading(Path(path)) as file:
        image = _load(file).image
        if isinstance(image, PngImagePlugin.PngImageFile):
            return {key: str(value) for key, value in image.text.items()}
        return _metadata_from_json(_description(image))


def peek_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return what `read_metadata` does, without decoding the pixels: they may be damaged.

    Raise DreamError for what is no picture by its beginning.
    """
    with _reading(Path(path)) as file:
        image = Image.open(file, formats=READABLE)
        if isinstance(image, PngImagePlugin.PngImageFile):
            return {str(k): v for k, v in image.info.items() if isinstance(v, str)}
        return _metadata_from_json(_description(image))


def _description(image: Image.Image) -> object:
    """Return where metadata may be that PNG's text is not: EXIF's, or the comment in a GIF."""
    if image.format == "GIF":
        return bytes(image.info.get("comment", b"")).decode("ascii", "replace")
    return image.getexif().get(ExifTags.Base.ImageDescription)


def _metadata_from_json(description: object) -> dict[str, str]:
    """Return metadata from an ImageDescription; {} for one in other words than ours."""
    try:
        metadata = json.loads(str(description))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(metadata, dict):
        return {}
    return {key: str(value) for key, value in metadata.items()}


@contextmanager
def _reading(path: Path) -> Iterator[BufferedReader]:
    """Give the open file at `path`; whatever goes wrong in the body is a DreamError."""
    with warnings.catch_warnings(), _limit_of_pixels():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            _check_file(path)
            with path.open("rb") as file:
                _check_beginning(path, file.peek(32))
                yield file
        # Decoders raise nearly anything on damaged data: SyntaxError, ValueError,
        # struct.error, EOFError, AssertionError, ...
        except Exception as error:
            raise _reading_error(path, error) from error


def _load(file: BufferedReader) -> _Loaded:
    """Return the image in a file, in its own mode and as it lies there."""
    beginning = file.peek(4)
    if beginning.startswith(b"\x89PNG"):
        return _load_png(file)
    if beginning.startswith((b"II", b"MM")):
        return _load_tiff(file)
    return _load_other(file)


def _load_png(file: BufferedReader) -> _Loaded:
    if os.fstat(file.fileno()).st_size < LARGE:
        data = file.read()
        colours = png.check(data)
        image = Image.open(BytesIO(data), formats=["PNG"])
    else:
        colours = png.check(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        image = Image.open(file, formats=["PNG"])
    _check_large(file, image)
    key = transparent_level(image)
    image.load()
    return _Loaded(image, key, None, colours)


def _load_tiff(file: BufferedReader) -> _Loaded:
    from ort_deepdream.engine.image import tiff  # and Pillow's plug-in, which few photos need

    image = Image.open(file, formats=["TIFF"])
    _check_large(file, image)
    tiff.load(image)
    return _Loaded(image, None, None, None)


def _load_other(file: BufferedReader) -> _Loaded:
    image = Image.open(file, formats=READABLE)
    _check_large(file, image)
    key, frame = transparent_level(image), first_frame(image)
    image.load()
    return _Loaded(image, key, frame, None)


def _check_large(file: BufferedReader, image: Image.Image) -> None:
    """Raise UnreadableError for a large picture that its file cannot hold, or the memory."""
    pixels = image.width * image.height
    if pixels <= PILLOWS_LIMIT:
        return
    size = os.fstat(file.fileno()).st_size
    if pixels > size * PIXELS_OF_A_BYTE:
        raise UnreadableError(
            f"{image.width}x{image.height} pixels are more than {size} bytes can hold: it is "
            f"damaged; copy or download it again"
        )
    room = available()
    if room is None:
        return
    mode = "I" if image.mode.startswith("I;") else image.mode
    needed = pixels * MORE_BYTES.get(mode, BYTES_OF_A_PIXEL)
    if needed > room.free:
        raise UnreadableError(
            f"{image.width}x{image.height} pixels take about {gigabytes(needed)} to read, and "
            f"{gigabytes(room.free)} are {room.limit}; make the picture smaller first"
        )


@contextmanager
def _limit_of_pixels() -> Iterator[None]:
    """Raise Pillow's own limit in the body, which is for pictures that nobody asked for.

    One that the caller's program has set is heeded.
    """
    given = Image.MAX_IMAGE_PIXELS
    if given == PILLOWS_LIMIT:
        Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = given


def _check_file(path: Path) -> None:
    """Raise DreamError for what is no regular file, or too large a one. Nothing is opened yet.

    Opening a pipe waits for who writes to it, and a device may have no end.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise DreamError(f"{path}: is a folder; name one picture in it")
    if not stat.S_ISREG(status.st_mode):
        raise DreamError(f"{path}: is a device or a pipe; save the picture to a file first")
    if status.st_size > MOST_BYTES:
        raise DreamError(
            f"{path}: is {status.st_size / 2**30:.1f} GiB, above the limit of "
            f"{MOST_BYTES >> 30} GiB; make the picture smaller first"
        )


def _check_beginning(path: Path, beginning: bytes) -> None:
    """Raise DreamError for the first bytes of a file that is no picture."""
    if not beginning:
        raise DreamError(f"{path}: the file is empty; copy or download it again")
    if BEGINNING.match(beginning):
        return
    for other, name in OTHERS.items():
        if re.match(other, beginning, re.DOTALL):
            raise DreamError(f"{path}: is {name}, not a picture that can be read; use {KINDS}")
    raise DreamError(f"{path}: not a picture that can be read; use {KINDS}")


def _reading_error(path: Path, error: Exception) -> DreamError:
    """Return the DreamError that tells a user what `error` means for the picture at `path`."""
    if isinstance(error, DreamError):
        return error
    if isinstance(error, UnreadableError):
        return DreamError(f"{path}: {error}")
    if isinstance(error, (Image.DecompressionBombWarning, Image.DecompressionBombError)):
        return DreamError(f"{path}: {_bomb_text(error)}; make the picture smaller first")
    if isinstance(error, MemoryError):
        return DreamError(f"{path}: not enough memory for the picture; make it smaller first")
    if isinstance(error, OSError) and error.errno is not None:
        return _system_error(path, error)
    return DreamError(
        f"{path}: the picture is damaged, cut short or of a rare kind ({_one_line(error)}); "
        "copy or download it again, or save it as PNG"
    )


def _system_error(path: Path, error: OSError) -> DreamError:
    """Return what a user is told when the system refuses, and what to do."""
    if re.match(r"(?i)(?:https?|ftp):/", str(path)):
        address = str(path).replace(":/", "://", 1)  # a Path keeps one slash of the two
        return DreamError(f"{address}: is an address on the web; download the picture first")
    if isinstance(error, FileNotFoundError):
        return no_file(path, "check its name and folder")
    if error.errno == errno.ENAMETOOLONG:
        return DreamError(f"{path}: the name is too long for any file; check it")
    return DreamError(f"{path}: {unreadable(error, 'copy it elsewhere')}")


def _bomb_text(error: Exception) -> str:
    """Return the pixel count and the limit that is set on it."""
    # Pillow tells the count only in its message: "Image size (N pixels) exceeds ...".
    count = str(error).partition("(")[2].partition(" ")[0]
    return f"{count} pixels are more than the limit of {Image.MAX_IMAGE_PIXELS}"


def _one_line(error: Exception) -> str:
    """Return Pillow's words for an error, without line breaks and object addresses."""
    if isinstance(error, UnidentifiedImageError):  # Pillow says so of a size of 0, too
        return "its header cannot be read, or it has no pixels"
    return " ".join(str(error).split()) or type(error).__name__
