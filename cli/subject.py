"""What `dream run` dreams on: a photograph, the size that it is brought to, and a mask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ort_deepdream.cli.messages import note
from ort_deepdream.engine.image import Picture, read_picture
from ort_deepdream.engine.machine.memory import available
from ort_deepdream.errors import DreamError
from ort_deepdream.sizes import LARGEST, parse_sides
from ort_deepdream.step import Array

ALPHA = "alpha"  # instead of a mask's file: the photograph's own transparency
BYTES_TO_RESIZE = 36  # of each pixel: its numbers before, after, and on the way
STRETCHED = 1.01  # sides in another ratio than this are more than rounded


@dataclass(frozen=True)
class Subject:
    """A photograph as `dream run` was asked to take it, by options such as `--size`."""

    photo: Path
    size: str | None = None
    scale: float | None = None
    mask: str | None = None
    guide: Path | None = None

    def __post_init__(self) -> None:
        if self.size is not None and self.scale is not None:
            raise DreamError("--size and --scale exclude each other; leave one out")

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it is read from."""
        masks = () if self.mask in (None, ALPHA) else (Path(str(self.mask)),)
        return (self.photo, *masks, *([self.guide] if self.guide is not None else []))

    def read(self) -> tuple[Picture, Array | None]:
        """Return the picture to dream on and its mask. Raise DreamError for what is none."""
        picture = self._resized(read_picture(self.photo))
        height, width = picture.rgb.shape[:2]
        if self.mask is None:
            return picture, None
        if self.mask == ALPHA:
            return picture, self._transparency(picture)
        from ort_deepdream.engine.image.masks import read_mask

        return picture, read_mask(self.mask, width, height)

    def read_guide(self) -> Array | None:
        """Return the pixels of the guide. Raise DreamError for what is no picture."""
        return None if self.guide is None else read_picture(self.guide).rgb

    def words(self) -> list[str]:
        """Return the words that ask for it again, files without their folders."""
        words = [self.photo.name]
        words += [f"--size={self.size}"] if self.size is not None else []
        words += [f"--scale={self.scale}"] if self.scale is not None else []
        if self.mask is not None:
            words.append(f"--mask={self.mask if self.mask == ALPHA else Path(self.mask).name}")
        words += [f"--guide={self.guide.name}"] if self.guide is not None else []
        return words

    def _resized(self, picture: Picture) -> Picture:
        height, width = picture.rgb.shape[:2]
        wide, high = self.sides(width, height)
        if (wide, high) == (width, height):
            return picture
        room, needed = available(), BYTES_TO_RESIZE * wide * high
        if room is not None and needed > room.free:
            raise DreamError(
                f"a picture of {wide}x{high} takes {needed / 1e9:.1f} GB to resize, and "
                f"{room.free / 1e9:.1f} GB are {room.limit}; choose a smaller one"
            )
        ratio = (wide * height) / (high * width)
        if max(ratio, 1 / ratio) > STRETCHED and self.size and "x" in self.size:
            note(f"--size {self.size} stretches the picture, which is {width}x{height}")
        return picture.resized(wide, high)

    def sides(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height that a picture of this size is brought to."""
        if self.size is not None and "x" in self.size:
            return parse_sides(self.size)
        factor = int(self.size) / max(width, height) if self.size else self.scale or 1.0
        wide, high = (max(round(side * factor), 1) for side in (width, height))
        if max(wide, high) > LARGEST:
            raise DreamError(
                f"--scale {self.scale} makes {wide}x{high} of {width}x{height}, and no side may "
                f"be above {LARGEST}"
            )
        return wide, high

    def _transparency(self, picture: Picture) -> Array:
        if picture.alpha is None:
            raise DreamError(
                f"{self.photo}: has no transparency for --mask {ALPHA}; name a picture as the mask"
            )
        if not picture.alpha.any():
            raise DreamError(f"{self.photo}: is transparent all over, so nothing would dream")
        return picture.alpha.astype(np.float32) / np.float32(255)
