"""What was slower at the beginning: the warm-up of each series, found and not assumed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ort_deepdream.measure.analysis import TimedContender, ordered
from ort_deepdream.measure.result import Kind, Size
from ort_deepdream.measure.seed_table import SIZE as SEED_SIZE
from ort_deepdream.report import words
from ort_deepdream.report.charts.drawing import Axis, Chart, Curve, Point, View
from ort_deepdream.report.tables.table import Table, marked

MOST_NAMED = 3  # cold times in a row; more are counted
ORDER: tuple[Kind, ...] = ("step", "warm", "cold")


def order_chart(contenders: Sequence[TimedContender]) -> Chart | None:
    """Return the chart of all samples in the order they were taken; None without two of a series.

    What went before the samples is drawn with them, and what belongs to the warm-up is named so.
    """
    views = [
        (kind, size, _view(contenders, kind, size))
        for kind in ORDER
        for size in ordered(size for one in contenders for size in one.sizes(kind))
        if any(len(_every(one, kind, size)) > 1 for one in contenders)
    ]
    if not views:
        return None
    return Chart(
        "order",
        "In the order they were measured",
        "Each sample, and before them what ran first in the same process. Where a series begins "
        "slower than it goes on, that is its warm-up: it ends where the mean changes most clearly, "
        "is drawn hollow, and is left out of all other figures. The vertical axis is logarithmic.",
        tuple(view for _, _, view in views),
        warm_up_table(contenders),
        first=next((n for n, (_, size, _) in enumerate(views) if size == SEED_SIZE), 0),
    )


def _every(contender: TimedContender, kind: Kind, size: Size) -> tuple[float, ...]:
    return contender.from_the_first(kind, size) if (kind, size) in contender.series else ()


def _view(contenders: Sequence[TimedContender], kind: Kind, size: Size) -> View:
    curves = tuple(
        Curve(
            one.label,
            number,
            _points(one, kind, size),
            dashed=not one.is_sound,
            hollow=len(one.cold_seconds(kind, size)),
        )
        for number, one in enumerate(contenders)
        if (kind, size) in one.series
    )
    longest = max(len(curve.points) for curve in curves)
    ticks = tuple((float(n), str(n)) for n in _places(longest))
    return View(
        f"{words.KINDS[kind]}, {words.size(size)}",
        Axis("place in the order", "place", ticks=ticks),
        Axis("time", "s", log=True),
        curves,
    )


def _places(longest: int) -> list[int]:
    """Return the places that have a label: each, or of many every fifth, tenth and so on."""
    apart = next(step for step in (1, 5, 10, 50, 100, 1000, longest) if longest <= 12 * step)
    return [1, *range(max(2, apart), longest + 1, apart)]


def _points(contender: TimedContender, kind: Kind, size: Size) -> tuple[Point, ...]:
    cold = len(contender.cold_seconds(kind, size))
    return tuple(
        (
            float(place),
            value,
            value,
            value,
            f"{contender.label}, number {place}: {words.seconds(value)}"
            + (", warm-up" if place <= cold else ""),
        )
        for place, value in enumerate(contender.from_the_first(kind, size), 1)
    )


def warm_up_table(contenders: Sequence[TimedContender]) -> Table:
    """Return a table of every warm-up: how many were slower at first, and how much."""
    rows = [
        _row(contender, kind, size, cold)
        for contender in contenders
        for kind in words.KINDS
        for size in contender.sizes(kind)
        if (cold := contender.cold_seconds(kind, size))
    ]
    nothing = ("no series began slower than it went on", *[words.DASH] * 6)
    headings = (
        "contender",
        "size",
        "what",
        "slower at first",
        "which took",
        "then",
        "times as long",
    )
    return Table(headings, tuple(rows) or (nothing,), words=3)


def _row(
    contender: TimedContender, kind: Kind, size: Size, cold: Sequence[float]
) -> tuple[str, ...]:
    every = len(contender.from_the_first(kind, size))
    warm = contender.figures[kind, size].median
    named = ", ".join(words.seconds(value) for value in cold[:MOST_NAMED])
    return (
        marked(contender.label, contender.is_sound),
        words.size(size),
        words.KINDS[kind],
        f"{len(cold)} of {every}",
        f"{named} ..." if len(cold) > MOST_NAMED else named,
        words.seconds(warm),
        words.times(float(np.median(cold)) / warm),
    )
