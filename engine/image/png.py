"""What Pillow passes over in a PNG: the checksums of its pixels, and its colour space."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from mmap import mmap

from ort_deepdream.engine.image.colour import Colours, from_cicp, from_gamma

# The first of each counts, and only before the pixels.
OF_COLOUR = (b"cICP", b"sRGB", b"gAMA", b"cHRM")
INDEXED = 3  # the colour type of a picture with a palette


def check(data: bytes | mmap) -> Colours | None:
    """Return the colour space that a PNG names by numbers, as browsers understand it.

    None stands for sRGB, and for one that an ICC profile describes. Raise ValueError for what
    Pillow passes over, a wrong checksum of the pixels and a palette that is not there, and
    UnreadableError for a colour space that cannot be shown.
    """
    found: dict[bytes, bytes] = {}
    before_pixels = True
    for kind, body, checksum in _chunks(data):
        if kind == b"IDAT":
            before_pixels = False
            if zlib.crc32(body, zlib.crc32(kind)) != checksum:
                raise ValueError("its pixels have a wrong checksum")
        elif before_pixels and kind in (*OF_COLOUR, b"PLTE"):
            found.setdefault(kind, bytes(body))
    if data[25:26] == bytes([INDEXED]) and b"PLTE" not in found:
        raise ValueError("its palette is missing")
    return _colours(found)


def _chunks(data: bytes | mmap) -> Iterator[tuple[bytes, memoryview, int]]:
    """Yield each chunk's kind, body and checksum; what is cut short is left to Pillow."""
    view, at = memoryview(data), 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            return
        yield kind, view[at + 8 : end], struct.unpack_from(">I", data, end)[0]
        at = end + 4


def _colours(found: dict[bytes, bytes]) -> Colours | None:
    """Return the colour space that counts: first cICP, then sRGB, then gAMA with cHRM."""
    if len(found.get(b"cICP", b"")) == 4:
        colours = from_cicp(*found[b"cICP"])
        if colours is not None:
            return colours
    if b"sRGB" in found or len(found.get(b"gAMA", b"")) != 4:
        return None
    gamma = struct.unpack(">I", found[b"gAMA"])[0] / 100_000
    points = found.get(b"cHRM")
    if points is None or len(points) != 32:
        return from_gamma(gamma)
    numbers = [number / 100_000 for number in struct.unpack(">8I", points)]
    return from_gamma(gamma, numbers)
