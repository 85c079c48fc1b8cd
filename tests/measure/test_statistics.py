"""Statistics against scipy's, and against what is known of the distribution."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import scipy.stats

from ort_deepdream.measure import statistics
from ort_deepdream.measure.statistics import (
    can_tell_apart,
    cold_samples,
    mann_whitney,
    median,
    ratio,
    spread,
    students_quantile,
    warm_up,
    why_unstable,
)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 5), (5, 5), (8, 3), (13, 20)])
def test_mann_whitney_is_exact_without_ties(n, m):
    random = np.random.default_rng(n * 100 + m)
    for shift in (0.0, 0.7, 3.0):
        one, other = random.normal(size=n), random.normal(shift, size=m)
        expected = scipy.stats.mannwhitneyu(one, other, method="exact").pvalue
        assert mann_whitney(list(one), list(other)) == pytest.approx(min(1.0, expected), rel=1e-9)


def test_mann_whitney_with_ties_and_with_many():
    random = np.random.default_rng(0)
    for n, m, levels in ((6, 7, 4), (30, 25, 10), (60, 60, 10**9)):
        one = random.integers(0, levels, n).astype(float)
        other = random.integers(0, levels, m) + levels / 5
        expected = scipy.stats.mannwhitneyu(one, other, method="asymptotic").pvalue
        assert mann_whitney(list(one), list(other)) == pytest.approx(expected, rel=1e-9)
    assert mann_whitney([1.0, 1.0], [1.0, 1.0, 1.0]) == 1.0


def test_the_interval_of_a_median_holds_it_nearly_always():
    random = np.random.default_rng(0)
    intervals = [median(list(random.exponential(size=25))) for _ in range(400)]
    held = np.mean([interval.low <= np.log(2) <= interval.high for interval in intervals])
    assert 0.90 <= held <= 0.99


@pytest.mark.parametrize("count", [1, 5, 6, 9, 12, 40, 257, 3001])
def test_the_interval_of_a_median_ends_where_the_binomial_distribution_says(count):
    found = median(range(count))
    outside = max(0, int(scipy.stats.binom.ppf(0.025, count, 0.5)) - 1)
    while scipy.stats.binom.cdf(outside + 1, count, 0.5) <= 0.025:
        outside += 1
    assert (found.low, found.high) == (outside, count - 1 - outside)
    assert found.value == (count - 1) / 2


def test_the_ratio_of_rounds_is_surer_than_of_strangers():
    noise = np.random.default_rng(0).uniform(1, 2, 15)  # of the rounds: both have it
    paired = ratio(list(noise * 3), list(noise))
    apart = ratio(list(noise * 3), list(noise), paired=False)
    assert (paired.low, paired.value, paired.high) == pytest.approx((3, 3, 3))
    assert apart.low < 2.9 < 3.1 < apart.high
    assert ratio([4.0, 4.0], [2.0, 2.0, 2.0]).value == 2


def test_the_spread_is_of_the_samples():
    found = spread([float(n) for n in range(21)])
    assert (found.low, found.median, found.high) == (2, 10, 18)


@pytest.mark.parametrize(
    ("count", "beyond"), [(1, 0), (7, 0), (8, 25), (19, 25), (20, 10), (5000, 10)]
)
def test_a_percentile_has_two_samples_beyond_it_or_is_an_end(count, beyond):
    samples = list(np.random.default_rng(count).permutation(count).astype(float))
    found = spread(samples)
    assert found.beyond == beyond
    outside = sum(sample < found.low for sample in samples)
    assert outside >= 2 if beyond else (found.low, found.high) == (0, count - 1)


# --- warm-up --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "cold", "times"),
    [(5, 1, 1.5), (8, 2, 1.5), (12, 3, 1.2), (30, 6, 1.1), (30, 1, 2.0), (40, 15, 1.1)],
)
def test_a_planted_warm_up_is_located_within_one_sample(count, cold, times):
    random = np.random.default_rng(count)
    for _ in range(40):
        samples = np.exp(random.normal(0, 0.02, count))
        samples[:cold] *= times
        assert abs(warm_up(samples) - cold) <= 1


def test_a_warm_up_in_several_steps_is_found_to_its_end():
    assert warm_up([3, 1.6, 1.25, 1, 1.01, 0.99, 1.02, 0.98, 1, 1.01]) == 3


def test_no_warm_up_is_found_where_there_is_none():
    random = np.random.default_rng(0)
    series = [np.exp(random.normal(0, 0.03, n)) for n in (5, 8, 15, 30) for _ in range(100)]
    assert sum(warm_up(one) > 0 for one in series) <= 0.02 * len(series)
    assert warm_up([1.0] * 9) == warm_up([1.0]) == warm_up([5.0, 1.0]) == 0
    assert warm_up([1.03, 1.0, 1.0, 1.0, 1.0, 1.0]) == 0  # clear, and too small to matter
    assert warm_up([1.0, 1.0, 1.0, 1.0, 9.0, 9.0, 9.0]) == 0  # slower, later


def test_samples_are_cold_only_beyond_what_went_first():
    warm = [1.0, 1.01, 0.99, 1.0, 1.02]
    assert cold_samples([3.0], warm) == 0
    assert cold_samples([3.0], [2.9, *warm]) == 1
    assert cold_samples([], [2.9, 3.0, *warm]) == 2


@pytest.mark.parametrize("freedom", [3, 5, 10, 30])
def test_students_quantile_is_scipys(freedom):
    for probability in (0.99, 0.995, 0.999):
        expected = scipy.stats.t.ppf(probability, freedom)
        found = students_quantile(probability, freedom)
        assert found == pytest.approx(expected, rel=0.15 if freedom == 3 else 0.03)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ([1.0, 1.01, 0.99, 1.0], None),
        ([1.0], "only one sample"),
        ([1.0, 1.0], "only 2 samples"),
        ([1.0, 1.3, 0.95, 1.0], "the median's interval reaches 30% away from it"),
        ([1.0, 1.0, 1.0, 1.0, 0.7], "the median's interval reaches 30% away from it"),
        ([1.0] * 60 + [1.6] * 20, None),  # one of four was slowed, and the median is known
        ([1.0] * 33 + [1.6] * 27, "the median's interval reaches 60% away from it"),
    ],
)
def test_what_is_unstable(samples, said):
    assert why_unstable(samples) == said


def test_what_is_drawn_at_once_makes_no_difference(monkeypatch):
    random = np.random.default_rng(0)
    one, other = (list(random.exponential(size=n)) for n in (9, 13))
    found = median(one), ratio(one, other), ratio(one, list(reversed(one)))
    monkeypatch.setattr(statistics, "AT_ONCE", 100)
    assert (median(one), ratio(one, other), ratio(one, list(reversed(one)))) == found


def test_very_many_samples_take_little_memory():
    """All pairs of so many would take 80 GB, and all that is drawn of a fifth of them 0.6."""
    random = np.random.default_rng(0)
    one, other = random.normal(1.0, 0.1, 100_000), random.normal(1.0, 0.1, 100_000)
    tracemalloc.start()
    try:
        assert 0 <= mann_whitney(list(one), list(other)) <= 1
        assert median(list(one[::5])).value == pytest.approx(1, rel=0.01)
        assert tracemalloc.get_traced_memory()[1] < 300e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("one", "other", "can"),
    [(1, 1, False), (3, 3, False), (2, 7, False), (4, 4, True), (3, 5, True)],
)
def test_how_many_samples_can_differ_significantly(one, other, can):
    assert can_tell_apart(one, other, 0.05) == can
    apart = mann_whitney([float(n) for n in range(one)], [100.0 + n for n in range(other)])
    assert (apart < 0.05) == can
