"""`dream compare`: whether a second result is slower than a first, and what else differs.

A measurement is called slower when the ratio of medians is above the limit, its 95% interval lies
above 1, a Mann-Whitney test tells the two apart, and the fastest sample is slower too, by half of
what the limit allows: noise only ever adds time, and it seldom adds it to every sample.

Two results are of two times, and a neighbour that was there at one of them slows every sample: none
of these tests sees that. So where other processes kept the machine busy, the limit that is used is
what they can take on top: times 1 + their busy cores. Six results of one commit on two cores that
others kept busy (1.6 of them) lay up to 2.0 apart, and the limit used was then 2.9.

What is not slower by that is not cleared by it. It is inconclusive where the limit used is above
the one that was asked for, where there are too few samples to tell anything apart, and where they
lie so far apart that a slowdown above the limit would look the same.

A contender that failed its check in either result is neither slower nor faster: its times say
nothing. One that passed in the first and fails in the second is broken, which is worse than slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from pydantic import BaseModel

from ort_deepdream.measure.analysis import (
    Analysis,
    TimedContender,
    partners,
    usual_name,
)
from ort_deepdream.measure.machine import BUSY_CORES
from ort_deepdream.measure.result import Kind, Measurement, Result, Series, Size
from ort_deepdream.measure.statistics import Interval, can_tell_apart, mann_whitney, ratio

SIGNIFICANT = 0.05

Doubt = Literal["samples", "neighbours", "spread"]  # why a measurement is inconclusive


@dataclass(frozen=True)
class Change:
    """One measurement of both results. Ratios are the second over the first."""

    measured: Measurement  # in the first
    before: tuple[float, ...]  # seconds
    after: tuple[float, ...]
    ratio: Interval
    p: float  # that both come from one distribution
    load: float  # cores that other processes kept busy, in the more disturbed of the two
    is_sound: bool  # the contender failed its check in neither

    @property
    def fastest(self) -> float:
        """Return the ratio of the fastest samples."""
        return min(self.after) / min(self.before)

    @property
    def is_enough(self) -> bool:
        """Tell whether so many samples could differ significantly at all."""
        return can_tell_apart(len(self.before), len(self.after), SIGNIFICANT)

    @property
    def is_significant(self) -> bool:
        """Whether the two differ beyond chance."""
        return self.p < SIGNIFICANT and not self.ratio.low <= 1 <= self.ratio.high

    def limit_used(self, limit: float) -> float:
        """Return the limit, with what other processes can have done."""
        return limit if self.load <= BUSY_CORES else limit * (1 + self.load)

    def is_slower(self, limit: float) -> bool:
        """Tell whether it is, by more than `limit` and what chance, noise and others explain."""
        limit = self.limit_used(limit)
        above = self.ratio.value > limit and self.fastest > _margin(limit)
        return self.is_sound and above and self.ratio.low > 1 and self.is_significant

    def doubt(self, limit: float) -> Doubt | None:
        """Return why it may be slower by more than `limit`, unseen; None where that is settled."""
        if not self.is_sound or self.is_slower(limit):
            return None
        if not self.is_enough:
            return "samples"
        if self.limit_used(limit) > limit:
            return "neighbours"
        settled = self.ratio.high <= limit or (
            self.ratio.value <= limit and self.fastest <= _margin(limit)
        )
        return None if settled else "spread"


def _margin(limit: float) -> float:
    return 1 + (limit - 1) / 2


def changes(before: Analysis, after: Analysis) -> list[Change]:
    """Return a change for each measurement that is in both, in the first one's order."""
    return [
        _change(one, other, kind, size)
        for one, other in partners(before, after)
        for kind, size in one.series
        if (kind, size) in other.series
    ]


def _change(before: TimedContender, after: TimedContender, kind: Kind, size: Size) -> Change:
    one, other = before.seconds(kind, size), after.seconds(kind, size)
    return Change(
        measured=Measurement(before.record.name, size, kind),
        before=one,
        after=other,
        ratio=ratio(other, one, paired=False),
        p=mann_whitney(other, one),
        load=max(_load(contender.series[kind, size]) for contender in (before, after)),
        is_sound=before.is_sound and after.is_sound,
    )


def _load(series: Series) -> float:
    known = [sample.load for sample in series.samples if sample.load is not None]
    return median(known) if known else 0.0


def only_in_one(before: Analysis, after: Analysis) -> tuple[list[Measurement], list[Measurement]]:
    """Return what only the first measured, and what only the second."""
    pairs = partners(before, after)
    return (
        _without(before, [(one.record.name, other) for one, other in pairs]),
        _without(after, [(other.record.name, one) for one, other in pairs]),
    )


def _without(analysis: Analysis, matched: list[tuple[str, TimedContender]]) -> list[Measurement]:
    """Return what was measured, in the file's order, and not by the partner in the other result."""
    partner = dict(matched)
    return [
        series.measurement
        for series in analysis.result.series
        if series.samples
        and (
            series.contender not in partner
            or (series.kind, series.size) not in partner[series.contender].series
        )
    ]


def broken(before: Analysis, after: Analysis) -> list[TimedContender]:
    """Return the contenders that fail a check in the second result, and did not in the first."""
    failed = {other.record.name for one, other in partners(before, after) if not one.is_sound}
    return [
        contender
        for contender in after.contenders
        if not contender.is_sound and contender.record.name not in failed
    ]


@dataclass(frozen=True)
class Difference:
    """A field that two results do not agree on, its values as they are shown."""

    what: str
    before: str
    after: str


def differences(before: Result, after: Result) -> list[Difference]:
    """Return what differs: version, machine, model, photo, settings, contenders of both."""
    found = []
    if before.version != after.version:  # by which not all was measured in the same way
        found.append(Difference("version of the file", before.version, after.version))
    found += [
        difference
        for part in ("machine", "model", "photo", "settings")
        for difference in differing(part, getattr(before, part), getattr(after, part))
    ]
    others = {usual_name(one, after.machine): one for one in after.contenders}
    others |= {one.name: one for one in after.contenders}
    for contender in before.contenders:
        name = contender.name
        other = others.get(name) or others.get(usual_name(contender, before.machine))
        if other is not None:
            found += differing(name, contender, other)
    return found


def differing(name: str, before: BaseModel, after: BaseModel) -> Iterator[Difference]:
    """Return the fields of two records that are not the same; of a dictionary, its keys."""
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
