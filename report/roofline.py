"""How far each contender is from what its hardware can do.

A step has so many floating-point operations and moves so many bytes; their quotient is its
intensity. Hardware cannot be faster than its arithmetic, nor than its memory times the intensity:

    limit = min(peak, bandwidth * intensity)        attained = operations / median time of a step
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ort_deepdream.measure.result import Limit, Size, Work
from ort_deepdream.report import words
from ort_deepdream.report.charts import colours
from ort_deepdream.report.drawing import Axis, Chart, Curve, Point, View, pixel_axis
from ort_deepdream.report.runs import Line, Run
from ort_deepdream.report.series import figure
from ort_deepdream.report.tables import Table

RATE = Axis("attained", "flop/s", log=True)
AIR = 4.0  # how far a roof is drawn on either side of the points


@dataclass(frozen=True)
class Attained:
    """One contender's step at one size."""

    line: Line
    size: Size
    rate: float  # flop/s, of the median step
    fast: float
    slow: float
    intensity: float | None  # flop/B
    peak: float
    bandwidth: float | None

    @property
    def bound(self) -> float:
        """The limit at this intensity; the peak where the traffic was not counted."""
        if self.intensity is None or self.bandwidth is None:
            return self.peak
        return min(self.peak, self.bandwidth * self.intensity)

    @property
    def share(self) -> float:
        return self.rate / self.bound

    @property
    def text(self) -> str:
        attained, bound = words.amount(self.rate, "flop/s"), words.amount(self.bound, "flop/s")
        place = f"{self.line.label}, {words.size(self.size)}"
        return f"{place}: {attained}, {words.percent(self.share)} of {bound}"


def attained(lines: Sequence[Line]) -> list[Attained]:
    return [
        found
        for line in lines
        if (limit := _limit(line))
        for work in sorted(line.run.result.work, key=lambda work: words.pixels(work.size))
        if (found := _attained(line, limit, work))
    ]


def _limit(line: Line) -> Limit | None:
    limits = line.run.result.limits
    return next((limit for limit in limits if limit.contender == line.contender.name), None)


def _attained(line: Line, limit: Limit, work: Work) -> Attained | None:
    step = figure(line, "step", work.size)
    if step is None or not step.fast:
        return None
    return Attained(
        line,
        work.size,
        work.flop / step.median,
        work.flop / step.fast,
        work.flop / step.slow,
        work.flop / work.bytes if work.bytes else None,
        limit.flops,
        limit.bytes_per_second,
    )


def roofline_chart(runs: Sequence[Run]) -> Chart | None:
    lines = [line for run in runs for line in run.lines]
    found = attained(lines)
    if not found:
        return None
    views = [_share_view(found, colours(lines))]
    if any(of.intensity and of.bandwidth for of in found):
        views.append(_roof_view(found, colours(lines)))
    return Chart(
        "limit",
        "Distance from the hardware's limit",
        "How much arithmetic a second each contender attains, against what the same hardware did "
        "in a large matrix product, or can be fed by its memory, whichever is less. The roofline "
        "draws both limits: points lie under the roof of their colour, the nearer the better.",
        tuple(views),
        _table(found),
    )


def _by_line(found: Sequence[Attained]) -> dict[Line, list[Attained]]:
    return {of.line: [other for other in found if other.line is of.line] for of in found}


def _share_view(found: Sequence[Attained], colour: dict[Line, int]) -> View:
    curves = tuple(
        Curve(
            line.label,
            colour[line],
            tuple(
                (
                    float(words.pixels(of.size)),
                    of.share,
                    of.slow / of.bound,
                    of.fast / of.bound,
                    of.text,
                )
                for of in sizes
            ),
            dashed=line.failed,
        )
        for line, sizes in _by_line(found).items()
    )
    x = pixel_axis(of.size for of in found)
    return View("share of the limit", x, Axis("share of the limit", "share"), curves)


def _roof_view(found: Sequence[Attained], colour: dict[Line, int]) -> View:
    placed = [of for of in found if of.intensity and of.bandwidth]
    intensities = [of.intensity for of in placed if of.intensity]
    ends = min(intensities) / AIR, max(intensities) * AIR
    points = [
        Curve(
            line.label,
            colour[line],
            tuple((of.intensity or 0.0, of.rate, of.slow, of.fast, of.text) for of in sizes),
            scattered=True,
        )
        for line, sizes in _by_line(placed).items()
    ]
    roofs = [
        Curve(f"limit of {names}", colour[of.line], _roof(of, ends), bare=True)
        for names, of in _distinct_limits(placed)
    ]
    x = Axis("arithmetic for each byte moved", "flop/B", log=True)
    return View("roofline", x, RATE, (*points, *roofs))


def _distinct_limits(placed: Sequence[Attained]) -> list[tuple[str, Attained]]:
    """Each once, with the names of all whose limit it is."""
    limits: dict[tuple[float, float | None], dict[Line, Attained]] = {}
    for of in placed:
        limits.setdefault((of.peak, of.bandwidth), {}).setdefault(of.line, of)
    return [
        (words.listed([line.label for line in lines]), next(iter(lines.values())))
        for lines in limits.values()
    ]


def _roof(of: Attained, ends: tuple[float, float]) -> tuple[Point, ...]:
    """Up to the ridge, where arithmetic becomes the limit, and level from there."""
    assert of.bandwidth is not None
    ridge = of.peak / of.bandwidth
    places = sorted({min(ends[0], ridge), ridge, max(ends[1], ridge)})
    levels = [min(of.peak, of.bandwidth * place) for place in places]
    return tuple((x, y, y, y, "") for x, y in zip(places, levels, strict=True))


def _table(found: Sequence[Attained]) -> Table:
    rows = [
        (
            of.line.label,
            words.size(of.size),
            words.amount(of.rate, "flop/s"),
            words.amount(of.peak, "flop/s"),
            words.amount(of.bandwidth, "B/s") if of.bandwidth else words.DASH,
            words.amount(of.intensity, "flop/B") if of.intensity else words.DASH,
            words.percent(of.share),
        )
        for of in found
    ]
    headings = (
        "contender",
        "size",
        "attained",
        "peak",
        "memory bandwidth",
        "intensity",
        "share of the limit",
    )
    return Table(headings, tuple(rows), words=2)
