"""What samples say: medians, intervals, ratios, whether they settled, whether two sets differ.

A median's interval lies between two of the samples, and assumes nothing of them but that they are
independent. A ratio's is a bootstrap's: the percentiles of resampled medians' ratios, somewhat too
narrow with fewer than ten samples; nothing here hides how many there were.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
AT_ONCE = 4_000_000  # samples drawn: all of a large file's would take gigabytes
CONFIDENCE = (2.5, 97.5)  # percentiles: 95 %

BEYOND_EITHER_END = 40  # of so many medians one: of a 95% interval
FAR = 0.10  # from a median, as a part of it: where its interval may reach if it is to be settled

Samples = NDArray[np.float64]
Picks = NDArray[np.int64]

EXACT = 2500  # products of two sample counts up to which the exact test is quick enough

# Percentiles from either end that may be told, the one nearest to the end first; 0 is the end.
TOLD = (10, 25, 0)
BEYOND = 2  # samples that have to lie beyond a percentile, or it is a guess from one


FALSE_ALARMS = 0.01  # of series without a warm-up, those in which one is found
COLD = 1.05  # times as long as the rest, from which on it is worth a word
LEAST_WARM = 3  # samples that have to follow a warm-up
TINY = 1e-12


@dataclass(frozen=True)
class Spread:
    """A median, and the percentiles `beyond` and 100 - `beyond`, in the samples' unit."""

    median: float
    low: float
    high: float
    beyond: int  # in per cent: 10, 25, or 0 for the least and the most


@dataclass(frozen=True)
class Interval:
    """A value with its 95% interval."""

    value: float
    low: float
    high: float


def finest(count: int) -> int:
    """Return the percentile from either end that so many samples justify.

    Two samples have to lie beyond it: the 10th and the 90th from 20 samples on, the quartiles from
    8 on, and with fewer none but the ends, which are the least and the most.
    """
    return next(beyond for beyond in TOLD if count * beyond >= 100 * BEYOND or not beyond)


def between(count: int) -> str:
    """Return the heading of a column of such percentiles: `10-90%`, or `least-most` of ends."""
    beyond = finest(count)
    return f"{beyond}-{100 - beyond}%" if beyond else "least-most"


def spread(samples: Sequence[float]) -> Spread:
    """Return how far the samples lie apart, by no finer percentile than their number justifies."""
    beyond = finest(len(samples))
    low, median, high = np.percentile(samples, [beyond, 50, 100 - beyond])
    return Spread(float(median), float(low), float(high), beyond)


def median(samples: Sequence[float]) -> Interval:
    """Return the median, and the two samples that the true one lies between at 95%.

    By the binomial distribution, for each sample is above the true median as likely as below. With
    fewer than six samples those are the least and the most, which are 94% sure of five.
    """
    ordered = sorted(samples)
    left_out = _outside(len(ordered))
    value = float(np.median(ordered))
    return Interval(value, float(ordered[left_out]), float(ordered[-1 - left_out]))


@cache
def _outside(count: int) -> int:
    """Return how many of so many samples lie outside of their median's interval at either end."""
    ways = up_to = 1  # ways to have so few samples on one side, and so few or fewer
    for outside in range(count):
        ways = ways * (count - outside) // (outside + 1)
        up_to += ways
        if up_to * BEYOND_EITHER_END > 2**count:
            return outside
    return 0


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
    """Return in what the samples did not settle; None when they did.

    They did when they are three at least, and their median's interval ends nowhere FAR from it.
    """
    if len(samples) < 3:
        few = "one sample" if len(samples) == 1 else f"{len(samples)} samples"
        return f"only {few}"
    found = median(samples)
    reach = max(found.high - found.value, found.value - found.low) / max(found.value, TINY)
    return f"the median's interval reaches {reach:.0%} away from it" if reach > FAR else None


# --- warm-up --------------------------------------------------------------------------------------


def warm_up(samples: Sequence[float]) -> int:
    """Return how many samples at the beginning are slower than the rest: where warm-up ends.

    That is the change point of a mean: of all places to cut the logarithms in two, the one where
    the two means are furthest apart, measured by the spread within both. What follows it is looked
    at again, for a warm-up may end in several steps. A cut counts where chance would show one so
    clear in FALSE_ALARMS of all series without any, and where the first part takes COLD times as
    long. Samples without a warm-up whose noise is not normal, such as those of a busy machine, are
    called cold more often.
    """
    found = 0
    logarithms = np.log(np.maximum(samples, TINY))
    while cut := _slow_beginning(logarithms[found:]):
        found += cut
    return found


def cold_samples(first: Sequence[float], samples: Sequence[float]) -> int:
    """Return how many of the samples belong to the warm-up that begins with what went `first`."""
    return max(0, warm_up([*first, *samples]) - len(first))


def counted(cold: int, slowed: Sequence[bool]) -> tuple[int, ...]:
    """Return the numbers of the samples that figures are of, of which the first `cold` warm up.

    They are those that nothing `slowed`, or all that are warm where everything was.
    """
    warm = range(cold, len(slowed))
    return tuple(number for number in warm if not slowed[number]) or tuple(warm)


def _slow_beginning(values: Samples) -> int:
    """Return where the mean falls most clearly; 0 where it does not fall."""
    count = len(values)
    cuts = range(1, min(count // 2, count - LEAST_WARM) + 1)
    if not cuts:
        return 0
    clear = {cut: _fall(values[:cut], values[cut:]) for cut in cuts}
    best = max(cuts, key=lambda cut: clear[cut])
    slower = float(values[:best].mean() - np.median(values[best:]))
    threshold = students_quantile(1 - FALSE_ALARMS / len(cuts), count - 2)
    return best if clear[best] > threshold and slower > math.log(COLD) else 0


def _fall(before: Samples, after: Samples) -> float:
    """Return Student's t of how much larger the first mean is, with one spread for both."""
    count, other = len(before), len(after)
    squares = float(((before - before.mean()) ** 2).sum() + ((after - after.mean()) ** 2).sum())
    error = math.sqrt(max(squares, TINY) / (count + other - 2) * (1 / count + 1 / other))
    return float(before.mean() - after.mean()) / error


def students_quantile(probability: float, freedom: int) -> float:
    """Return the quantile of Student's distribution, by its expansion around the normal one."""
    z = NormalDist().inv_cdf(probability)
    return float(
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )


# --- whether two sets differ ----------------------------------------------------------------------


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
