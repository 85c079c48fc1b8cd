"""Several runs beside one another: contenders of the same name at the same size."""

from __future__ import annotations

from collections.abc import Sequence

from ort_deepdream.measure.result import Kind, Size
from ort_deepdream.measure.statistics import ratio
from ort_deepdream.report import words
from ort_deepdream.report.runs import Line, Run, ordered
from ort_deepdream.report.series import figure
from ort_deepdream.report.tables import Table


def compared(runs: Sequence[Run]) -> Table:
    """A row for each figure that at least two runs have."""
    rows = [
        row
        for lines in _namesakes(runs)
        for kind in words.KINDS
        for size in ordered(size for line in lines for size in line.sizes(kind))
        for row in _rows(lines, kind, size)
    ]
    headings = ("contender", "what", "size", "run", "median", "times as long", "95 % interval")
    return Table(headings, tuple(rows), words=4)


def _namesakes(runs: Sequence[Run]) -> list[list[Line]]:
    names = dict.fromkeys(line.contender.name for run in runs for line in run.lines)
    return [
        [line for run in runs for line in run.lines if line.contender.name == name]
        for name in names
    ]


def _rows(lines: Sequence[Line], kind: Kind, size: Size) -> list[tuple[str, ...]]:
    measured = [line for line in lines if (kind, size) in line.series]
    if len(measured) < 2:
        return []
    return [_row(line, measured[0], kind, size) for line in measured]


def _row(line: Line, first: Line, kind: Kind, size: Size) -> tuple[str, ...]:
    found = figure(line, kind, size)
    assert found is not None
    cells = ("1×", words.DASH)
    if line is not first:
        against = ratio(line.seconds(kind, size), first.seconds(kind, size), paired=False)
        cells = words.times(against.value), words.between(against.low, against.high, "×")
    name = line.name + (" (check failed)" if line.failed else "")
    return (name, words.KINDS[kind], words.size(size), line.run.letter, found.text, *cells)
