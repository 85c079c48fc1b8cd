"""A film's frames, upright, as RGB, with the ticks that they are shown at.

What FFmpeg can decode can be read. Colours stay in the film's own space: only the matrix between
RGB and luma is undone, and done again when the film is written. Timestamps count from the film's
beginning.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.errors import DreamError
from ort_deepdream.film.containers import (
    OnDamage,
    decoded,
    ignored,
    jump,
    opened,
    picture_stream,
)
from ort_deepdream.film.encoding import BT709, SQUARE, Look
from ort_deepdream.film.libraries import pyav

Bytes = NDArray[np.uint8]

MICROSECONDS = 1_000_000  # what FFmpeg counts a file's beginning and duration in
RGB, UNSPECIFIED = 0, 2  # of H.273's matrices
HDR = (16, 18)  # of H.273's transfers: PQ and HLG
USUAL_RATE = Fraction(25)  # for a film that says none


class Frame(NamedTuple):
    """A frame as it is shown: uint8 [H, W, 3], from tick `at` on."""

    rgb: Bytes
    at: int
    duration: int  # in ticks, 0 where the film does not say


@dataclass(frozen=True)
class Part:
    """Which frames of a film are wanted: times in seconds from its beginning, `stop` left out."""

    start: Fraction = Fraction(0)
    stop: Fraction | None = None
    every: int = 1  # first of so many frames

    def __post_init__(self) -> None:
        if self.every < 1:
            raise DreamError(f"every must be 1 or more, not {self.every}")
        if self.start < 0:
            raise DreamError(f"a film begins at 0 seconds, not at {float(self.start):g}")
        if self.stop is not None and self.stop <= self.start:
            raise DreamError(
                f"the part from {float(self.start):g} to {float(self.stop):g} seconds is empty; "
                f"the second number must be larger"
            )


@dataclass(frozen=True)
class Source:
    """A film to be read. Raise DreamError, by `open_source`, for a file that is none."""

    path: Path
    look: Look
    begins: Fraction  # seconds, by the file's own clock
    seconds: Fraction | None  # None where the film does not say
    sounds: int  # streams of sound
    others: tuple[str, ...]  # kinds of other streams, such as subtitles

    def frames(self, part: Part | None = None, damaged: OnDamage = ignored) -> Iterator[Frame]:
        """Yield the frames of a part of the film, one after the other.

        What is damaged is passed over or made up for, as players do; `damaged` is called each time.
        Raise DreamError for a frame of another size than the first, and when there is none.
        """
        part = part or Part()
        found = wanted = 0
        for at, frame in self._decoded(part.start, damaged):
            seconds = at * self.look.time_base
            if part.stop is not None and seconds >= part.stop:
                break
            found += 1
            if seconds < part.start:
                continue
            wanted += 1
            if (wanted - 1) % part.every == 0:
                yield Frame(self._upright(frame, seconds), at, frame.duration or 0)
        if not wanted:
            raise DreamError(f"{self.path}: {self._why_none(part, found)}")

    def _why_none(self, part: Part, found: int) -> str:
        """Say why a part has no frames, when `found` frames before it were decoded."""
        if self.seconds is not None and part.start >= self.seconds:
            return f"there is no frame in that part: the film is {float(self.seconds):.4g} s long"
        what = "there is no frame in that part" if found else "no frame can be decoded"
        return f"{what}; check the film in a player"

    def expected(self, part: Part | None = None) -> int | None:
        """Return about how many frames a part has; None where the film does not say."""
        part = part or Part()
        stop = self.seconds if part.stop is None else part.stop
        if stop is None:
            return None
        if self.seconds is not None:
            stop = min(stop, self.seconds)
        return max(round((stop - part.start) * self.look.rate / part.every), 1)

    def _decoded(self, start: Fraction, damaged: OnDamage) -> Iterator[tuple[int, Any]]:
        """Yield each of PyAV's frames with its tick, from one at or before `start` on."""
        begins, later = round(self.begins / self.look.time_base), 0
        jumps = bool(start) and self._can_jump(start)
        with opened(self.path) as container:
            stream = picture_stream(container, self.path)
            stream.thread_type = "AUTO"
            if jumps:
                jump(container, stream, self.begins + start)
            for frame in decoded(container, stream, damaged):
                at = frame.pts if frame.pts is not None else later
                usual = round(1 / (self.look.rate * self.look.time_base))
                later = at + (frame.duration or usual)
                yield at - begins, frame

    def _can_jump(self, start: Fraction) -> bool:
        """Return whether a jump towards `start` ends at a frame that is not after it."""
        with opened(self.path) as container:
            stream = picture_stream(container, self.path)
            try:
                jump(container, stream, self.begins + start)
                first = next(decoded(container, stream), None)
            except pyav().error.FFmpegError:
                return False
        if first is None or first.pts is None:
            return False
        return bool(first.pts * self.look.time_base <= self.begins + start)

    def _upright(self, frame: Any, seconds: Fraction) -> Bytes:
        rgb = upright(frame)
        height, width = rgb.shape[:2]
        if (height, width) != (self.look.height, self.look.width):
            raise DreamError(
                f"{self.path}: the frame at {float(seconds):.2f} seconds has {width}x{height} "
                f"pixels where the first has {self.look.width}x{self.look.height}; cut the film "
                f"there"
            )
        return rgb


def open_source(path: Path) -> Source:
    """Return what a film says of itself. Raise DreamError for a file that is none."""
    with opened(path) as container:
        stream = picture_stream(container, path)
        first = next(decoded(container, stream), None)
        if first is None:
            raise DreamError(f"{path}: no frame can be decoded; check the film in a player")
        _refuse(first, path)
        duration = container.duration
        if stream.duration is not None:
            seconds = stream.duration * stream.time_base
        else:
            seconds = None if duration is None else Fraction(duration, MICROSECONDS)
        streams = [one.type for one in container.streams if one.index != stream.index]
        return Source(
            path,
            _look(stream, first),
            Fraction(max(container.start_time or 0, 0), MICROSECONDS),
            seconds,
            streams.count("audio"),
            tuple(sorted({kind for kind in streams if kind != "audio"})),
        )


def read_comment(path: Path) -> dict[str, str]:
    """Return the settings that a film's comment holds, by name; nothing for a comment of others.

    Raise DreamError for a file that is no film.
    """
    with opened(path) as container:
        metadata = {key.lower(): value for key, value in container.metadata.items()}
    try:
        found = json.loads(metadata.get("comment", ""))
    except (ValueError, RecursionError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def upright(frame: Any) -> Bytes:
    """Return a frame of PyAV's as RGB, turned as its film says."""
    rgb: Bytes = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4  # against the clock
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb


def _refuse(frame: Any, path: Path) -> None:
    """Raise DreamError for a film that would not be what it was."""
    if frame.color_trc in HDR:
        raise DreamError(
            f"{path}: is of high dynamic range (HDR), which 8 bits cannot keep; convert it to "
            f"standard range first"
        )
    if frame.interlaced_frame:
        raise DreamError(
            f"{path}: is interlaced: each frame is two half pictures; deinterlace it first "
            f"(ffmpeg -i IN -vf yadif OUT)"
        )


def _look(stream: Any, frame: Any) -> Look:
    aspect = stream.sample_aspect_ratio or SQUARE
    height, width = frame.height, frame.width
    if round(frame.rotation / 90) % 2:
        height, width, aspect = width, height, 1 / aspect
    in_rgb = frame.colorspace == RGB or frame.format.is_rgb
    return Look(
        width,
        height,
        stream.average_rate or stream.guessed_rate or USUAL_RATE,
        stream.time_base,
        Fraction(aspect),
        # Pictures in RGB are of full range, and no film of ours is.
        full_range=frame.color_range == 2 and not in_rgb,
        matrix=BT709 if in_rgb else frame.colorspace,
        primaries=BT709 if in_rgb else frame.color_primaries,
        transfer=BT709 if in_rgb else frame.color_trc,
    )
