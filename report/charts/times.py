"""What every contender takes by the size of the picture, drawn, and each figure as a table."""

from __future__ import annotations

from collections.abc import Sequence

from ort_deepdream.measure.analysis import TimedContender
from ort_deepdream.measure.result import Kind
from ort_deepdream.report import words
from ort_deepdream.report.charts.drawing import Axis, Chart, Curve, Point, View, colours, pixel_axis
from ort_deepdream.report.figures import noise, sure, which, within
from ort_deepdream.report.tables.table import Table, marked

TIME = Axis("time", "s", log=True)


def time_chart(contenders: Sequence[TimedContender]) -> Chart | None:
    """Return the chart of all medians by size."""
    views = tuple(
        _view(kind, contenders)
        for kind in ("step", "warm", "cold")
        if any(contender.sizes(kind) for contender in contenders)
    )
    if not views:
        return None
    return Chart(
        "time",
        "Time against size",
        "Lower is faster. Both axes are logarithmic: equal distances are equal ratios. Whiskers "
        "reach from the fastest sample to the slowest; of 8 samples and more over the middle half, "
        "of 20 and more over the middle 80 %. A dashed line is a contender whose check failed.",
        views,
        time_table(contenders),
    )


def _view(kind: Kind, contenders: Sequence[TimedContender]) -> View:
    colour = colours(contenders)
    curves = tuple(
        Curve(
            contender.label,
            colour[contender],
            _points(contender, kind),
            dashed=not contender.is_sound,
        )
        for contender in contenders
        if contender.sizes(kind)
    )
    x = pixel_axis(size for contender in contenders for size in contender.sizes(kind))
    return View(words.KINDS[kind], x, TIME, curves)


def _points(contender: TimedContender, kind: Kind) -> tuple[Point, ...]:
    return tuple(
        (
            float(size.pixels),
            value.median,
            value.fast,
            value.slow,
            f"{contender.label}, {words.size(size)}: {words.seconds(value.median)} "
            f"({noise(value)})",
        )
        for size in contender.sizes(kind)
        for value in [contender.figures[kind, size]]
    )


def time_table(contenders: Sequence[TimedContender]) -> Table:
    """Return a table of every figure with its intervals."""
    rows = [
        (
            marked(contender.label, contender.is_sound),
            words.size(size),
            words.KINDS[kind],
            words.seconds(value.median),
            sure(value),
            within(value),
            f"{which(value)}{'' if value.stable else ', not settled'}",
        )
        for contender in contenders
        for kind in words.KINDS
        for size in contender.sizes(kind)
        for value in [contender.figures[kind, size]]
    ]
    headings = (
        "contender",
        "size",
        "what",
        "median",
        "95 % interval",
        "samples from, to",
        "which samples",
    )
    return Table(headings, tuple(rows), words=3)
