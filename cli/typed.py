"""What is typed: numbers within their limits, and names of files.

Each function here that reads one word returns it as it was when it is no text: a default.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ort_deepdream.engine.settings import Limits
from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.sizes import LARGEST, parse_sides

PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
# What other commands take, by its suffix.
TAKEN_BY = {
    **dict.fromkeys((".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"), "film"),
    ".json": "report",
    ".onnx": "verify",
}
SHOWN = 40  # characters of a word that is no number


def number(kind: type, name: str, limits: Limits) -> Callable[[Any], Any]:
    """Return a reader of `int` or `float` for the option `name`.

    It raises DreamError for other words, NaN and infinity among them, and outside the limits.
    """
    called = "a whole number" if kind is int else "a number"

    def read(text: Any) -> Any:
        if not isinstance(text, str):
            return text
        short = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        try:
            value = kind(text)
        except ValueError:
            raise DreamError(f"{name} must be {called}, not '{short}'") from None
        if value not in limits:
            raise DreamError(f"{name} must be {limits}, not {short}")
        return value

    return read


def numbers(kind: type, name: str, limits: Limits) -> Callable[[Any], Any]:
    """Return a reader of numbers with commas between, as a tuple: each as `number` reads one."""
    one = number(kind, name, limits)

    def read(text: Any) -> Any:
        return tuple(map(one, text.split(","))) if isinstance(text, str) else text

    return read


MOST_CHANNELS = 4096  # at once: of no layer there are more


def ranges(name: str) -> Callable[[Any], Any]:
    """Return a reader of whole numbers and ranges of them, such as `0-31,40`, for option `name`."""

    def read(text: Any) -> Any:
        if not isinstance(text, str):
            return text
        short = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        found: list[int] = []
        for part in text.split(","):
            first, dash, last = part.strip().partition("-")
            ends = (first, last if dash else first)
            if not all(end.isdecimal() and len(end) <= 6 for end in ends):
                raise DreamError(
                    f"{name} must be numbers and ranges such as 0-31,40, not '{short}'"
                )
            begin, end = map(int, ends)
            if begin > end or len(found) + end - begin >= MOST_CHANNELS:
                raise DreamError(
                    f"{name} {part}: a range goes upwards, and all have {MOST_CHANNELS} at most"
                )
            found += range(begin, end + 1)
        return tuple(found)

    return read


def one_of(names: Sequence[str], name: str, default: object = None) -> Callable[[Any], Any]:
    """Return a reader of one of some names for the option `name`; its default may be another."""

    def choose(text: Any) -> Any:
        if isinstance(text, str) and text not in (*names, default):
            raise DreamError(f"{name} cannot be '{text}': {nearest(text, names)}")
        return text

    return choose


def shard(text: Any) -> Any:
    """Return the two numbers of I/N. Raise DreamError for others."""
    if not isinstance(text, str):
        return text
    part, _, parts = text.partition("/")
    if not all(one.isdecimal() and len(one) <= 6 for one in (part, parts)):
        raise DreamError(f"--shard must be I/N, such as 1/4, not '{text[:SHOWN]}'")
    if not 1 <= int(part) <= int(parts):
        raise DreamError(f"--shard {text}: I goes from 1 to N")
    return int(part), int(parts)


TILES = Limits(1, LARGEST)


def tile(text: Any) -> Any:
    """Return what `--tile` says: auto, off or a number of pixels. Raise DreamError for others."""
    if not isinstance(text, str) or text in ("auto", "off"):
        return text
    if not text.isdecimal():
        raise DreamError(f"--tile must be auto, off or a number of pixels, not '{text[:SHOWN]}'")
    return number(int, "--tile", TILES)(text)


def input_file(text: Any) -> Any:
    """Return the path of a file to read. Raise DreamError for an address on the web."""
    if isinstance(text, str) and is_address(text):
        raise DreamError(f"{text}: is an address, not a file; download it first and name the file")
    if text == "":
        raise DreamError("a file has an empty name; name one")
    _refuse_tilde(text)
    return Path(text)


def _refuse_tilde(text: Any) -> None:
    """Raise DreamError for ~/photo.jpg in quotes, which no shell has read."""
    if isinstance(text, str) and text.startswith("~/") and not os.path.lexists("~"):
        raise DreamError(f"{text}: in quotes ~ is not your home folder; leave the quotes out")


def each_photo(paths: Sequence[Path]) -> list[Path]:
    """Return pictures, with those that a pattern such as *.jpg stands for: not all shells do that.

    Raise DreamError for a pattern that nothing is like.
    """
    found: list[Path] = []
    if len(paths) == 1:
        _refuse_other_kinds(paths[0])
    for path in paths:
        if not set("*?[") & set(str(path)) or os.path.lexists(path):
            found.append(path)
            continue
        import glob

        names = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207  it may be absolute
        if not names:
            raise DreamError(f"{path}: there is no such picture; check the names")
        found += map(Path, names)
    return found


def _refuse_other_kinds(path: Path) -> None:
    """Raise DreamError for what another command takes, told by its name."""
    if os.path.isdir(path):  # noqa: PTH112  a Path's fails where a folder may not be looked into
        raise DreamError(
            f"{path}: is a folder; name one picture in it, or have all: `dream folder {path} OUT`"
        )
    command = TAKEN_BY.get(path.suffix.lower())
    if command is not None and os.path.lexists(path):
        raise DreamError(
            f"{path}: is no picture by its name; did you mean `dream {command} {path}`?"
        )


def refuse_output_among(photos: Sequence[Path]) -> None:
    """Raise DreamError where the second of two photos is not there: it was meant as the output."""
    from ort_deepdream.files import is_missing  # for one photograph nobody needs it

    first, last = photos[0], photos[-1]
    is_picture = last.suffix.lower() in PICTURES
    if len(photos) == 2 and is_picture and is_missing(last) and not is_missing(first):
        raise DreamError(
            f"{last}: there is no such file; check its name, or write `-o {last}` for where the "
            f"dream goes"
        )


def output_file(text: Any) -> Any:
    """Return the path of a file to write. Raise DreamError for a name that can only be a folder's.

    A Path has lost the slash at its end.
    """
    if not isinstance(text, str):
        return text
    if not text:
        raise DreamError("-o has an empty name; name a file")
    if is_address(text):
        raise DreamError(f"{text}: is an address; name a file here")
    _refuse_tilde(text)
    if text.endswith(("/", os.sep)):
        raise DreamError(f"{text}: is a folder; name a file in it")
    return Path(text)


def film_place(text: Any) -> Any:
    """Return the path of a film to write, a file or a folder. Raise DreamError for an address."""
    return output_file(text.rstrip(f"/{os.sep}") or text) if isinstance(text, str) else text


def seconds(name: str) -> Callable[[Any], Any]:
    """Return a reader of a time such as 90, 1:30 or 1:02:03.5 for option `name`, in seconds."""

    def read(text: Any) -> Any:
        if not isinstance(text, str):
            return text
        if not re.fullmatch(r"(\d{1,6}:){0,2}\d{1,9}(\.\d{1,9})?", text, re.ASCII):
            raise DreamError(
                f"{name} must be seconds or M:SS, such as 90 or 1:30, not '{text[:SHOWN]}'"
            )
        from fractions import Fraction  # 2 ms, and few type a time

        time = Fraction(0)
        for part in text.split(":"):
            time = time * 60 + Fraction(part)
        return time

    return read


def picture_size(text: Any) -> Any:
    """Return a size to bring a picture to, N or WxH. Raise DreamError for what is none."""
    if not isinstance(text, str):
        return text
    sides = text.lower().replace("×", "x")
    if "x" in sides:
        parse_sides(sides)
        return sides
    if not text.lstrip("+-").isdecimal():
        raise DreamError(
            f"--size must be pixels, such as 640 or 640x480, not '{text[:SHOWN]}'; --scale 0.5 is "
            f"half the size"
        )
    return str(number(int, "--size", Limits(1, LARGEST))(text))


def mask_name(text: Any) -> Any:
    """Return the name of a mask. Raise DreamError for an address on the web."""
    return str(input_file(text)) if isinstance(text, str) else text


def is_address(text: str) -> bool:
    """Return whether `text` is an address such as https://example.org/photo.jpg."""
    scheme, colon, _ = text.partition("://")
    return bool(colon) and scheme.isalpha()


def is_photo(word: str) -> bool:
    """Return whether a first word that is no command can only be a picture to dream on."""
    # Not a Path's: that fails where a folder may not be looked into.
    # A folder is none, which the refusal of `run` tells better than that there is no such command.
    return is_address(word) or word.lower().endswith(PICTURES) or os.path.exists(word)  # noqa: PTH110
