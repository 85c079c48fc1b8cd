"""A chart as numbers and words: what `report.js` draws, and the table with the same numbers.

A chart has one or more views, of which one is shown at a time. A value that cannot be drawn (too
large, or not above 0) is left out of the drawing and stands in the table.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ort_deepdream.measure.analysis import TimedContender, ordered
from ort_deepdream.measure.result import Size
from ort_deepdream.report import words
from ort_deepdream.report.tables.table import Table

Unit = Literal["s", "×", "share", "B", "flop/s", "flop/B", "size", "place", ""]
Point = tuple[float, float, float, float, str]  # x, y, lowest, highest, what its tooltip says
Json = dict[str, object]

SQUARES = [2**power for power in range(1, 20)]  # sides of pictures
APART = 1.5  # times as many pixels, or two labels overlap
LEAST_LABELS = 3
LARGEST = 1e300  # a drawing needs room above its values
NO_COLOUR = -1  # of a line that is no contender


@dataclass(frozen=True)
class Axis:
    """What an axis counts, and how it is divided."""

    title: str
    unit: Unit
    log: bool = False
    ticks: tuple[tuple[float, str], ...] = ()  # where there are labels of our own


@dataclass(frozen=True)
class Curve:
    """A contender's points, joined by a line."""

    label: str
    colour: int
    points: tuple[Point, ...]
    dashed: bool = False  # its check failed
    bare: bool = False  # a limit: no points, no tooltip
    scattered: bool = False  # points without a line
    hollow: int = 0  # how many of its first points are drawn empty


@dataclass(frozen=True)
class Bars:
    """One value for each category; those of a stack stand end to end."""

    label: str
    colour: int
    values: tuple[float | None, ...]
    texts: tuple[str, ...]
    stack: str = ""


@dataclass(frozen=True)
class View:
    """One way of looking at a chart: curves, or bars by category."""

    name: str
    x: Axis
    y: Axis
    curves: tuple[Curve, ...] = ()
    bars: tuple[Bars, ...] = ()
    categories: tuple[str, ...] = ()

    def as_json(self) -> Json:
        """Return what report.js draws."""
        return {
            "name": self.name,
            "x": vars(self.x),
            "y": vars(self.y),
            "curves": [vars(curve) | {"points": self._drawn(curve)} for curve in self.curves],
            "bars": [
                vars(bars) | {"values": [v if _is_sane(v) else None for v in bars.values]}
                for bars in self.bars
            ],
            "categories": self.categories,
        }

    def _drawn(self, curve: Curve) -> list[Point]:
        lowest = (0.0 if self.x.log else -math.inf, 0.0 if self.y.log else -math.inf)
        return [
            point
            for point in curve.points
            if all(map(_is_sane, point[:4])) and point[0] > lowest[0] and point[1] > lowest[1]
        ]


@dataclass(frozen=True)
class Chart:
    """A chart of the page, with the table of its numbers."""

    name: str  # its id in the page
    title: str
    says: str  # how to read it
    views: tuple[View, ...]
    table: Table
    first: int = 0  # the view that is shown at first


def _is_sane(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and abs(value) < LARGEST


def pixel_axis(sizes: Iterable[Size]) -> Axis:
    """Return the axis of the pictures' sizes, by pixels, with three labels at least.

    Where fewer sizes were measured, the squares next to them have labels, too.
    """
    found = {float(size.pixels): words.size(size) for size in ordered(sizes)}
    return Axis("size of the picture", "size", log=True, ticks=tuple(sorted(_labelled(found))))


def _labelled(found: Mapping[float, str]) -> list[tuple[float, str]]:
    ticks = list(found.items())
    apart = 1 + sum(itertools.starmap(_are_apart, itertools.pairwise(sorted(found))))
    free = [side for side in SQUARES if all(_are_apart(side**2, pixels) for pixels in found)]
    between = [side for side in free if min(found) < side**2 < max(found)]
    below = [side for side in free if side**2 < min(found)]
    above = [side for side in free if side**2 > max(found)]
    nearest = [*between, *above[:1], *below[-1:], *above[1:2]]
    for side in nearest[: max(0, LEAST_LABELS - apart)]:
        ticks.append((float(side**2), f"{side}×{side}"))
    return ticks


def _are_apart(one: float, other: float) -> bool:
    return max(one, other) >= APART * min(one, other)


def colours(contenders: Sequence[TimedContender]) -> dict[TimedContender, int]:
    """Return a colour for each contender, the same in every chart."""
    return {contender: number for number, contender in enumerate(contenders)}
