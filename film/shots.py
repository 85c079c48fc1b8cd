"""Cuts: where a film goes on with another shot, of which nothing was to be seen before.

No library is asked: the flow that is there anyway tells. After a cut hardly any pixel is found in
the frame before; a pan, a zoom and a flash of light each leave more.
"""

from __future__ import annotations

from ort_deepdream.film.flow import Motion

FOUND = 0.25  # of the pixels: with fewer, it is another shot


def is_cut(motion: Motion) -> bool:
    """Return whether a shot begins with the frame that this motion leads to."""
    return bool(motion.sure.mean() < FOUND)
