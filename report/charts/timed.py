"""The charts of what was timed: speed-up, time, its parts, its operators, memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ort_deepdream.measure.analysis import KINDS, Figure, Pair, TimedContender, ordered
from ort_deepdream.measure.copies import COPIES
from ort_deepdream.measure.result import Kind, Operator, Sample, Size
from ort_deepdream.measure.seed_table import SIZE as SEED_SIZE
from ort_deepdream.report import words
from ort_deepdream.report.charts.drawing import (
    NO_COLOUR,
    Axis,
    Bars,
    Chart,
    Curve,
    Point,
    View,
    pixel_axis,
)
from ort_deepdream.report.figures import bounds, interval, noise, sure, which, within
from ort_deepdream.report.runs import Run, all_contenders
from ort_deepdream.report.tables.table import Table, marked

PARTS = ("start", "import", "session", "first steps", "steps", "write", "end")
OTHER = "other"
MOST_OPERATORS = 7  # with a colour of their own
TIME = Axis("time", "s", log=True)


def timing_charts(runs: Sequence[Run]) -> list[Chart]:
    """Return those that there are numbers for."""
    contenders = all_contenders(runs)
    makers: tuple[Callable[[Sequence[TimedContender]], Chart | None], ...] = (
        time_chart,
        parts_chart,
        operators_chart,
        memory_chart,
    )
    charts = [speedup_chart(runs), *(make(contenders) for make in makers)]
    return [chart for chart in charts if chart is not None]


def colours(contenders: Sequence[TimedContender]) -> dict[TimedContender, int]:
    """Return a colour for each contender, the same in every chart."""
    return {contender: number for number, contender in enumerate(contenders)}


# --- How much faster ---------------------------------------------------------------------------


def speedup_chart(runs: Sequence[Run]) -> Chart | None:
    """Return the chart of how many times as fast the accelerators are."""
    compared = [pair for run in runs for pair in run.analysis.pairs]
    views = [
        _speedup_view(kind, compared, colours(all_contenders(runs)))
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
        _speedup_table(compared),
    )


def _speedup_view(kind: Kind, compared: Sequence[Pair], colour: dict[TimedContender, int]) -> View:
    curves = [
        Curve(pair.accelerator.label, colour[pair.accelerator], _speedup_points(pair, kind))
        for pair in compared
        if kind in pair.speedups
    ]
    x = pixel_axis(found.size for pair in compared for found in pair.speedups.get(kind, ()))
    ends: tuple[Point, ...] = tuple(
        (end, 1.0, 1.0, 1.0, "") for end, _ in (x.ticks[0], x.ticks[-1])
    )
    even = Curve("as fast as the CPU", NO_COLOUR, ends, bare=True)
    return View(words.KINDS[kind], x, Axis("times as fast", "×", log=True), (*curves, even))


def _speedup_points(pair: Pair, kind: Kind) -> tuple[Point, ...]:
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


def _speedup_table(compared: Sequence[Pair]) -> Table:
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


# --- Time --------------------------------------------------------------------------------------


def time_chart(contenders: Sequence[TimedContender]) -> Chart | None:
    """Return the chart of all medians by size."""
    views = tuple(
        _time_view(kind, contenders)
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


def _time_view(kind: Kind, contenders: Sequence[TimedContender]) -> View:
    colour = colours(contenders)
    curves = tuple(
        Curve(
            contender.label,
            colour[contender],
            _time_points(contender, kind),
            dashed=not contender.is_sound,
        )
        for contender in contenders
        if contender.sizes(kind)
    )
    x = pixel_axis(size for contender in contenders for size in contender.sizes(kind))
    return View(words.KINDS[kind], x, TIME, curves)


def _time_points(contender: TimedContender, kind: Kind) -> tuple[Point, ...]:
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


# --- Its parts ---------------------------------------------------------------------------------


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
        tuple(_parts_view(size, contenders) for size in sizes),
        _parts_table(contenders, sizes),
        first=sizes.index(SEED_SIZE) if SEED_SIZE in sizes else 0,
    )


def _parts_view(size: Size, contenders: Sequence[TimedContender]) -> View:
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


def _parts_table(contenders: Sequence[TimedContender], sizes: Sequence[Size]) -> Table:
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


# --- Its operators -----------------------------------------------------------------------------


def operators_chart(contenders: Sequence[TimedContender]) -> Chart | None:
    """Return the chart of what a step spends its time on."""
    profiles = {contender: profile for contender in contenders if (profile := _profile(contender))}
    sizes = ordered(operator.size for profile in profiles.values() for operator in profile)
    if not sizes:
        return None
    names = _largest_operators([o for profile in profiles.values() for o in profile])
    return Chart(
        "operators",
        "What a step spends its time on",
        "The share of each kind of operation in the time of one step, by ONNX Runtime's own "
        "profiler. Conv is the convolution, most of a network's arithmetic. Copies between the "
        "device and the processor are no kernels, and are shown apart wherever there are any.",
        tuple(_operators_view(size, profiles, names) for size in sizes),
        _operators_table(profiles),
        first=len(sizes) - 1,
    )


Profiles = dict[TimedContender, list[Operator]]


def _profile(contender: TimedContender) -> list[Operator]:
    name = contender.record.name
    return [operator for operator in contender.result.operators if operator.contender == name]


def _largest_operators(operators: Sequence[Operator]) -> list[str]:
    shares: dict[str, float] = {}
    for operator in operators:
        shares[operator.operator] = shares.get(operator.operator, 0.0) + operator.share
    copies = [name for name in COPIES.values() if name in shares]
    kernels = sorted((name for name in shares if name not in copies), key=lambda n: -shares[n])
    return [*kernels[: MOST_OPERATORS - len(copies)], *copies]


def _operators_view(size: Size, profiles: Profiles, names: Sequence[str]) -> View:
    shown = {
        contender: {operator.operator: operator for operator in profile if operator.size == size}
        for contender, profile in profiles.items()
        if any(operator.size == size for operator in profile)
    }
    bars = [
        Bars(
            words.clean(name),
            number,
            tuple(of[name].share if name in of else 0.0 for of in shown.values()),
            tuple(_operator_text(of[name]) if name in of else "" for of in shown.values()),
        )
        for number, name in enumerate(names)
    ]
    rest = tuple(sum(o.share for n, o in of.items() if n not in names) for of in shown.values())
    if any(rest):
        texts = tuple(f"all others: {words.percent(share)}" for share in rest)
        bars.append(Bars("all others", NO_COLOUR, rest, texts))
    labels = tuple(contender.label for contender in shown)
    x = Axis("share of the step", "share")
    return View(words.size(size), x, Axis("", ""), (), tuple(bars), labels)


def _operator_text(operator: Operator) -> str:
    nodes = words.counted(operator.nodes, "node")
    return f"{words.clean(operator.operator)}: {words.percent(operator.share)}, {nodes}"


def _operators_table(profiles: Profiles) -> Table:
    rows = [
        (
            contender.label,
            words.size(operator.size),
            words.clean(operator.operator),
            words.percent(operator.share),
            str(operator.nodes),
        )
        for contender, profile in profiles.items()
        for operator in sorted(profile, key=lambda o: (o.size.pixels, -o.share))
    ]
    return Table(("contender", "size", "operator", "share", "nodes"), tuple(rows), words=3)


# --- Memory ------------------------------------------------------------------------------------


def memory_chart(contenders: Sequence[TimedContender]) -> Chart | None:
    """Return the chart of the most memory that a one-off dream held."""
    colour = colours(contenders)
    process = [(contender, _memory_points(contender, _of_process)) for contender in contenders]
    device = [(contender, _memory_points(contender, _of_device)) for contender in contenders]
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
        _memory_table(contenders),
    )


def _of_process(sample: Sample) -> int | None:
    return sample.peak_memory


def _of_device(sample: Sample) -> int | None:
    return sample.device_memory


Reading = Callable[[Sample], int | None]


def _held(contender: TimedContender, size: Size, read: Reading) -> list[float]:
    samples = contender.series["cold", size].samples
    return [float(held) for sample in samples if (held := read(sample)) is not None]


def _memory_points(contender: TimedContender, read: Reading) -> tuple[Point, ...]:
    return tuple(
        (
            float(size.pixels),
            float(np.median(held)),
            min(held),
            max(held),
            f"{contender.label}, {words.size(size)}: {_memory_text(held)}",
        )
        for size in contender.sizes("cold")
        if (held := _held(contender, size, read))
    )


def _memory_text(held: Sequence[float]) -> str:
    if not held:
        return words.DASH
    middle = words.memory(float(np.median(held)))
    return f"{middle} ({words.memory(min(held))} to {words.memory(max(held))})"


def _memory_table(contenders: Sequence[TimedContender]) -> Table:
    rows = [
        (
            contender.label,
            words.size(size),
            _memory_text(_held(contender, size, _of_process)),
            _memory_text(_held(contender, size, _of_device)),
        )
        for contender in contenders
        for size in contender.sizes("cold")
        if _held(contender, size, _of_process) or _held(contender, size, _of_device)
    ]
    return Table(("contender", "size", "process", "GPU"), tuple(rows), words=2)
