"""Sound, copied from one film into another: packet by packet, as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any

from ort_deepdream.errors import DreamError
from ort_deepdream.film.containers import opened
from ort_deepdream.film.encoding import CONTAINERS
from ort_deepdream.film.libraries import pyav

ROUNDED = Fraction(1, 1_000_000)  # seconds; FFmpeg says in these when a film begins


def check_sound(path: Path, output: Path) -> None:
    """Raise DreamError when a film named `output` cannot hold the sound of the one at `path`."""
    kind = CONTAINERS[output.suffix.lower()].format
    with CopiedSound(path) as sound, pyav().open(BytesIO(), "w", format=kind) as container:
        sound.begin(container)


class CopiedSound:
    """The sound of a film from `start` to `stop`, in seconds by the film's own clock.

    What is at `start` there is at 0 in the new film. With `start` None, all is where it was. Use
    it as a context: `with CopiedSound(path) as sound`.
    """

    def __init__(
        self, path: Path, start: Fraction | None = None, stop: Fraction | None = None
    ) -> None:
        self.path, self.start, self.stop = path, start, stop
        self.streams: dict[int, Any] = {}  # of the new film, by their number in the old one
        self.closing = ExitStack()
        self.waiting: Any = None
        self.output: Any = None

    def __enter__(self) -> CopiedSound:
        self.container = self.closing.enter_context(opened(self.path))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.close()

    def begin(self, container: Any) -> None:
        """Add the streams to PyAV's output container. Raise DreamError for sound it cannot hold."""
        self.output = container
        for stream in self.container.streams.audio:
            try:
                made = container.add_stream_from_template(stream)
            except ValueError:
                raise DreamError(
                    f"{self.path}: its sound is {stream.codec_context.name}, which a "
                    f"{container.format.name} file cannot hold; name the film .mkv, or leave the "
                    "sound out (--no-sound)"
                ) from None
            if stream.language:
                made.metadata["language"] = stream.language
            self.streams[stream.index] = made
        self.packets = self._packets()
        self.waiting = next(self.packets, None)

    def up_to(self, seconds: Fraction | None) -> None:
        """Write what is heard before this time of the new film; for None, all that is left."""
        while self.waiting is not None:
            heard, packet = self.waiting
            if seconds is not None and heard > seconds:
                return
            self.output.mux_one(packet)
            self.waiting = next(self.packets, None)

    def _packets(self) -> Iterator[tuple[Fraction, Any]]:
        """Yield each packet with its time in the new film, ready to be written there."""
        if not self.streams:
            return
        for packet in self.container.demux(*self.container.streams.audio):
            if packet.dts is None:  # the end
                continue
            heard = packet.dts * packet.time_base
            if self.start is not None:
                if heard < self.start - ROUNDED:
                    continue
                if self.stop is not None and heard >= self.stop:
                    continue
                moved = round(self.start / packet.time_base)
                packet.dts -= moved
                packet.pts = None if packet.pts is None else packet.pts - moved
                heard -= self.start
            packet.stream = self.streams[packet.stream_index]
            yield heard, packet
