"""What samples say: medians, intervals, ratios, whether they settled, whether two sets differ.

The bootstrap takes the percentiles of resampled medians. With fewer than ten samples its
intervals are somewhat too narrow; nothing here hides how many there were.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
CONFIDENCE = (2.5, 97.5)  # percentiles: 95 %

# pyperf's criteria, by which it calls a benchmark unstable.
MOST_SPREAD = 0.10  # standard deviation over mean
MOST_RANGE = 1.5  # the slowest over the fastest

EXACT = 2500  # products of two sample counts up to which the exact test is quick enough


@dataclass(frozen=True)
class Spread:
    """A median with its 10th and 90th percentile, in the samples' unit."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Interval:
    """A value with its 95% bootstrap interval."""

    value: float
    low: float
    high: float


def spread(samples: Sequence[float]) -> Spread:
    """Return how far the samples lie apart."""
    low, median, high = np.percentile(samples, [10, 50, 90])
    return Spread(float(median), float(low), float(high))


def median(samples: Sequence[float]) -> Interval:
    """Return the median, and how well it is known."""
    values = np.array(samples)
    return _interval(float(np.median(values)), np.median(values[_picks(len(values))], axis=1))


def ratio(ours: Sequence[float], theirs: Sequence[float], paired: bool = True) -> Interval:
    """Return the ratio of medians, ours over theirs.

    Samples that were taken in the same rounds are `paired`: rounds are resampled whole, for a busy
    moment hits both. Where one has more samples than the other, they are not.
    """
    one, other = np.array(ours), np.array(theirs)
    picks = _picks(len(one))
    same = paired and len(one) == len(other)
    others = picks if same else _picks(len(other), seed=1)
    ratios = np.median(one[picks], axis=1) / np.median(other[others], axis=1)
    return _interval(float(np.median(one) / np.median(other)), ratios)


def _picks(count: int, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))


def _interval(value: float, resampled: NDArray[np.float64]) -> Interval:
    low, high = np.percentile(resampled, CONFIDENCE)
    return Interval(value, float(low), float(high))


def why_unstable(samples: Sequence[float]) -> str | None:
    """Return in what the samples did not settle; None when they did."""
    if len(samples) < 3:
        few = "one sample" if len(samples) == 1 else f"{len(samples)} samples"
        return f"only {few}"
    deviation = float(np.std(samples, ddof=1) / np.mean(samples)) if any(samples) else 0.0
    if deviation > MOST_SPREAD:
        return f"the standard deviation is {deviation:.0%} of the mean"
    if max(samples) > MOST_RANGE * min(samples):
        return f"the slowest took {max(samples) / max(min(samples), 1e-9):.1f} times the fastest"
    return None


def mann_whitney(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the two-sided p-value that both are of one distribution: exact, or normal with ties.

    U counts the pairs in which the first is larger. Its distribution does not depend on the
    samples' own: no assumption on the shape of the noise.
    """
    wins = np.subtract.outer(np.array(one), np.array(other))
    u = float((wins > 0).sum() + 0.5 * (wins == 0).sum())
    pairs = len(one) * len(other)
    larger = max(u, pairs - u)
    ties = len(set(one) | set(other)) < len(one) + len(other)
    if ties or pairs > EXACT:
        return _normal_tail(larger, one, other)
    counts = _rank_sums(len(one), len(other))
    return min(1.0, 2 * sum(counts[math.ceil(larger) :]) / sum(counts))


def _rank_sums(one: int, other: int) -> list[int]:
    """Count the orders of samples in which U has each value: a Gaussian binomial's coefficients."""
    counts = [1] + [0] * (one * other)
    for k in range(1, one + 1):
        for u in range(one * other, other + k - 1, -1):  # times 1 - q^(other + k)
            counts[u] -= counts[u - other - k]
        for u in range(k, one * other + 1):  # over 1 - q^k
            counts[u] += counts[u - k]
    return counts


def _normal_tail(larger: float, one: Sequence[float], other: Sequence[float]) -> float:
    """Return both tails of the normal approximation, corrected for ties and continuity."""
    n, m = len(one), len(other)
    _, repeats = np.unique([*one, *other], return_counts=True)
    tied = float((repeats**3 - repeats).sum())
    variance = n * m / 12 * (n + m + 1 - tied / ((n + m) * (n + m - 1)))
    if variance <= 0:  # all are equal
        return 1.0
    z = (larger - n * m / 2 - 0.5) / math.sqrt(variance)
    return min(1.0, math.erfc(z / math.sqrt(2)))
