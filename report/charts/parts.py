"""What a one-off dream spends its time on, part by part, drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ort_deepdream.measure.analysis import Figure, TimedContender, ordered
from ort_deepdream.measure.result import Sample, Size
from ort_deepdream.measure.seed_table import SIZE as SEED_SIZE
from ort_deepdream.report import words
from ort_deepdream.report.charts.drawing import NO_COLOUR, Axis, Bars, Chart, View
from ort_deepdream.report.figures import noise
from ort_deepdream.report.tables.table import Table

PARTS = ("start", "import", "session", "first steps", "steps", "write", "end")
OTHER = "other"


def parts_chart(contenders: Sequence[TimedContender]) -> Chart | None:
    """Return the chart of what a one-off dream spends its time on."""
    sizes = ordered(size for contender in contenders for size in contender.sizes("cold"))
    if not sizes:
        return None
    return Chart(
        "parts",
        "A one-off dream, part by part",
        "What the time of a fresh process goes into: to start Python, to import libraries, to read "
        "the photo and prepare sessions, the first step of each octave, in which room is made and "
        "kernels are chosen, all other steps, to write the picture, and to end. Below it a further "
        "dream, in a process that has done one. Medians.",
        tuple(_view(size, contenders) for size in sizes),
        _table(contenders, sizes),
        first=sizes.index(SEED_SIZE) if SEED_SIZE in sizes else 0,
    )


def _view(size: Size, contenders: Sequence[TimedContender]) -> View:
    timed = [contender for contender in contenders if size in contender.sizes("cold")]
    shown = [line_parts(contender, size) for contender in timed]
    bars = [
        Bars(
            part,
            number,
            tuple(parts.get(part, 0.0) for parts in shown),
            tuple(f"{part}: {words.seconds(parts.get(part, 0.0))}" for parts in shown),
            "one-off dream",
        )
        for number, part in enumerate(_known_parts(shown))
    ]
    further = [contender.figures.get(("warm", size)) for contender in timed]
    if any(further):
        bars.append(
            Bars(
                words.KINDS["warm"],
                NO_COLOUR,
                tuple(value.median if value else None for value in further),
                tuple(_further_text(figure) if figure else "" for figure in further),
                words.KINDS["warm"],
            )
        )
    labels = tuple(contender.label for contender in timed)
    return View(words.size(size), Axis("time", "s"), Axis("", ""), (), tuple(bars), labels)


def _further_text(figure: Figure) -> str:
    return f"further dream: {words.seconds(figure.median)} ({noise(figure)})"


def _known_parts(shown: Sequence[dict[str, float]]) -> list[str]:
    named = {part for parts in shown for part in parts}
    return [part for part in (*PARTS, *sorted(named - {*PARTS, OTHER}), OTHER) if part in named]


def line_parts(contender: TimedContender, size: Size) -> dict[str, float]:
    """Return the median of each part in seconds, and of what belongs to none."""
    samples = contender.series["cold", size].samples
    names = dict.fromkeys(part for sample in samples for part in sample.parts)
    parts = {
        words.clean(name): float(np.median([sample.parts.get(name, 0.0) for sample in samples]))
        for name in names
    }
    rest = float(np.median([_rest(sample) for sample in samples]))
    return parts | ({OTHER: rest} if rest > 0 else {})


def _rest(sample: Sample) -> float:
    return max(0.0, sample.seconds - sum(sample.parts.values()))


def _table(contenders: Sequence[TimedContender], sizes: Sequence[Size]) -> Table:
    shown = {
        (contender, size): line_parts(contender, size)
        for contender in contenders
        for size in sizes
        if size in contender.sizes("cold")
    }
    parts = _known_parts(list(shown.values()))
    rows = []
    for (contender, size), found in shown.items():
        ends = [contender.figures.get((kind, size)) for kind in ("cold", "warm")]
        cells = [words.seconds(found[part]) if part in found else words.DASH for part in parts]
        cells += [words.seconds(figure.median) if figure else words.DASH for figure in ends]
        rows.append((contender.label, words.size(size), *cells))
    headings = ("contender", "size", *parts, "one-off dream", "further dream")
    return Table(headings, tuple(rows), words=2)
