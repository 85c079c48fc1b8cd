"""The history by commit: the project's own benchmarks, which asv runs, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ort_deepdream.report import words
from ort_deepdream.report.charts.asv import Value
from ort_deepdream.report.charts.drawing import Axis, Bars, Chart, Curve, Point, Unit, View
from ort_deepdream.report.tables.table import Table

UNITS: dict[str, Unit] = {"seconds": "s", "bytes": "B"}


def history_chart(values: Sequence[Value]) -> Chart | None:
    """Return the chart of all benchmarks by commit; None without any."""
    if not values:
        return None
    commits = _commits(values)
    names = sorted({value.benchmark for value in values})
    return Chart(
        "history",
        "History by commit",
        "The project's own benchmarks, run by asv at each commit, the oldest on the left. Whiskers "
        "are asv's 99 % intervals. Of a single commit there are bars.",
        tuple(_view(name, [v for v in values if v.benchmark == name], commits) for name in names),
        _table(values),
    )


def _commits(values: Sequence[Value]) -> dict[str, int]:
    """Return the place of each commit, by date."""
    dates = {value.commit: value.date for value in values}
    return {
        commit: place for place, commit in enumerate(sorted(dates, key=lambda c: (dates[c], c)))
    }


def _view(name: str, values: Sequence[Value], commits: dict[str, int]) -> View:
    if len({value.commit for value in values}) == 1:
        return _bars(name, values)
    series = dict.fromkeys(value.series for value in values)  # in asv's order
    curves = tuple(
        Curve(words.clean(one), number, _points([v for v in values if v.series == one], commits))
        for number, one in enumerate(series)
    )
    ticks = tuple((float(place), words.clean(commit)) for commit, place in commits.items())
    unit = UNITS.get(values[0].unit, "")
    y = Axis(words.clean(values[0].unit), unit)
    return View(words.clean(name), Axis("commit", "place", ticks=ticks), y, curves)


def _bars(name: str, values: Sequence[Value]) -> View:
    """Return a view of one commit, which has no course: a bar for each series."""
    commit, unit = words.clean(values[0].commit), words.clean(values[0].unit)
    texts = tuple(f"{_text(value)} at {commit}" for value in values)
    bars = Bars(commit, 0, tuple(value.value for value in values), texts)
    labels = tuple(words.clean(value.series) for value in values)
    x = Axis(unit, UNITS.get(values[0].unit, ""))
    return View(words.clean(name), x, Axis("", ""), (), (bars,), labels)


def _points(values: Sequence[Value], commits: dict[str, int]) -> tuple[Point, ...]:
    placed = sorted(values, key=lambda value: commits[value.commit])
    return tuple(
        (float(commits[v.commit]), v.value, v.low, v.high, f"{_text(v)} at {words.clean(v.commit)}")
        for v in placed
    )


def _text(value: Value) -> str:
    if value.unit == "seconds":
        return words.seconds(value.value)
    if value.unit == "bytes":
        return words.memory(value.value)
    return f"{words.figures(value.value)} {words.clean(value.unit)}".strip()


def _table(values: Sequence[Value]) -> Table:
    series = dict.fromkeys(value.series for value in values)
    order = {one: place for place, one in enumerate(series)}
    rows = [
        (
            _day(value.date),
            words.clean(value.commit),
            words.clean(value.benchmark),
            words.clean(value.series),
            _text(value),
        )
        for value in sorted(values, key=lambda v: (v.benchmark, order[v.series], v.date))
    ]
    return Table(
        ("date", "commit", "benchmark", "machine, parameters", "value"), tuple(rows), words=4
    )


def _day(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return words.DASH
