"""The charts of what was timed: speed-up, time, its parts, its operators, memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ort_deepdream.measure.result import Kind, Operator, Sample, Size
from ort_deepdream.measure.seed_table import SIZE as SEED_SIZE
from ort_deepdream.report import words
from ort_deepdream.report.drawing import (
    NO_COLOUR,
    Axis,
    Bars,
    Chart,
    Curve,
    Point,
    View,
    pixel_axis,
)
from ort_deepdream.report.runs import Line, Run, ordered
from ort_deepdream.report.series import Pair, figure, pairs
from ort_deepdream.report.tables import Table

PARTS = ("start", "import", "session", "first steps", "steps", "write")
OTHER = "other"
MOST_OPERATORS = 7  # with a colour of their own
TIME = Axis("time", "s", log=True)


def timing_charts(runs: Sequence[Run]) -> list[Chart]:
    """Those that there are numbers for."""
    lines = [line for run in runs for line in run.lines]
    makers: tuple[Callable[[Sequence[Line]], Chart | None], ...] = (
        speedup_chart,
        time_chart,
        parts_chart,
        operators_chart,
        memory_chart,
    )
    return [chart for make in makers if (chart := make(lines)) is not None]


def colours(lines: Sequence[Line]) -> dict[Line, int]:
    """A contender has the same colour in every chart."""
    return {line: number for number, line in enumerate(lines)}


# --- How much faster ---------------------------------------------------------------------------


def speedup_chart(lines: Sequence[Line]) -> Chart | None:
    compared = [pair for run in _runs(lines) for pair in pairs(run)]
    views = [
        _speedup_view(kind, compared, colours(lines))
        for kind in ("warm", "step", "cold")
        if any(pair.speedups(kind) for pair in compared)
    ]
    if not views:
        return None
    return Chart(
        "speedup",
        "How many times as fast the GPU is",
        "Above 1× the GPU is faster. Each GPU contender is set against the same library on the "
        "CPU with all its threads. Whiskers are 95 % intervals.",
        tuple(views),
        _speedup_table(compared),
    )


def _runs(lines: Sequence[Line]) -> list[Run]:
    return list({id(line.run): line.run for line in lines}.values())


def _speedup_view(kind: Kind, compared: Sequence[Pair], colour: dict[Line, int]) -> View:
    curves = [
        Curve(pair.gpu.label, colour[pair.gpu], points)
        for pair in compared
        if (points := _speedup_points(pair, kind))
    ]
    x = pixel_axis(found.size for pair in compared for found in pair.speedups(kind))
    ends: tuple[Point, ...] = tuple(
        (end, 1.0, 1.0, 1.0, "") for end, _ in (x.ticks[0], x.ticks[-1])
    )
    even = Curve("as fast as the CPU", NO_COLOUR, ends, bare=True)
    return View(words.KINDS[kind], x, Axis("times as fast", "×", log=True), (*curves, even))


def _speedup_points(pair: Pair, kind: Kind) -> tuple[Point, ...]:
    return tuple(
        (
            float(words.pixels(found.size)),
            found.value,
            found.low,
            found.high,
            f"{pair.gpu.label}, {words.size(found.size)}: {found.text} ({found.interval})",
        )
        for found in pair.speedups(kind)
    )


def _speedup_table(compared: Sequence[Pair]) -> Table:
    rows = [
        (
            pair.gpu.label,
            pair.cpu.label,
            words.size(found.size),
            words.KINDS[kind],
            found.slow.text,
            found.quick.text,
            found.text,
            words.between(found.low, found.high, "×") + found.warning,
        )
        for pair in compared
        for kind in words.KINDS
        for found in pair.speedups(kind)
    ]
    headings = ("GPU", "CPU", "size", "what", "CPU time", "GPU time", "speed-up", "95 % interval")
    return Table(headings, tuple(rows), words=4)


# --- Time --------------------------------------------------------------------------------------


def time_chart(lines: Sequence[Line]) -> Chart | None:
    views = tuple(
        _time_view(kind, lines)
        for kind in ("step", "warm", "cold")
        if any(line.sizes(kind) for line in lines)
    )
    if not views:
        return None
    return Chart(
        "time",
        "Time against size",
        "Lower is faster. On both axes each line of the grid is a multiple of the one before. "
        "Whiskers hold 8 of 10 samples. A dashed line is a contender whose check failed.",
        views,
        time_table(lines),
    )


def _time_view(kind: Kind, lines: Sequence[Line]) -> View:
    colour = colours(lines)
    curves = tuple(
        Curve(line.label, colour[line], _time_points(line, kind), dashed=line.failed)
        for line in lines
        if line.sizes(kind)
    )
    x = pixel_axis(size for line in lines for size in line.sizes(kind))
    return View(words.KINDS[kind], x, TIME, curves)


def _time_points(line: Line, kind: Kind) -> tuple[Point, ...]:
    return tuple(
        (
            float(words.pixels(size)),
            value.median,
            value.fast,
            value.slow,
            f"{line.label}, {words.size(size)}: {value.text} ({value.noise})",
        )
        for size in line.sizes(kind)
        if (value := figure(line, kind, size))
    )


def time_table(lines: Sequence[Line]) -> Table:
    rows = [
        (
            line.label + (" (check failed)" if line.failed else ""),
            words.size(size),
            words.KINDS[kind],
            value.text,
            f"{words.seconds(value.low)} to {words.seconds(value.high)}",
            f"{words.seconds(value.fast)} to {words.seconds(value.slow)}",
            f"{value.count}{'' if value.stable else ', not settled'}",
        )
        for line in lines
        for kind in words.KINDS
        for size in line.sizes(kind)
        if (value := figure(line, kind, size))
    ]
    headings = (
        "contender",
        "size",
        "what",
        "median",
        "95 % interval",
        "8 of 10 samples",
        "samples",
    )
    return Table(headings, tuple(rows), words=3)


# --- Its parts ---------------------------------------------------------------------------------


def parts_chart(lines: Sequence[Line]) -> Chart | None:
    sizes = ordered(size for line in lines for size in line.sizes("cold"))
    if not sizes:
        return None
    return Chart(
        "parts",
        "A one-off dream, part by part",
        "What the time of a fresh process goes into: to start Python, to import libraries, to read "
        "the photo and prepare a session for each octave, the first step of each octave, in which "
        "room is made and kernels are chosen, all other steps, and to write the picture. Below it "
        "a further dream in the same process. Medians.",
        tuple(_parts_view(size, lines) for size in sizes),
        _parts_table(lines, sizes),
        first=sizes.index(SEED_SIZE) if SEED_SIZE in sizes else 0,
    )


def _parts_view(size: Size, lines: Sequence[Line]) -> View:
    timed = [line for line in lines if size in line.sizes("cold")]
    shown = [line_parts(line, size) for line in timed]
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
    further = [figure(line, "warm", size) for line in timed]
    if any(further):
        bars.append(
            Bars(
                words.KINDS["warm"],
                NO_COLOUR,
                tuple(value.median if value else None for value in further),
                tuple(f"further dream: {v.text} ({v.noise})" if v else "" for v in further),
                words.KINDS["warm"],
            )
        )
    labels = tuple(line.label for line in timed)
    return View(words.size(size), Axis("time", "s"), Axis("", ""), (), tuple(bars), labels)


def _known_parts(shown: Sequence[dict[str, float]]) -> list[str]:
    named = {part for parts in shown for part in parts}
    return [part for part in (*PARTS, *sorted(named - {*PARTS, OTHER}), OTHER) if part in named]


def line_parts(line: Line, size: Size) -> dict[str, float]:
    """The median of each part, and of what belongs to none."""
    samples = line.series["cold", size].samples
    names = dict.fromkeys(part for sample in samples for part in sample.parts)
    parts = {
        words.clean(name): float(np.median([sample.parts.get(name, 0.0) for sample in samples]))
        for name in names
    }
    rest = float(np.median([_rest(sample) for sample in samples]))
    return parts | ({OTHER: rest} if rest > 0 else {})


def _rest(sample: Sample) -> float:
    return max(0.0, sample.seconds - sum(sample.parts.values()))


def _parts_table(lines: Sequence[Line], sizes: Sequence[Size]) -> Table:
    shown = {
        (line, size): line_parts(line, size)
        for line in lines
        for size in sizes
        if size in line.sizes("cold")
    }
    parts = _known_parts(list(shown.values()))
    rows = []
    for (line, size), found in shown.items():
        whole, further = figure(line, "cold", size), figure(line, "warm", size)
        cells = [words.seconds(found[part]) if part in found else words.DASH for part in parts]
        ends = [value.text if value else words.DASH for value in (whole, further)]
        rows.append((line.label, words.size(size), *cells, *ends))
    headings = ("contender", "size", *parts, "one-off dream", "further dream")
    return Table(headings, tuple(rows), words=2)


# --- Its operators -----------------------------------------------------------------------------


def operators_chart(lines: Sequence[Line]) -> Chart | None:
    profiles = {line: profile for line in lines if (profile := _profile(line))}
    sizes = ordered(operator.size for profile in profiles.values() for operator in profile)
    if not sizes:
        return None
    names = _largest_operators([o for profile in profiles.values() for o in profile])
    return Chart(
        "operators",
        "What a step spends its time on",
        "The share of each kind of operation in the time of one step, by ONNX Runtime's own "
        "profiler. Conv is the convolution, most of a network's arithmetic.",
        tuple(_operators_view(size, profiles, names) for size in sizes),
        _operators_table(profiles),
        first=len(sizes) - 1,
    )


def _profile(line: Line) -> list[Operator]:
    name = line.contender.name
    return [operator for operator in line.run.result.operators if operator.contender == name]


def _largest_operators(operators: Sequence[Operator]) -> list[str]:
    shares: dict[str, float] = {}
    for operator in operators:
        shares[operator.operator] = shares.get(operator.operator, 0.0) + operator.share
    return sorted(shares, key=lambda name: -shares[name])[:MOST_OPERATORS]


def _operators_view(size: Size, profiles: dict[Line, list[Operator]], names: Sequence[str]) -> View:
    shown = {
        line: {operator.operator: operator for operator in profile if operator.size == size}
        for line, profile in profiles.items()
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
    labels = tuple(line.label for line in shown)
    x = Axis("share of the step", "share")
    return View(words.size(size), x, Axis("", ""), (), tuple(bars), labels)


def _operator_text(operator: Operator) -> str:
    nodes = words.counted(operator.nodes, "node")
    return f"{words.clean(operator.operator)}: {words.percent(operator.share)}, {nodes}"


def _operators_table(profiles: dict[Line, list[Operator]]) -> Table:
    rows = [
        (
            line.label,
            words.size(operator.size),
            words.clean(operator.operator),
            words.percent(operator.share),
            str(operator.nodes),
        )
        for line, profile in profiles.items()
        for operator in sorted(profile, key=lambda o: (words.pixels(o.size), -o.share))
    ]
    return Table(("contender", "size", "operator", "share", "nodes"), tuple(rows), words=3)


# --- Memory ------------------------------------------------------------------------------------


def memory_chart(lines: Sequence[Line]) -> Chart | None:
    colour = colours(lines)
    process = [(line, _memory_points(line, _of_process)) for line in lines]
    device = [(line, _memory_points(line, _of_device)) for line in lines]
    views = tuple(
        View(
            name,
            pixel_axis(size for line, points in found if points for size in line.sizes("cold")),
            Axis(name, "B"),
            tuple(
                Curve(line.label, colour[line], points, line.failed)
                for line, points in found
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
        _memory_table(lines),
    )


def _of_process(sample: Sample) -> int | None:
    return sample.peak_memory


def _of_device(sample: Sample) -> int | None:
    return sample.device_memory


Reading = Callable[[Sample], int | None]


def _held(line: Line, size: Size, read: Reading) -> list[float]:
    samples = line.series["cold", size].samples
    return [float(held) for sample in samples if (held := read(sample)) is not None]


def _memory_points(line: Line, read: Reading) -> tuple[Point, ...]:
    return tuple(
        (
            float(words.pixels(size)),
            float(np.median(held)),
            min(held),
            max(held),
            f"{line.label}, {words.size(size)}: {_memory_text(held)}",
        )
        for size in line.sizes("cold")
        if (held := _held(line, size, read))
    )


def _memory_text(held: Sequence[float]) -> str:
    if not held:
        return words.DASH
    middle = words.memory(float(np.median(held)))
    return f"{middle} ({words.memory(min(held))} to {words.memory(max(held))})"


def _memory_table(lines: Sequence[Line]) -> Table:
    rows = [
        (
            line.label,
            words.size(size),
            _memory_text(_held(line, size, _of_process)),
            _memory_text(_held(line, size, _of_device)),
        )
        for line in lines
        for size in line.sizes("cold")
        if _held(line, size, _of_process) or _held(line, size, _of_device)
    ]
    return Table(("contender", "size", "process", "GPU"), tuple(rows), words=2)
