"""What samples say: medians, intervals, ratios, whether they settled, whether two sets differ.

The bootstrap takes the percentiles of resampled medians. With fewer than ten samples its
intervals are somewhat too narrow; nothing here hides how many there were.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
AT_ONCE = 4_000_000  # samples drawn: all of a large file's would take gigabytes
CONFIDENCE = (2.5, 97.5)  # percentiles: 95 %

# pyperf's criteria, by which it calls a benchmark unstable.
MOST_SPREAD = 0.10  # standard deviation over mean
MOST_RANGE = 1.5  # the slowest over the fastest

Samples = NDArray[np.float64]
Picks = NDArray[np.int64]

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
    medians = np.concatenate([_medians(values, picks) for picks in _picks(len(values))])
    return _interval(float(np.median(values)), medians)


def ratio(ours: Sequence[float], theirs: Sequence[float], paired: bool = True) -> Interval:
    """Return the ratio of medians, ours over theirs.

    Samples that were taken in the same rounds are `paired`: rounds are resampled whole, for a busy
    moment hits both. Where one has more samples than the other, they are not.
    """
    one, other = np.array(ours), np.array(theirs)
    seed = 0 if paired and len(one) == len(other) else 1
    over = [_medians(one, picks) for picks in _picks(len(one))]
    under = [_medians(other, picks) for picks in _picks(len(other), seed)]
    ratios = np.concatenate(over) / np.concatenate(under)
    return _interval(float(np.median(one) / np.median(other)), ratios)


def _medians(values: Samples, picks: Picks) -> Samples:
    medians: Samples = np.median(values[picks], axis=1)
    return medians


def _picks(count: int, seed: int = 0) -> Iterator[Picks]:
    """Yield the samples that each resampling draws, [some of RESAMPLES, count] at once."""
    random = np.random.default_rng(seed)
    rows = max(1, AT_ONCE // count)
    for first in range(0, RESAMPLES, rows):
        yield random.integers(0, count, (min(rows, RESAMPLES - first), count))


def _interval(value: float, resampled: Samples) -> Interval:
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
    ranked, values = np.sort(other), np.array(one)
    smaller = np.searchsorted(ranked, values, "left")  # of the second, for each of the first
    not_larger = np.searchsorted(ranked, values, "right")
    u = float((smaller.sum() + not_larger.sum()) / 2)
    pairs = len(one) * len(other)
    larger = max(u, pairs - u)
    ties = len(set(one) | set(other)) < len(one) + len(other)
    if ties or pairs > EXACT:
        return _normal_tail(larger, one, other)
    counts = _rank_sums(len(one), len(other))
    return min(1.0, 2 * sum(counts[math.ceil(larger) :]) / sum(counts))


def can_tell_apart(one: int, other: int, significant: float) -> bool:
    """Tell whether so many samples can differ significantly at all, by `mann_whitney`."""
    return 2 / math.comb(one + other, one) < significant


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
