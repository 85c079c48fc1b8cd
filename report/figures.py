"""How sure a figure is, in words: what stands beside every number that is shown."""

from __future__ import annotations

from ort_deepdream.measure.analysis import Figure, Speedup
from ort_deepdream.report import words


def noise(figure: Figure) -> str:
    """Return what stands beside a time wherever it is a headline."""
    if figure.count == 1:
        return "one sample: its noise is not known"
    sure = f"95 % interval {words.seconds(figure.low)} to {words.seconds(figure.high)}"
    return f"{sure}, samples {_apart(figure)}{_unsettled(figure)}"


def _apart(figure: Figure) -> str:
    return f"{words.seconds(figure.fast)} to {words.seconds(figure.slow)}, n = {figure.count}"


def _unsettled(figure: Figure) -> str:
    if figure.stable:
        return ""
    return f"; not settled: {figure.note}" if figure.note else "; not settled"


def interval(speedup: Speedup) -> str:
    """Return what stands beside a ratio."""
    if speedup.count == 1:
        return "one sample, no interval"
    return f"95 % interval {bounds(speedup)}"


def bounds(speedup: Speedup) -> str:
    """Return the ends of a ratio's interval, and whether its samples settled."""
    between = words.between(speedup.low, speedup.high, "×")
    return between if speedup.is_settled else f"{between}; not settled"


def headline_noise(speedup: Speedup) -> str:
    """Return what stands beside a ratio where it is the headline."""
    if speedup.count == 1:
        return interval(speedup)
    return f"{interval(speedup)}; samples {_apart(speedup.slow)}, and {_apart(speedup.quick)}"
