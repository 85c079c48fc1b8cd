"""How far two contenders may be apart and still be said to compute the same.

Whole dreams cannot be judged: a dream amplifies what differs, and after ten steps in each octave
two gradients that are equal to seven digits have led to pictures that are alike to 29 dB only. So
gradients are compared, and dreams of ITERATIONS in each octave.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# |found - reference| / |reference| in the 2-norm. Where two activations are equal but for rounding,
# each library picks its own winner: such flips make 0.004 of a gradient; a wrong rule 0.1 and more.
MOST_ERROR = 0.02
MOST_ERROR_ROUNDED = 0.1  # TF32 and float16 keep 11 bits, and flip more often
ITERATIONS = 1  # in each octave, of the dreams that are compared
# A photo changed by 0.05 of 255 levels dreams at 52 dB then, another seed at 34 dB.
LEAST_PSNR = 40.0


def gradient_error(found: NDArray[np.floating], reference: NDArray[np.floating]) -> float | None:
    """Return |found - reference| / |reference| in the 2-norm; None when it is no number."""
    norm = float(np.linalg.norm(reference.astype(np.float64)))
    distance = float(np.linalg.norm(found.astype(np.float64) - reference))
    error = distance / max(norm, 1e-38)
    return error if math.isfinite(error) else None


def psnr(one: NDArray[np.floating], other: NDArray[np.floating]) -> float | None:
    """Return how alike two pictures in 0..255 are, in dB; None when they are equal."""
    square = float(((one.astype(np.float64) - other) ** 2).mean())
    return None if square == 0 else float(10 * np.log10(255**2 / square))


def same_gradient(error: float | None, most: float = MOST_ERROR) -> bool:
    """Return whether a gradient with this error is the reference's."""
    return error is not None and error <= most


def same_dream(alike: float | None) -> bool:
    """Return whether two dreams of ITERATIONS in each octave are one; `alike` is `psnr`'s."""
    return alike is None or alike >= LEAST_PSNR
