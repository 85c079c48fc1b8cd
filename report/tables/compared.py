"""Several runs beside one another: the same contender at the same size."""

from __future__ import annotations

from collections.abc import Sequence

from ort_deepdream.measure.analysis import TimedContender, ordered
from ort_deepdream.measure.result import Kind, Size
from ort_deepdream.measure.statistics import ratio
from ort_deepdream.report import words
from ort_deepdream.report.runs import Run
from ort_deepdream.report.tables.table import Table, marked
from ort_deepdream.report.tables.versioned import versioned

WHICH = ("contender", "what", "size", "run")
HEADINGS = (*WHICH, "median", "times as fast", "95 % interval")


def compared(runs: Sequence[Run]) -> Table:
    """Return a table with a row for each figure that at least two runs have."""
    found = [
        (contender, _row(contender, measured[0], kind, size))
        for namesakes in _namesakes(runs)
        for kind in words.KINDS
        for size in ordered(size for contender in namesakes for size in contender.sizes(kind))
        for measured in [_of_several_runs(namesakes, kind, size)]
        for contender in measured
    ]
    table = Table(HEADINGS, tuple(row for _, row in found), words=len(WHICH))
    return versioned(table, len(WHICH), [contender for contender, _ in found])


def _namesakes(runs: Sequence[Run]) -> list[list[TimedContender]]:
    found: dict[str, list[TimedContender]] = {}
    for run in runs:
        for contender in run.contenders:
            found.setdefault(contender.usual_name, []).append(contender)
    return list(found.values())


def _of_several_runs(
    namesakes: Sequence[TimedContender], kind: Kind, size: Size
) -> list[TimedContender]:
    """Return those that were measured so; none where one run alone has any."""
    measured = [contender for contender in namesakes if (kind, size) in contender.series]
    return measured if len({contender.letter for contender in measured}) > 1 else []


def _row(
    contender: TimedContender, first: TimedContender, kind: Kind, size: Size
) -> tuple[str, ...]:
    return (
        marked(contender.name, contender.is_sound),
        words.KINDS[kind],
        words.size(size),
        contender.letter,
        words.seconds(contender.figures[kind, size].median),
        *_against(contender, first, kind, size),
    )


def _against(
    contender: TimedContender, first: TimedContender, kind: Kind, size: Size
) -> tuple[str, str]:
    """Return how many times as fast it is, and the interval; of what failed its check, nothing."""
    if contender is first:
        return "1×", words.DASH
    if not (contender.is_sound and first.is_sound):
        return words.DASH, words.DASH
    samples = first.seconds(kind, size), contender.seconds(kind, size)
    against = ratio(*samples, paired=False)
    single = min(map(len, samples)) == 1
    span = words.DASH if single else words.between(against.low, against.high, "×")
    return words.times(against.value), span
