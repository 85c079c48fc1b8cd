"""The most memory that a one-off dream held, drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ort_deepdream.measure.analysis import TimedContender
from ort_deepdream.measure.result import Sample, Size
from ort_deepdream.report import words
from ort_deepdream.report.charts.drawing import Axis, Chart, Curve, Point, View, colours, pixel_axis
from ort_deepdream.report.tables.table import Table

Reading = Callable[[Sample], int | None]


def memory_chart(contenders: Sequence[TimedContender]) -> Chart | None:
    """Return the chart of the most memory that a one-off dream held."""
    colour = colours(contenders)
    process = [(contender, _points(contender, _of_process)) for contender in contenders]
    device = [(contender, _points(contender, _of_device)) for contender in contenders]
    views = tuple(
        View(
            name,
            pixel_axis(
                size for contender, points in found if points for size in contender.sizes("cold")
            ),
            Axis(name, "B"),
            tuple(
                Curve(contender.label, colour[contender], points, not contender.is_sound)
                for contender, points in found
                if points
            ),
        )
        for name, found in (("memory of the process", process), ("memory of the GPU", device))
        if any(points for _, points in found)
    )
    if not views:
        return None
    return Chart(
        "memory",
        "Memory",
        "The most that a one-off dream held at any moment: the process in main memory, and what "
        "it took of the GPU's. Medians; whiskers reach from the least to the most.",
        views,
        _table(contenders),
    )


def _of_process(sample: Sample) -> int | None:
    return sample.peak_memory


def _of_device(sample: Sample) -> int | None:
    return sample.device_memory


def _held(contender: TimedContender, size: Size, read: Reading) -> list[float]:
    samples = contender.series["cold", size].samples
    return [float(held) for sample in samples if (held := read(sample)) is not None]


def _points(contender: TimedContender, read: Reading) -> tuple[Point, ...]:
    return tuple(
        (
            float(size.pixels),
            float(np.median(held)),
            min(held),
            max(held),
            f"{contender.label}, {words.size(size)}: {_text(held)}",
        )
        for size in contender.sizes("cold")
        if (held := _held(contender, size, read))
    )


def _text(held: Sequence[float]) -> str:
    if not held:
        return words.DASH
    middle = words.memory(float(np.median(held)))
    return f"{middle} ({words.memory(min(held))} to {words.memory(max(held))})"


def _table(contenders: Sequence[TimedContender]) -> Table:
    rows = [
        (
            contender.label,
            words.size(size),
            _text(_held(contender, size, _of_process)),
            _text(_held(contender, size, _of_device)),
        )
        for contender in contenders
        for size in contender.sizes("cold")
        if _held(contender, size, _of_process) or _held(contender, size, _of_device)
    ]
    return Table(("contender", "size", "process", "GPU"), tuple(rows), words=2)
