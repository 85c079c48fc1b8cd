"""`dream compare`: whether a second result is slower than a first, and what else differs.

A measurement is called slower when the ratio of medians is above the limit, its 95% interval lies
above 1, a Mann-Whitney test tells the two apart, and the fastest sample is slower too, by half of
what the limit allows: noise only ever adds time, and it seldom adds it to every sample.

Two results are of two times, and a neighbour that was there at one of them slows every sample: none
of these tests sees that. So where other processes kept the machine busy, the limit is raised by
what they can take: times 1 + their busy cores. Six results of one commit on two cores that others
kept busy (1.6 of them) lay up to 2.0 apart, and the limit was then 2.9.

A contender that failed its check in either result is neither slower nor faster: its times say
nothing. One that passed in the first and fails in the second is broken, which is worse than slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from pydantic import BaseModel

from ort_deepdream.measure.analysis import Analysis, TimedContender
from ort_deepdream.measure.machine import BUSY_CORES
from ort_deepdream.measure.result import Measurement, Result, Series
from ort_deepdream.measure.statistics import Interval, mann_whitney, ratio

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Change:
    """One measurement of both results. Ratios are the second over the first."""

    measured: Measurement
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
    def is_significant(self) -> bool:
        return self.p < SIGNIFICANT and not self.ratio.low <= 1 <= self.ratio.high

    def raised(self, limit: float) -> float:
        """Return the limit, with what other processes can have done."""
        return limit if self.load <= BUSY_CORES else limit * (1 + self.load)

    def is_slower(self, limit: float) -> bool:
        """Tell whether it is, by more than `limit` and what chance, noise and others explain."""
        limit = self.raised(limit)
        margin = 1 + (limit - 1) / 2
        above = self.ratio.value > limit and self.fastest > margin
        return self.is_sound and above and self.ratio.low > 1 and self.is_significant


def changes(before: Analysis, after: Analysis) -> list[Change]:
    """Return a change for each measurement that is in both, in the first one's order."""
    both = set(_measured(after))
    return [_change(before, after, measured) for measured in _measured(before) if measured in both]


def _change(before: Analysis, after: Analysis, measured: Measurement) -> Change:
    name, size, kind = measured
    pair = [
        next(contender for contender in analysis.contenders if contender.record.name == name)
        for analysis in (before, after)
    ]
    one, other = (contender.seconds(kind, size) for contender in pair)
    return Change(
        measured=measured,
        before=one,
        after=other,
        ratio=ratio(other, one, paired=False),
        p=mann_whitney(other, one),
        load=max(_load(contender.series[kind, size]) for contender in pair),
        is_sound=all(contender.is_sound for contender in pair),
    )


def _load(series: Series) -> float:
    known = [sample.load for sample in series.samples if sample.load is not None]
    return median(known) if known else 0.0


def _measured(analysis: Analysis) -> list[Measurement]:
    """Return what was measured, in the file's order."""
    return [series.measurement for series in analysis.result.series if series.samples]


def only_in_one(before: Analysis, after: Analysis) -> tuple[list[Measurement], list[Measurement]]:
    """Return what only the first measured, and what only the second."""
    one, other = _measured(before), _measured(after)
    return [m for m in one if m not in other], [m for m in other if m not in one]


def broken(before: Analysis, after: Analysis) -> list[TimedContender]:
    """Return the contenders that fail a check in the second result, and did not in the first."""
    failed = {contender.record.name for contender in before.contenders if not contender.is_sound}
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
    others = {contender.name: contender for contender in after.contenders}
    for contender in before.contenders:
        if contender.name in others:
            found += differing(contender.name, contender, others[contender.name])
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
