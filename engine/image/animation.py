"""Pictures one after the other, in a GIF, a WebP or an animated PNG."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from ort_deepdream.engine.image.picture import FloatArray, to_image
from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.files import require_writable, write_bytes, writing

KINDS = {".apng": "PNG", ".gif": "GIF", ".png": "PNG", ".webp": "WEBP"}
SIDE = 480  # pixels of the longest side: more is a file that nobody sends
PAUSE, LAST = 100, 2000  # milliseconds that a frame is shown, and the last one


def check_animation(path: Path) -> None:
    """Raise the DreamError that writing one to `path` would raise for its name or its folder."""
    if path.suffix.lower() not in KINDS:
        meant = nearest(path.suffix.lower(), KINDS, otherwise="did you mean .gif?")
        raise DreamError(f"{path}: an animation cannot be written so; {meant} ({', '.join(KINDS)})")
    with writing(path):
        require_writable(path)


class Animation:
    """Frames of one size, the first of which is shown again after the last."""

    def __init__(self) -> None:
        self.frames: list[Image.Image] = []

    def add(self, rgb: FloatArray) -> None:
        """Add a picture [H, W, 3] in 0..255, made smaller where its longest side is above SIDE."""
        frame = to_image(rgb)
        frame.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        self.frames.append(frame)

    def write(self, path: Path) -> None:
        """Write the frames in the format that the suffix of `path` names. Raise DreamError."""
        kind = KINDS[path.suffix.lower()]
        pauses = [PAUSE] * (len(self.frames) - 1) + [LAST]
        more: dict[str, Any] = {"quality": 85} if kind == "WEBP" else {}
        buffer = BytesIO()
        first, *others = self.frames
        first.save(
            buffer, kind, save_all=True, append_images=others, duration=pauses, loop=0, **more
        )
        with writing(path):
            write_bytes(path, buffer.getvalue())
