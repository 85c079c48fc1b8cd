"""Several runs beside one another: contenders of the same name at the same size."""

from __future__ import annotations

from collections.abc import Sequence

from ort_deepdream.measure.analysis import TimedContender, ordered
from ort_deepdream.measure.result import Kind, Size
from ort_deepdream.measure.statistics import ratio
from ort_deepdream.report import words
from ort_deepdream.report.runs import Run
from ort_deepdream.report.tables import Table, marked


def compared(runs: Sequence[Run]) -> Table:
    """Return a table with a row for each figure that at least two runs have."""
    rows = [
        row
        for namesakes in _namesakes(runs)
        for kind in words.KINDS
        for size in ordered(size for contender in namesakes for size in contender.sizes(kind))
        for row in _rows(namesakes, kind, size)
    ]
    headings = ("contender", "what", "size", "run", "median", "times as long", "95 % interval")
    return Table(headings, tuple(rows), words=4)


def _namesakes(runs: Sequence[Run]) -> list[list[TimedContender]]:
    found: dict[str, list[TimedContender]] = {}
    for run in runs:
        for contender in run.contenders:
            found.setdefault(contender.record.name, []).append(contender)
    return list(found.values())


def _rows(namesakes: Sequence[TimedContender], kind: Kind, size: Size) -> list[tuple[str, ...]]:
    measured = [contender for contender in namesakes if (kind, size) in contender.series]
    if len(measured) < 2:
        return []
    return [_row(contender, measured[0], kind, size) for contender in measured]


def _row(
    contender: TimedContender, first: TimedContender, kind: Kind, size: Size
) -> tuple[str, ...]:
    cells = ("1×", words.DASH)
    if contender is not first:
        samples = contender.seconds(kind, size), first.seconds(kind, size)
        against = ratio(*samples, paired=False)
        cells = words.times(against.value), words.between(against.low, against.high, "×")
    return (
        marked(contender.name, contender.is_sound),
        words.KINDS[kind],
        words.size(size),
        contender.letter,
        words.seconds(contender.figures[kind, size].median),
        *cells,
    )
