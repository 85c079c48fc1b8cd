"""How many times as fast as the CPU the accelerators are, drawn."""

from __future__ import annotations

from collections.abc import Sequence

from ort_deepdream.measure.analysis import KINDS, Pair, TimedContender
from ort_deepdream.measure.result import Kind
from ort_deepdream.report import words
from ort_deepdream.report.charts.drawing import (
    NO_COLOUR,
    Axis,
    Chart,
    Curve,
    Point,
    View,
    colours,
    pixel_axis,
)
from ort_deepdream.report.figures import bounds, interval
from ort_deepdream.report.runs import Run, all_contenders
from ort_deepdream.report.tables.table import Table


def speedup_chart(runs: Sequence[Run]) -> Chart | None:
    """Return the chart of how many times as fast the accelerators are."""
    compared = [pair for run in runs for pair in run.analysis.pairs]
    views = [
        _view(kind, compared, colours(all_contenders(runs)))
        for kind in KINDS
        if any(kind in pair.speedups for pair in compared)
    ]
    if not views:
        return None
    return Chart(
        "speedup",
        "How many times as fast as the CPU",
        "Above 1× it is faster. Both axes are logarithmic. Each contender that does not compute on "
        "the CPU is set against the same library on the CPU with all its threads. Whiskers are "
        "95 % intervals.",
        tuple(views),
        _table(compared),
    )


def _view(kind: Kind, compared: Sequence[Pair], colour: dict[TimedContender, int]) -> View:
    curves = [
        Curve(pair.accelerator.label, colour[pair.accelerator], _points(pair, kind))
        for pair in compared
        if kind in pair.speedups
    ]
    x = pixel_axis(found.size for pair in compared for found in pair.speedups.get(kind, ()))
    ends: tuple[Point, ...] = tuple(
        (end, 1.0, 1.0, 1.0, "") for end, _ in (x.ticks[0], x.ticks[-1])
    )
    even = Curve("as fast as the CPU", NO_COLOUR, ends, bare=True)
    return View(words.KINDS[kind], x, Axis("times as fast", "×", log=True), (*curves, even))


def _points(pair: Pair, kind: Kind) -> tuple[Point, ...]:
    return tuple(
        (
            float(found.size.pixels),
            found.value,
            found.low,
            found.high,
            f"{pair.accelerator.label}, {words.size(found.size)}: {words.times(found.value)} "
            f"({interval(found)})",
        )
        for found in pair.speedups[kind]
    )


def _table(compared: Sequence[Pair]) -> Table:
    rows = [
        (
            pair.accelerator.label,
            pair.cpu.label,
            words.size(found.size),
            words.KINDS[kind],
            words.seconds(found.slow.median),
            words.seconds(found.quick.median),
            words.times(found.value),
            bounds(found),
        )
        for pair in compared
        for kind in words.KINDS
        for found in pair.speedups.get(kind, ())
    ]
    headings = (
        "contender",
        "against",
        "size",
        "what",
        "CPU time",
        "its time",
        "times as fast",
        "95 % interval",
    )
    return Table(headings, tuple(rows), words=4)
