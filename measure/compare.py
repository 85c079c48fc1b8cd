"""`dream compare`: whether a second result is slower than a first, and what else differs.

A measurement is called slower when the ratio of medians is above the limit, its 95% interval lies
above 1, a Mann-Whitney test tells the two apart, and the fastest sample is slower too, by half of
what the limit allows: noise only ever adds time, and it seldom adds it to every sample.

Two results are of two times, and a neighbour that was there at one of them slows every sample: none
of these tests sees that. So where other processes kept the machine busy, the limit is raised by
what they can take: times 1 + their busy cores. Six results of one commit on two cores that others
kept busy (1.6 of them) lay up to 2.0 apart, and the limit was then 2.9.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from pydantic import BaseModel

from ort_deepdream.measure.machine import BUSY_CORES
from ort_deepdream.measure.plan import Cell
from ort_deepdream.measure.result import Result, Series
from ort_deepdream.measure.statistics import Interval, mann_whitney, ratio

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Change:
    """One measurement of both results. Ratios are the second over the first."""

    cell: Cell
    before: tuple[float, ...]  # seconds
    after: tuple[float, ...]
    ratio: Interval
    p: float  # that both come from one distribution
    load: float  # cores that other processes kept busy, in the more disturbed of the two

    @property
    def fastest(self) -> float:
        return min(self.after) / min(self.before)

    @property
    def is_significant(self) -> bool:
        return self.p < SIGNIFICANT and not self.ratio.low <= 1 <= self.ratio.high

    def raised(self, limit: float) -> float:
        """The limit, with what other processes can have done."""
        return limit if self.load <= BUSY_CORES else limit * (1 + self.load)

    def is_slower(self, limit: float) -> bool:
        """By more than `limit`, beyond what chance, noise and neighbours explain."""
        limit = self.raised(limit)
        margin = 1 + (limit - 1) / 2
        above = self.ratio.value > limit and self.fastest > margin
        return above and self.ratio.low > 1 and self.is_significant


def changes(before: Result, after: Result) -> list[Change]:
    """What both measured, in the first one's order."""
    known = {_cell(series): series for series in after.series if series.samples}
    return [
        _change(series, known[_cell(series)])
        for series in before.series
        if series.samples and _cell(series) in known
    ]


def _change(before: Series, after: Series) -> Change:
    one, other = _seconds(before), _seconds(after)
    return Change(
        _cell(before),
        one,
        other,
        ratio(other, one, paired=False),
        mann_whitney(other, one),
        max(_load(before), _load(after)),
    )


def _load(series: Series) -> float:
    known = [sample.load for sample in series.samples if sample.load is not None]
    return median(known) if known else 0.0


def only_in_one(before: Result, after: Result) -> tuple[list[Cell], list[Cell]]:
    """What only the first measured, and what only the second."""
    one, other = (
        {_cell(series): None for series in result.series if series.samples}
        for result in (before, after)
    )
    return [cell for cell in one if cell not in other], [cell for cell in other if cell not in one]


def _cell(series: Series) -> Cell:
    return Cell(series.contender, series.size, series.kind)


def _seconds(series: Series) -> tuple[float, ...]:
    return tuple(sample.seconds for sample in series.samples)


@dataclass(frozen=True)
class Difference:
    what: str
    before: str
    after: str


def differences(before: Result, after: Result) -> list[Difference]:
    """In machine, model, photo, settings and the contenders that both have."""
    found = [
        difference
        for part in ("machine", "model", "photo", "settings")
        for difference in differing(part, getattr(before, part), getattr(after, part))
    ]
    others = {contender.name: contender for contender in after.contenders}
    for contender in before.contenders:
        if contender.name in others:
            found += differing(contender.name, contender, others[contender.name])
    return found


def differing(name: str, before: BaseModel, after: BaseModel) -> Iterator[Difference]:
    """The fields of two records that are not the same; of a dictionary, its keys."""
    one, other = (dict(_leaves(name, record.model_dump())) for record in (before, after))
    for key in {**one, **other}:
        if one.get(key) != other.get(key):
            yield Difference(key, _text(one.get(key)), _text(other.get(key)))


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{name} {key}", inner)
    else:
        yield name, value


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    text = str(value)
    return text[:12] if len(text) == 64 and text.isalnum() else text  # a checksum
