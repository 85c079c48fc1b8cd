"""Cuts: where a film goes on with another shot, of which nothing was to be seen before.

No library is asked: the flow that is there anyway tells. After a cut hardly any pixel is found in
the frame before; a pan, a zoom and a flash of light each leave more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ort_deepdream.film.flow import Bytes, Motion, motion

FOUND = 0.25  # of the pixels: with fewer, it is another shot


def is_cut(moved: Motion) -> bool:
    """Return whether a shot begins with the frame that this motion leads to."""
    return bool(moved.sure.mean() < FOUND)


def with_cuts(frames: Iterable[Bytes]) -> Iterator[tuple[Bytes, bool]]:
    """Yield each frame, uint8 [H, W, 3], and whether a shot begins with it, as with the first."""
    before = None
    for frame in frames:
        yield frame, before is None or is_cut(motion(before, frame))
        before = frame
