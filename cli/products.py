"""What `dream run` writes: the dream, and by choice pictures of how it came about."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ort_deepdream.cli.messages import note
from ort_deepdream.cli.outputs import check_output, unused
from ort_deepdream.engine.deepdream import Dream, Progress
from ort_deepdream.engine.image import Picture, check_writable, write_picture
from ort_deepdream.engine.settings import Settings
from ort_deepdream.errors import DreamError
from ort_deepdream.step import Array

if TYPE_CHECKING:
    from ort_deepdream.engine.image.animation import Animation

PAUSE = 1.0  # seconds between two previews
SHARE = 0.1  # of the time that previews may take
MOST_FRAMES = 60  # of an animation, without the first
GAP = 8  # pixels of white between before and after


@dataclass(frozen=True)
class Products:
    """What is to be written, as it was asked for."""

    dream: Path | None = None  # None for a name made of the photograph's
    force: bool = False
    octaves: bool = False
    preview: Path | None = None
    animation: Path | None = None
    comparison: Path | None = None
    opened: bool = False

    def outputs(
        self, photo: Path, inputs: Sequence[Path | str], picture: Picture, settings: Settings
    ) -> Outputs:
        """Return where all of it goes. Raise DreamError now, not after minutes of dreaming."""
        usual = photo.with_name(f"{photo.stem}-dream.png")
        chosen = self.dream or (usual if self.force else unused(usual))
        check_writable(chosen, alpha=picture.alpha)
        count = len(settings.octave_sizes) + 1 if settings.octave_sizes else settings.octaves
        numbers = range(1, count + 1 if self.octaves else 1)
        beside = tuple(chosen.with_name(f"{chosen.stem}-octave{n}.png") for n in numbers)
        for path in (self.preview, self.comparison):
            if path is not None:
                check_writable(path)
        if self.animation is not None:
            from ort_deepdream.engine.image.animation import check_animation

            check_animation(self.animation)
        others = [p for p in (self.preview, self.animation, self.comparison) if p is not None]
        paths = [chosen, *beside, *others]
        for number, path in enumerate(paths):
            if path in paths[:number]:
                raise DreamError(f"{path}: would be written twice; name another file")
            check_output(path, [*inputs, *paths[:number]])
        return Outputs(chosen, beside, self.preview, self.animation, self.comparison)


@dataclass(frozen=True)
class Outputs:
    """Where everything is written."""

    dream: Path
    octaves: tuple[Path, ...]
    preview: Path | None = None
    animation: Path | None = None
    comparison: Path | None = None

    def write(self, picture: Picture, result: Dream, metadata: dict[str, str]) -> None:
        """Write the dream and what belongs to it, but for the animation."""
        kept: Any = {"icc_profile": picture.icc_profile, "metadata": metadata}
        write_picture(self.dream, result.rgb, alpha=picture.alpha, **kept)
        # Dropped octaves leave the last names unused.
        for path, rgb in zip(self.octaves, result.octaves, strict=False):
            write_picture(path, rgb, **kept)
        if self.preview is not None:
            write_picture(self.preview, result.rgb, **kept)
        if self.comparison is not None:
            write_picture(self.comparison, side_by_side(picture.rgb, result.rgb), **kept)


class Watcher:
    """What looks at a dream from step to step: a preview that is rewritten, an animation."""

    def __init__(self, outputs: Outputs, picture: Picture) -> None:
        self.preview = outputs.preview
        self.icc_profile = picture.icc_profile
        self.steps, self.looked, self.pause = 0, -math.inf, PAUSE
        self.animation: Animation | None = None
        if outputs.animation is not None:
            from ort_deepdream.engine.image.animation import Animation

            self.animation = Animation()
            self.animation.add(picture.rgb)

    def step(self, at: Progress) -> None:
        """Look at the dream after a step, where it is time to."""
        started = time.monotonic()
        preview = self.preview if started - self.looked > self.pause else None
        animation = self.animation if self._is_frame(at.octaves * at.iterations) else None
        self.steps += 1
        if preview is None and animation is None:
            return
        rgb = at.rgb()
        if animation is not None:
            animation.add(rgb)
        if preview is not None:
            self._show(preview, rgb)
            self.looked = time.monotonic()
            self.pause = max(PAUSE, (self.looked - started) / SHARE)

    def _is_frame(self, steps: int) -> bool:
        """Return whether this step is one of MOST_FRAMES of so many, evenly."""
        most = min(steps, MOST_FRAMES)
        return self.steps * most // steps < (self.steps + 1) * most // steps

    def _show(self, path: Path, rgb: Array) -> None:
        try:
            write_picture(path, rgb, icc_profile=self.icc_profile)
        except DreamError as error:  # no reason to lose the dream
            note(f"there are no more previews: {error}")
            self.preview = None


def side_by_side(before: Array, after: Array) -> Array:
    """Return two pictures [H, W, 3] beside one another, with white between."""
    white = np.full((len(before), GAP, 3), 255, np.float32)
    return np.hstack([before, white, after])
