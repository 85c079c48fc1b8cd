"""Whether steps of a head are slower than those of a base, from both timed in turns.

Processes are started anew several times, for each has a speed of its own: where its memory came to
lie, and which cores it was given. Within a start base and head take turns, so that what slows the
machine for a while slows both. One start gives one number, the median of the logarithms of its
rounds' ratios; the starts are the independent samples, and decide:

- a sign-flip test: were base and head the same, each start's number would be as likely with the
  other sign. It counts all 2^n ways to choose signs, and assumes nothing of the noise but that;
- the difference has to be worth a word, 2% and more.

The interval is Student's, at 95%, of the mean of the logarithms.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ort_deepdream.measure.statistics import Interval, students_quantile

Pair = tuple[float, float]  # seconds of base and head, in one round
Start = Sequence[Pair]
Verdict = Literal["slower", "faster", "no difference shown"]

SIGNIFICANT = 0.01
RELEVANT = 1.02  # times as long, or as fast
MOST_COUNTED = 14  # starts of which all signs are counted; of more, a sample of them
DRAWN = 20_000


@dataclass(frozen=True)
class Comparison:
    """What was found of one size of picture."""

    size: str
    base: float  # seconds, medians
    head: float
    ratio: Interval  # head over base
    p: float
    starts: int
    rounds: int

    @property
    def verdict(self) -> Verdict:
        if self.p >= SIGNIFICANT:
            return "no difference shown"
        if self.ratio.value >= RELEVANT:
            return "slower"
        return "faster" if self.ratio.value <= 1 / RELEVANT else "no difference shown"


def compare(size: str, starts: Sequence[Start]) -> Comparison:
    """Return how many times as long the head's steps take. There have to be two starts at least."""
    logarithms = np.array([start_ratio(start) for start in starts])
    mean, count = float(logarithms.mean()), len(logarithms)
    error = float(logarithms.std(ddof=1)) / math.sqrt(count)
    reach = students_quantile(0.975, count - 1) * error
    base, head = (np.median([pair[side] for start in starts for pair in start]) for side in (0, 1))
    return Comparison(
        size,
        float(base),
        float(head),
        Interval(math.exp(mean), math.exp(mean - reach), math.exp(mean + reach)),
        sign_flips(logarithms),
        count,
        min(map(len, starts)),
    )


def start_ratio(start: Start) -> float:
    """Return the logarithm of head over base in one start."""
    return float(np.median([math.log(head / base) for base, head in start]))


def sign_flips(values: Sequence[float] | np.ndarray) -> float:
    """Return the two-sided p-value that the values are as likely with the other sign."""
    found = np.abs(np.asarray(values, float))
    total = abs(float(np.sum(values)))
    if len(found) <= MOST_COUNTED:
        signs = np.array(list(itertools.product((-1, 1), repeat=len(found))))
        return float(np.mean(np.abs(signs @ found) >= total * (1 - 1e-9)))
    signs = np.random.default_rng(0).choice((-1, 1), (DRAWN, len(found)))
    return float((1 + np.sum(np.abs(signs @ found) >= total * (1 - 1e-9))) / (1 + DRAWN))


def resampled(
    starts: Sequence[Start], count: int, plant: float, draw: random.Random
) -> list[Start]:
    """Return as many starts drawn from measured ones, base and head at random; head slowed.

    The measured ones are of one commit on both sides, so that who is called head says nothing.
    """
    made: list[Start] = []
    for start in draw.choices(starts, k=count):
        rounds = draw.choices(start, k=len(start))
        swapped = draw.random() < 0.5
        made.append([(b, a * plant) if swapped else (a, b * plant) for a, b in rounds])
    return made


def summary(comparisons: Sequence[Comparison], base: str, head: str) -> str:
    """Return the verdict as Markdown, for a job's summary or a comment."""
    slower = [one for one in comparisons if one.verdict == "slower"]
    worst = max(comparisons, key=lambda one: one.ratio.value)
    if slower:
        said = f"**Slower**: a step at {worst.size} takes {worst.ratio.value:.3f} times as long."
    elif any(one.verdict == "faster" for one in comparisons):
        said = "**Faster**, and nowhere slower."
    else:
        said = "**No difference shown.**"
    rows = [
        f"| {one.size} | {1e3 * one.base:.1f} ms | {1e3 * one.head:.1f} ms | "
        f"{one.ratio.value:.3f} | {one.ratio.low:.3f} to {one.ratio.high:.3f} | {one.p:.2g} | "
        f"{one.verdict} |"
        for one in comparisons
    ]
    starts, rounds = comparisons[0].starts, comparisons[0].rounds
    return "\n".join(
        [
            f"### A step of {head} against {base}",
            "",
            said,
            "",
            "| size | base | head | head / base | 95 % interval | p | verdict |",
            "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
            *rows,
            "",
            f"{starts} starts of {rounds} rounds, base and head in turns on one machine. Slower or "
            f"faster is what a sign-flip test of the starts finds at p < {SIGNIFICANT:g} and what "
            f"is at least {RELEVANT - 1:.0%} apart.",
            "",
        ]
    )
