"""FFmpeg's containers: a film's file opened, its stream of pictures found, its frames decoded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from ort_deepdream.errors import DreamError
from ort_deepdream.files import no_file, unreadable
from ort_deepdream.film.libraries import pyav

LOCAL = {"protocol_whitelist": "file"}  # a playlist may name addresses; nothing is downloaded here

OnDamage = Callable[[], None]


def ignored() -> None:
    """Do nothing about what is damaged."""


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Give PyAV's container of a film. Raise DreamError for a file that FFmpeg cannot read."""
    av = pyav()
    try:
        path.open("rb").close()
    except FileNotFoundError:
        raise no_file(path, "check its name and folder") from None
    except IsADirectoryError:
        raise DreamError(f"{path}: is a folder; name a film in it") from None
    except OSError as error:
        raise DreamError(f"{path}: {unreadable(error, 'check its name')}") from None
    try:
        container = av.open(f"file:{os.fspath(path)}", container_options=LOCAL)
    except (av.error.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DreamError(f"{path}: is no film that FFmpeg can read ({reason})") from None
    with container:
        try:
            yield container
        except av.error.FFmpegError as error:
            raise DreamError(f"{path}: FFmpeg cannot read on ({error.strerror})") from error


def picture_stream(container: Any, path: Path) -> Any:
    """Return the stream of pictures, not that of a song's cover. Raise DreamError for none."""
    cover = pyav().stream.Disposition.attached_pic
    for stream in container.streams.video:
        if not stream.disposition & cover:
            return stream
    raise DreamError(f"{path}: has no pictures, only {_kinds(container)}; name a film")


def _kinds(container: Any) -> str:
    names = {"audio": "sound", "subtitle": "subtitles", "video": "a cover"}
    kinds = sorted({names.get(stream.type, "data") for stream in container.streams})
    return " and ".join(kinds) or "nothing"


def jump(container: Any, stream: Any, seconds: Fraction) -> None:
    """Go to the last frame before a time that can be decoded by itself."""
    container.seek(int(seconds / stream.time_base), stream=stream)


def decoded(container: Any, stream: Any, damaged: OnDamage = ignored) -> Iterator[Any]:
    """Yield the decoded frames; `damaged` is called for what cannot be, or only in parts."""
    av = pyav()
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            frames = packet.decode()
        except av.error.EOFError:
            return
        except av.error.InvalidDataError:
            damaged()
            continue
        for frame in frames:
            if frame.is_corrupt:
                damaged()
            yield frame
