"""What a film's dream carries from one frame to the next, so that it does not begin anew each time.

Not the dream is carried but what it added, d = dream - frame. It moves with what it is on (w is the
optical flow's warp); the next dream begins with a share of it, and adds as much as is missing:

    begin = frame + share * w(d)
    dream = begin + (1 - share) * (what a dream on `begin` adds)

so that what is added grows neither stronger nor brighter from frame to frame. The share is
`blend` where something moves, 1 where nothing moves or changes, and 0 where the flow is not sure
and after a cut. Where it is 1 nothing is dreamt: still parts stay still, noise and slow changes of
the light pass through as the camera saw them, and nothing can drift. What comes to light behind
something, a few pixels in each frame, gets SETTLED frames before it counts as still: figures need
more room than that to grow. The frame's own details are never resampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.errors import DreamError
from ort_deepdream.film.flow import Motion, motion, ramp, smoothed_difference
from ort_deepdream.film.shots import is_cut
from ort_deepdream.step import Array

Bytes = NDArray[np.uint8]

STILL, MOVING = 0.05, 0.3  # pixels from one frame to the next
SAME, CHANGED = 4.0, 12.0  # levels since it was dreamt
SETTLED = 10.0  # frames
KNOWN = 0.5  # how sure the flow has to be for a pixel to be an old one


class Beginning(NamedTuple):
    """What a frame's dream begins with, [H, W, 3], and how far it dreams.

    mask: [H, W], 0 where the dream is there already, 1 where it is new; None for 1 everywhere.
    """

    rgb: Array
    mask: Array | None
    cut: bool  # a shot begins

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to dream."""
        return self.mask is not None and not self.mask.any()


@dataclass
class Follower:
    """Follows a film: `begin` with a frame, dream, say what was `dreamt`, and so on."""

    blend: float
    frame: Bytes | None = None
    dream: Bytes | None = None
    seen: Array | None = None  # what was in the frame where it was last dreamt on
    age: Array | None = None  # for how many frames each pixel has been there, up to SETTLED

    def begin(self, frame: Bytes) -> Beginning:
        """Return what the dream of a frame, uint8 [H, W, 3], begins with.

        Raise DreamError for one of another size than the one before.
        """
        if self.frame is not None and frame.shape != self.frame.shape:
            raise DreamError(
                f"a film's frames have one size, and {list(frame.shape)} comes after "
                f"{list(self.frame.shape)}"
            )
        before, dream, self.frame = self.frame, self.dream, frame
        rgb = frame.astype(np.float32)
        if before is None or dream is None:
            return self._anew(rgb)
        moved = motion(before, frame)
        if is_cut(moved):
            return self._anew(rgb)
        still = self._still(moved, rgb)
        share = 1 - (1 - moved.sure * np.float32(self.blend)) * (1 - still)
        added = dream.astype(np.float32) - before
        # Not resampled where it rests, or it would blur in time.
        there = np.where((moved.length < STILL)[..., None], added, moved.carry(added))
        return Beginning(rgb + share[..., None] * there, 1 - share, cut=False)

    def dreamt(self, dream: Bytes) -> None:
        """Take note of a frame's dream, uint8 [H, W, 3]."""
        self.dream = dream

    def _anew(self, rgb: Array) -> Beginning:
        self.seen = rgb.copy()
        self.age = np.full(rgb.shape[:2], SETTLED, np.float32)
        return Beginning(rgb, None, cut=True)

    def _still(self, moved: Motion, rgb: Array) -> Array:
        """Return where nothing moved and nothing has changed since it was dreamt on: 1, else 0."""
        assert self.seen is not None
        assert self.age is not None
        same = 1 - ramp(smoothed_difference(rgb, self.seen), SAME, CHANGED)
        still = same * (1 - ramp(moved.length, STILL, MOVING)) * (moved.sure > 0)
        self.seen += (1 - still)[..., None] * (rgb - self.seen)
        older = np.minimum(moved.carry(self.age) + 1, SETTLED)
        self.age = np.where(moved.sure > KNOWN, older * same, 0).astype(np.float32)
        settled: Array = still * self.age / np.float32(SETTLED)
        return settled
