"""How sure a figure is, in words: what stands beside every number that is shown.

A ratio of two contenders is said in one way: 1.31 times as fast, and never as a number below 1 but
as 1.31 times as long. Where it is a number alone, in charts and tables, it is times as fast.
"""

from __future__ import annotations

from ort_deepdream.measure.analysis import Figure, Speedup
from ort_deepdream.measure.statistics import TOLD
from ort_deepdream.report import words

# What lies between two percentiles, by the lower one.
BETWEEN = dict(zip(TOLD, ("the middle 80 %", "the middle half", "all"), strict=True))


def noise(figure: Figure) -> str:
    """Return what stands beside a time wherever it is a headline."""
    if figure.count == 1:
        return "one sample: its noise is not known"
    return f"95 % interval {sure(figure)}; {apart(figure)}{_unsettled(figure)}"


def sure(figure: Figure) -> str:
    """Return the 95 % interval of a median; a dash for one sample, which has none."""
    return _span(figure, figure.low, figure.high)


def apart(figure: Figure) -> str:
    """Return where the samples lie, and which of them: all, or those in the middle."""
    return f"{which(figure)} samples from {within(figure)}"


def within(figure: Figure) -> str:
    """Return what the samples lie between that `which` names; a dash for one sample."""
    return _span(figure, figure.fast, figure.slow)


def which(figure: Figure) -> str:
    """Return of which samples the spread is told: as fine as their number justifies."""
    if figure.count == 1:
        return "1"
    named = BETWEEN[figure.beyond]
    return f"{named} {figure.count}" if figure.beyond == 0 else f"{named} of {figure.count}"


def _span(figure: Figure, low: float, high: float) -> str:
    if figure.count == 1:
        return words.DASH
    return f"{words.seconds(low)} to {words.seconds(high)}"


def _unsettled(figure: Figure) -> str:
    if figure.stable:
        return ""
    return f"; not settled: {figure.note}" if figure.note else "; not settled"


def interval(speedup: Speedup) -> str:
    """Return what stands beside a ratio that is a number: times as fast."""
    if speedup.count == 1:
        return "one sample, no interval"
    return f"95 % interval {bounds(speedup)}"


def bounds(speedup: Speedup) -> str:
    """Return the ends of a ratio's interval, and whether its samples settled.

    It is a dash for one sample, which has none.
    """
    if speedup.count == 1:
        return words.DASH
    return _settled(speedup, speedup.low, speedup.high)


def _settled(speedup: Speedup, low: float, high: float) -> str:
    between = words.between(low, high, "×")
    return between if speedup.is_settled else f"{between}; not settled"


# --- ratios in words: as fast, or as long ---------------------------------------------------------


def times(speedup: Speedup) -> str:
    """Return how many times, which is 1 or more: `pace` says of what."""
    value = speedup.value
    return words.figures(value if value >= 1 else 1 / value)


def pace(speedup: Speedup) -> str:
    """Return what a ratio counts: as fast, or as long."""
    return "as fast" if speedup.value >= 1 else "as long"


def ratio_in_words(speedup: Speedup) -> str:
    """Return a ratio: 1.31 times as fast, 1.31 times as long."""
    return f"{times(speedup)} times {pace(speedup)}"


def interval_in_words(speedup: Speedup) -> str:
    """Return what stands beside what `ratio_in_words` returns: the interval of the same ratio."""
    if speedup.count == 1:
        return interval(speedup)
    return f"95 % interval {_settled(speedup, *ends(speedup))}"


def ends(speedup: Speedup) -> tuple[float, float]:
    """Return the ends of the interval of the ratio that `ratio_in_words` returns."""
    if speedup.value >= 1:
        return speedup.low, speedup.high
    return 1 / speedup.high, 1 / speedup.low


def headline_noise(speedup: Speedup) -> str:
    """Return what stands beside a ratio where it is the headline."""
    if speedup.count == 1:
        return interval(speedup)
    return f"{interval_in_words(speedup)}; {apart(speedup.slow)}, and {apart(speedup.quick)}"
