"""How far each contender is from what its hardware can do.

A step has so many floating-point operations and moves so many bytes; their quotient is its
intensity. Hardware cannot be faster than its arithmetic, nor than its memory times the intensity:

    limit = min(peak, bandwidth * intensity)        attained = operations / median time of a step
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ort_deepdream.measure.analysis import TimedContender
from ort_deepdream.measure.result import Limit, Size, Work
from ort_deepdream.report import words
from ort_deepdream.report.charts.drawing import Axis, Chart, Curve, Point, View, colours, pixel_axis
from ort_deepdream.report.runs import Run, all_contenders
from ort_deepdream.report.tables.table import Table, marked

RATE = Axis("attained", "flop/s", log=True)
AIR = 4.0  # how far a roof is drawn on either side of the points


@dataclass(frozen=True)
class Attained:
    """One contender's step at one size."""

    contender: TimedContender
    size: Size
    rate: float  # flop/s, of the median step
    fast: float
    slow: float
    intensity: float | None  # flop/B
    peak: float
    bandwidth: float | None

    @property
    def bound(self) -> float:
        """Return the limit at this intensity; the peak where the traffic was not counted."""
        if self.intensity is None or self.bandwidth is None:
            return self.peak
        return min(self.peak, self.bandwidth * self.intensity)

    @property
    def share(self) -> float:
        """What was attained of the limit at this intensity, from 0 to 1."""
        return self.rate / self.bound

    @property
    def text(self) -> str:
        """The point in words, for its tooltip."""
        attained, bound = words.amount(self.rate, "flop/s"), words.amount(self.bound, "flop/s")
        place = f"{self.contender.label}, {words.size(self.size)}"
        return f"{place}: {attained}, {words.percent(self.share)} of {bound}"


def attained(contenders: Sequence[TimedContender]) -> list[Attained]:
    """Return each contender's step at each size of which the work and the limit are known."""
    return [
        found
        for contender in contenders
        if (limit := _limit(contender))
        for work in sorted(contender.result.work, key=lambda work: work.size.pixels)
        if (found := _attained(contender, limit, work))
    ]


def _limit(contender: TimedContender) -> Limit | None:
    limits = contender.result.limits
    return next((limit for limit in limits if limit.contender == contender.record.name), None)


def _attained(contender: TimedContender, limit: Limit, work: Work) -> Attained | None:
    step = contender.figures.get(("step", work.size))
    if step is None or not step.fast:
        return None
    return Attained(
        contender,
        work.size,
        work.flop / step.median,
        work.flop / step.fast,
        work.flop / step.slow,
        work.flop / work.bytes if work.bytes else None,
        limit.flops,
        limit.bytes_per_second,
    )


def roofline_chart(runs: Sequence[Run]) -> Chart | None:
    """Return the chart of what each contender attains; None where no limit was measured."""
    contenders = all_contenders(runs)
    found = attained(contenders)
    if not found:
        return None
    views = [_share_view(found, colours(contenders))]
    if any(of.intensity and of.bandwidth for of in found):
        views.append(_roof_view(found, colours(contenders)))
    return Chart(
        "limit",
        "Distance from the hardware's limit",
        "How much arithmetic a second each contender attains, against what the same hardware did "
        "in a large matrix product, or can be fed by its memory, whichever is less. The roofline "
        "draws both limits: points lie under the roof of their colour, the nearer the better.",
        tuple(views),
        _table(found),
    )


def _by_contender(found: Sequence[Attained]) -> dict[TimedContender, list[Attained]]:
    return {
        of.contender: [other for other in found if other.contender is of.contender] for of in found
    }


def _share_view(found: Sequence[Attained], colour: dict[TimedContender, int]) -> View:
    curves = tuple(
        Curve(
            contender.label,
            colour[contender],
            tuple(
                (
                    float(of.size.pixels),
                    of.share,
                    of.slow / of.bound,
                    of.fast / of.bound,
                    of.text,
                )
                for of in sizes
            ),
            dashed=not contender.is_sound,
        )
        for contender, sizes in _by_contender(found).items()
    )
    x = pixel_axis(of.size for of in found)
    return View("share of the limit", x, Axis("share of the limit", "share"), curves)


def _roof_view(found: Sequence[Attained], colour: dict[TimedContender, int]) -> View:
    placed = [of for of in found if of.intensity and of.bandwidth]
    intensities = [of.intensity for of in placed if of.intensity]
    ends = min(intensities) / AIR, max(intensities) * AIR
    points = [
        Curve(
            contender.label,
            colour[contender],
            tuple((of.intensity or 0.0, of.rate, of.slow, of.fast, of.text) for of in sizes),
            scattered=True,
        )
        for contender, sizes in _by_contender(placed).items()
    ]
    roofs = [
        Curve(f"limit of {names}", colour[of.contender], _roof(of, ends), bare=True)
        for names, of in _distinct_limits(placed)
    ]
    x = Axis("arithmetic for each byte moved", "flop/B", log=True)
    return View("roofline", x, RATE, (*points, *roofs))


def _distinct_limits(placed: Sequence[Attained]) -> list[tuple[str, Attained]]:
    """Return each limit once, with the names of all that have it."""
    limits: dict[tuple[float, float | None], dict[TimedContender, Attained]] = {}
    for of in placed:
        limits.setdefault((of.peak, of.bandwidth), {}).setdefault(of.contender, of)
    return [
        (
            words.listed([contender.label for contender in contenders]),
            next(iter(contenders.values())),
        )
        for contenders in limits.values()
    ]


def _roof(of: Attained, ends: tuple[float, float]) -> tuple[Point, ...]:
    """Return the roof: up to the ridge, where arithmetic becomes the limit, then level."""
    assert of.bandwidth is not None
    ridge = of.peak / of.bandwidth
    places = sorted({min(ends[0], ridge), ridge, max(ends[1], ridge)})
    levels = [min(of.peak, of.bandwidth * place) for place in places]
    return tuple((x, y, y, y, "") for x, y in zip(places, levels, strict=True))


def _table(found: Sequence[Attained]) -> Table:
    rows = [
        (
            marked(of.contender.label, of.contender.is_sound),
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
