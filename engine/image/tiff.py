"""What Pillow reads wrong in a TIFF, and what libtiff says on stderr."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import IO

from PIL import ExifTags, Image
from PIL.TiffImagePlugin import TiffImageFile

from ort_deepdream.engine.image.picture import UnreadableError

# libtiff hands samples out in this machine's order, and Pillow takes some for the file's: its names
# of them, and what they have to be.
NATIVE = {
    "F;32F": "F;32NF",
    "F;32BF": "F;32NF",
    "I;16S": "I;16NS",
    "I;16BS": "I;16NS",
    "I;32S": "I;32NS",
    "I;32BS": "I;32NS",
}
# How libtiff begins a line: with one of its functions, or with what Pillow calls the file.
LIBTIFF = re.compile(
    rb"(?:tempfile\.tif|JPEGLib|\w*(?:TIFF|Decode|Setup|State|Required|Strip)\w*): "
)
INK_SET = 332
SEPARATE = 2  # PlanarConfiguration: one plane after the other

_stderr = Lock()


def load(image: Image.Image) -> None:
    """Load the pixels of a TIFF that was just opened.

    Raise UnreadableError for what Pillow would read wrong, what Pillow raises, and ValueError for
    what libtiff complains of: that goes on after some damage, and tells of it on stderr only.
    """
    assert isinstance(image, TiffImageFile)
    reason = _why_not(image)
    if reason is not None:
        raise UnreadableError(f"{reason}; save it as PNG first")
    image.info.pop("xmp", None)  # Pillow would turn the picture by it, as nobody else does
    if image.use_load_libtiff:
        _load_through_libtiff(image)
    else:
        image.load()


def _why_not(image: TiffImageFile) -> str | None:
    """Return what would be read wrong; None for most files."""
    tags = image.tag_v2
    is_preview = tags.get(ExifTags.Base.NewSubfileType, 0) & 1
    if is_preview and (ExifTags.Base.SubIFDs in tags or image.is_animated):
        return "has a preview first and the picture behind it, as raw photographs do"
    if tags.get(INK_SET, 1) != 1:
        return "is a TIFF of other inks than CMYK"
    if tags.get(ExifTags.Base.PlanarConfiguration) != SEPARATE:
        return None
    if image.mode in ("LA", "La", "PA"):
        return "is a TIFF with its transparency in a plane of its own"
    if image.mode == "LAB":
        return "is a TIFF of separate planes of Lab"
    bits = max(tags.get(ExifTags.Base.BitsPerSample, (1,)))
    if bits > 8 and image.mode in ("RGB", "RGBA", "CMYK") and not image.use_load_libtiff:
        return f"is a TIFF of separate planes of {bits} bits"
    return None


def _load_through_libtiff(image: TiffImageFile) -> None:
    image.tile = [
        tile._replace(args=(NATIVE.get(tile.args[0], tile.args[0]), *tile.args[1:]))
        for tile in image.tile
        if isinstance(tile.args, tuple)
    ]
    heard: list[str] = []
    try:
        with _listening(image, heard):
            image.load()
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(heard[0]) if heard else error from error
    if heard:
        raise ValueError(heard[0])


@contextmanager
def _listening(image: TiffImageFile, heard: list[str]) -> Iterator[None]:
    """Put what libtiff writes to stderr in the body into `heard`, at the end of it.

    What another thread writes meanwhile comes out then, too.
    """
    if image.fp is not None and image.fp.fileno() == 2:  # stderr was closed, and its number free
        yield
        return
    with _stderr, _scratch() as scratch:
        stderr = os.dup(2)
        os.dup2(scratch.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            scratch.seek(0)
            for line in scratch.read().splitlines(keepends=True):
                if LIBTIFF.match(line):
                    heard.append(line.decode(errors="replace").strip().rstrip("."))
                else:
                    os.write(stderr, line)
            os.close(stderr)


def _scratch() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError:  # no folder for it: nothing is heard, but nothing said either
        return open(os.devnull, "r+b")  # noqa: PTH123
