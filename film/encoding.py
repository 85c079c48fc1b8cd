"""Frames into a film: H.264 in MP4, MOV or Matroska, VP9 in WebM, with sound that is copied.

Both codecs store colours for half the width and height. H.264 then takes even sides only: a film
with an odd one is written with its last row or column twice. VP9 takes any.

MP4 and MOV keep each timestamp as it is; Matroska and WebM round them to milliseconds. Pixels that
are not square are nothing for WebM: VP9 cannot say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.files import replacing, require_writable, writing
from ort_deepdream.film.libraries import pyav

Bytes = NDArray[np.uint8]


class Container(NamedTuple):
    """A kind of file for films: FFmpeg's names for it and for the codec of its pictures."""

    format: str
    codec: str
    codec_options: dict[str, str]
    options: dict[str, str] = {}  # noqa: RUF012 (of a NamedTuple, and never written to)


# With x264's macroblock tree the same small frames became another file in one of ten tries.
X264 = ("libx264", {"crf": "18", "preset": "medium", "mbtree": "0"})
VP9 = ("libvpx-vp9", {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"})
QUICK_START = {"movflags": "+faststart"}  # what a player needs first stands first
MOST_TICKS = 1_000_000  # a second, that MOV can count its beginning in
CONTAINERS = {
    ".mkv": Container("matroska", *X264),
    ".mov": Container("mov", *X264, QUICK_START),
    ".mp4": Container("mp4", *X264, QUICK_START),
    ".webm": Container("webm", *VP9),
}

MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}  # from H.273's numbers to swscale's
BT709 = 1
SQUARE = Fraction(1)


@dataclass(frozen=True)
class Look:
    """The size of a film's frames, how long a tick is, and how their colours are meant.

    matrix, primaries, transfer: ITU-T H.273's numbers, 2 for one that nobody named.
    """

    width: int
    height: int
    rate: Fraction  # frames a second, on average
    time_base: Fraction  # seconds of one tick, which timestamps count in
    pixel_aspect: Fraction = SQUARE  # width of a pixel over its height
    full_range: bool = False
    matrix: int = BT709
    primaries: int = BT709
    transfer: int = BT709


class Sound(Protocol):
    """What brings a film's sound into the file that is being written."""

    def begin(self, container: Any) -> None:
        """Add the streams of sound to PyAV's output container. Raise DreamError if it cannot."""

    def up_to(self, seconds: Fraction | None) -> None:
        """Write what is heard before this time; for None, all that is left."""


class Film:
    """A film that is being written: `add` its frames, one after the other."""

    def __init__(self, container: Any, kind: Container, look: Look, sound: Sound | None) -> None:
        self.container, self.look, self.sound = container, look, sound
        stream = container.add_stream(
            kind.codec,
            rate=look.rate.limit_denominator(1 << 20),
            options=kind.codec_options,
            time_base=look.time_base,
        )
        pads = kind.codec == X264[0]
        self.padding = (look.height % 2 * pads, look.width % 2 * pads)
        context = stream.codec_context
        context.height = look.height + self.padding[0]
        context.width = look.width + self.padding[1]
        context.pix_fmt = "yuv420p"
        context.time_base = look.time_base
        context.sample_aspect_ratio = look.pixel_aspect
        context.color_range = 2 if look.full_range else 1
        context.colorspace = look.matrix
        context.color_primaries = look.primaries
        context.color_trc = look.transfer
        self.stream = stream
        self.last: int | None = None
        self.durations: dict[int, int] = {}
        if sound is not None:
            sound.begin(container)

    def add(self, rgb: Bytes, at: int, duration: int = 0) -> None:
        """Add a frame, uint8 [height, width, 3], that is shown from tick `at` on.

        duration: for how many ticks; 0 for until the next one. Raise DreamError for one of another
        size, or that is not after the one before.
        """
        if rgb.shape != (self.look.height, self.look.width, 3) or rgb.dtype != np.uint8:
            raise DreamError(
                f"a frame of this film is uint8 [{self.look.height}, {self.look.width}, 3], "
                f"not {rgb.dtype} {list(rgb.shape)}"
            )
        if self.last is not None and at <= self.last:
            raise DreamError(f"a frame at tick {at} cannot follow the one at {self.last}")
        self.last = at
        frame = self._converted(rgb)
        frame.pts, frame.time_base, frame.duration = at, self.look.time_base, duration
        if self.sound is not None:
            self.sound.up_to(at * self.look.time_base)
        self.durations[at] = duration
        self._write(self.stream.encode(frame))

    def _write(self, packets: Any) -> None:
        """Write packets, which codecs give no duration, or another one."""
        for packet in packets:
            packet.duration = self.durations.pop(packet.pts, packet.duration) or packet.duration
            self.container.mux_one(packet)

    def _converted(self, rgb: Bytes) -> Any:
        """Return PyAV's frame of the picture, in the colours of the film."""
        down, across = self.padding
        if down or across:
            rgb = np.pad(rgb, ((0, down), (0, across), (0, 0)), mode="edge")
        frame = pyav().VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        converted = frame.reformat(
            format="yuv420p",
            dst_colorspace=MATRICES.get(self.look.matrix, 5),
            dst_color_range=2 if self.look.full_range else 1,
        )
        converted.colorspace = self.look.matrix
        converted.color_primaries, converted.color_trc = self.look.primaries, self.look.transfer
        return converted

    def end(self) -> None:
        """Write what the codec still holds, and the sound that is left."""
        self._write(self.stream.encode())
        if self.sound is not None:
            self.sound.up_to(None)


def check_film(path: Path, pixel_aspect: Fraction = SQUARE) -> None:
    """Raise the DreamError that writing a film to `path` would raise for its name or its folder."""
    _kind(path, pixel_aspect)
    with writing(path):
        require_writable(path)


@contextmanager
def writing_film(
    path: Path, look: Look, comment: str = "", sound: Sound | None = None
) -> Iterator[Film]:
    """Give a film to add frames to, which is at `path` when the body ends well, and else is not.

    comment: what is stored in it, for people and programs. Raise DreamError when it cannot be
    written.
    """
    av, kind = pyav(), _kind(path, look.pixel_aspect)
    try:
        with (
            writing(path),
            replacing(path) as temporary,
            av.open(
                f"file:{temporary}", "w", format=kind.format, container_options=_options(kind, look)
            ) as container,
        ):
            if comment:
                container.metadata["comment"] = comment
            film = Film(container, kind, look, sound)
            yield film
            film.end()
    except av.error.FFmpegError as error:
        raise DreamError(f"{path}: FFmpeg cannot write this film ({error.strerror})") from error


def _options(kind: Container, look: Look) -> dict[str, str]:
    """Return the container's options; MOV's beginning is counted in milliseconds otherwise."""
    ticks = look.time_base.denominator
    if kind.options is not QUICK_START or ticks > MOST_TICKS:
        return kind.options
    return {**kind.options, "movie_timescale": str(ticks)}


def _kind(path: Path, pixel_aspect: Fraction) -> Container:
    suffix = path.suffix.lower()
    if suffix not in CONTAINERS:
        meant = nearest(suffix, CONTAINERS, otherwise="did you mean .mp4?")
        kinds = ", ".join(CONTAINERS)
        raise DreamError(f"{path}: a film cannot be written so; {meant} ({kinds})")
    if CONTAINERS[suffix].codec == VP9[0] and pixel_aspect != SQUARE:
        raise DreamError(
            f"{path}: the pixels of this film are {pixel_aspect} times as wide as high, which "
            f"{suffix} cannot keep; name it .mp4"
        )
    return CONTAINERS[suffix]
