"""How an accelerator's advantage changes with the size of the picture, in words."""

from __future__ import annotations

from collections.abc import Sequence

from ort_deepdream.measure.analysis import Speedup
from ort_deepdream.report import words
from ort_deepdream.report.figures import interval

LEVEL = 1.05  # speed-ups that differ by less are called the same


def growth(speedups: Sequence[Speedup]) -> str:
    """Return whether the advantage grows with the picture, and until where.

    `speedups` are of one pair and kind, the smallest size first.
    """
    if len(speedups) < 2:
        return "Not known: only one size was measured on both."
    if any(found.count == 1 for found in speedups):
        return "Not known: a single sample does not tell growth from noise."
    first, last = speedups[0], speedups[-1]
    top = next(s for s in speedups if not any(_is_more(other, s) for other in _after(s, speedups)))
    lowest = min(speedups, key=lambda s: s.value)
    highest = max(speedups, key=lambda s: s.value)
    if not _is_more(highest, lowest):
        return (
            f"No: it stays between {words.times(lowest.value)} and {words.times(highest.value)} "
            f"from {words.size(first.size)} to {words.size(last.size)}."
        )
    if top is first:
        return f"No, it shrinks: from {at_size(first)} to {at_size(last)}."
    if _falls_before(top, speedups):
        return f"It rises and falls: {at_size(lowest)}, {at_size(highest)}, {at_size(last)}."
    if top is last:
        return (
            f"Yes: from {at_size(first)} to {at_size(last)}, the largest picture that was "
            f"measured; it may grow further."
        )
    return f"Yes, from {at_size(first)} to {at_size(top)}; {_beyond(top, last)}."


def _beyond(top: Speedup, last: Speedup) -> str:
    if _is_more(top, last):
        return f"beyond it falls, to {at_size(last)}"
    return f"larger pictures gain no more ({at_size(last)})"


def _after(found: Speedup, speedups: Sequence[Speedup]) -> Sequence[Speedup]:
    return speedups[list(speedups).index(found) + 1 :]


def _falls_before(top: Speedup, speedups: Sequence[Speedup]) -> bool:
    rising = speedups[: list(speedups).index(top) + 1]
    return any(_is_more(a, b) for a in rising for b in _after(a, rising))


def _is_more(one: Speedup, other: Speedup) -> bool:
    """Tell whether one is larger beyond the noise, and by enough to matter."""
    return one.low > other.high and one.value > LEVEL * other.value


def at_size(found: Speedup) -> str:
    """Return a speed-up with its size: 9.08× at 182×158."""
    return f"{words.times(found.value)} at {words.size(found.size)}"


def wins_from(speedups: Sequence[Speedup]) -> str:
    """Return from which size on the accelerator is faster, beyond the noise.

    `speedups` are of one pair and kind, the smallest size first.
    """
    if any(found.count == 1 for found in speedups):
        return "not known; a single sample does not tell a difference from noise."
    winning = [found for found in speedups if found.is_faster]
    if not winning:
        last = speedups[-1]
        return f"at no size that was measured ({at_size(last)}, {interval(last)})."
    lasting = len(speedups)
    while lasting and speedups[lasting - 1].is_faster:
        lasting -= 1
    if lasting == 0:
        return f"at every size that was measured, from {words.size(speedups[0].size)} on."
    if lasting == len(speedups):
        sizes = words.listed([words.size(found.size) for found in winning])
        return f"only at {sizes}, and not at the largest ({at_size(speedups[-1])})."
    before = speedups[lasting - 1]
    return f"from {words.size(speedups[lasting].size)} on; {at_size(before)} ({interval(before)})."
