"""The result of `dream bench` in the terminal: tables of 80 columns, the answer in sentences.

What is said here is decided in measure/analysis.py, as what the page says is.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from ort_deepdream.cli.messages import console, plain, table
from ort_deepdream.measure import seed_table, statistics
from ort_deepdream.measure.analysis import (
    STARTING,
    Analysis,
    Pair,
    Speedup,
    TimedContender,
    ordered,
    speedup,
)
from ort_deepdream.measure.machine import describe
from ort_deepdream.measure.result import Check, Kind, Result, Size
from ort_deepdream.measure.statistics import Interval
from ort_deepdream.report.figures import ends, ratio_in_words
from ort_deepdream.report.sentences.cautions import unknown_devices
from ort_deepdream.report.sentences.costs import costs, slowed
from ort_deepdream.report.words import figures, seconds, seconds_span
from ort_deepdream.weights.catalogue import told

KINDS: dict[Kind, str] = {
    "cold": "A dream in a fresh process, from its start to its end",
    "warm": "A further dream in a process that has done one",
    "step": "One step at full size, in the steady state",
}
DOES: dict[Kind, str] = {"cold": "dreams once", "warm": "dreams", "step": "takes a step"}


def show(analysis: Analysis) -> None:
    """Print all that was found."""
    result = analysis.result
    terminal = console()
    for line in describe(result.machine):
        terminal.print(line, markup=False)
    model = result.model
    weights = told(model.weights, model.weights_sha256)
    what = f"{', '.join(model.layers)} of {weights}; {result.photo.name}"
    terminal.print(f"{plain(what)}\n")
    for kind, title in KINDS.items():
        if any(contender.sizes(kind) for contender in analysis.contenders):
            terminal.print(f"[bold]{title}[/]")
            terminal.print(times(analysis, kind))
    if result.checks:
        terminal.print("[bold]Whether they compute the same[/]")
        terminal.print(checks(result))
    doubts = warm_ups(analysis), slowed(analysis), unsettled(result), warnings(result)
    sentences = answer(analysis), costs(analysis), missing(result), *doubts
    for sentence in (sentence for group in sentences for sentence in group):
        terminal.print(sentence, markup=False)


def times(analysis: Analysis, kind: Kind) -> object:
    """Return a table of medians with their intervals, and of how many times as fast as the CPU."""
    numbers = ("median", "n", "speed-up")
    made = table("size", "contender", "median", "95%", "n", "speed-up", "95%", numbers=numbers)
    for column in (made.columns[0], *made.columns[2:]):
        column.no_wrap = True
    contenders = analysis.contenders
    for size in ordered(size for contender in contenders for size in contender.sizes(kind)):
        if kind == "warm" and size == seed_table.SIZE:
            for cells in _rows_of_2019():
                made.add_row(*cells, style="dim")
        for contender in contenders:
            if (kind, size) in contender.series:
                made.add_row(*_row(analysis, contender, kind, size))
    return made


def _rows_of_2019() -> Iterator[tuple[str, ...]]:
    for row in seed_table.ROWS:
        over = statistics.ratio(seed_table.CPU.seconds, row.seconds, paired=False)
        middle = statistics.median(row.seconds)
        times = _time_cells(middle, len(row.seconds))
        shown = ("", "") if row is seed_table.CPU else _ratio_cells(over, len(row.seconds))
        yield str(seed_table.YEAR), row.name, *times, *shown


def _row(analysis: Analysis, contender: TimedContender, kind: Kind, size: Size) -> tuple[str, ...]:
    figure = contender.figures[kind, size]
    star = "" if figure.stable else " *"
    wrong = "" if contender.is_sound else " [bold red]WRONG[/]"
    middle = Interval(figure.median, figure.low, figure.high)
    over = _over_baseline(analysis, contender, kind, size)
    shown = ("", "") if over is None else _ratio_cells(over, over.count)
    name = f"{plain(contender.name)}{star}{wrong}"
    return str(size), name, *_time_cells(middle, figure.count), *shown


def _over_baseline(
    analysis: Analysis, contender: TimedContender, kind: Kind, size: Size
) -> Speedup | None:
    """Return how many times as fast as the CPU it is, unless that would say nothing."""
    cpu = analysis.baseline
    if cpu is None or contender is cpu or not contender.is_sound or (kind, size) not in cpu.series:
        return None
    return speedup(cpu, contender, kind, size)


def _time_cells(middle: Interval, count: int) -> tuple[str, str, str]:
    span = seconds_span(middle.low, middle.high) if count > 1 else ""
    return seconds(middle.value), span, str(count)


def _ratio_cells(over: Interval | Speedup, count: int) -> tuple[str, str]:
    return f"{over.value:.2f}", f"{over.low:.2f}-{over.high:.2f}" if count > 1 else ""


def checks(result: Result) -> object:
    """Return a table of how far each contender was from its references."""
    made = table(
        "contender", "against", "gradient error", "dreams", "", numbers=("gradient error",)
    )
    for check in result.checks:
        error = "" if check.gradient_error is None else f"{check.gradient_error:.1e}"
        alike = "equal" if check.equal else "" if check.psnr is None else f"{check.psnr:.0f} dB"
        passed = "[green]pass[/]" if check.passed else "[bold red]FAIL[/]"
        made.add_row(plain(check.contender), plain(check.reference), error, alike, passed)
    return made


# --- sentences ------------------------------------------------------------------------------------


def answer(analysis: Analysis) -> Iterator[str]:
    """Return how much faster the accelerators are, and what became of 2019's figures."""
    for pair in analysis.pairs:
        yield _how_much_faster(pair, analysis)
    if analysis.no_speedup is not None:
        yield analysis.no_speedup.sentence
    yield from unknown_devices(analysis)
    yield from _then_and_now(analysis)
    yield from _starting(analysis)


def _how_much_faster(pair: Pair, analysis: Analysis) -> str:
    against = "the CPU" if pair.cpu is analysis.baseline else pair.cpu.name
    said = [
        f"{ratio_in_words(found)} at {found.size} ({_sure(found)})"
        for found in pair.speedups[pair.kind]
    ]
    return f"Beside {against} {pair.accelerator.name} {DOES[pair.kind]} {', '.join(said)}."


def _sure(found: Speedup) -> str:
    if found.count == 1:
        return "one sample"
    low, high = ends(found)
    return f"95%: {figures(low)} to {figures(high)}"


def _then_and_now(analysis: Analysis) -> Iterator[str]:
    cpu = analysis.baseline
    figure = cpu.figures.get(("warm", seed_table.SIZE)) if cpu else None
    if figure is None:
        return
    then_cpu, then_gpu = (median(row.seconds) for row in seed_table.ROWS)
    yield (
        f"At {seed_table.SIZE} a further dream takes {seconds(figure.median)} on this CPU; in "
        f"{seed_table.YEAR} it took {seconds(then_cpu)} on a CPU and {seconds(then_gpu)} on a "
        f"Tesla K80, {then_cpu / then_gpu:.1f} times as fast."
    )


def _starting(analysis: Analysis) -> Iterator[str]:
    """Say what of a one-off dream is no dreaming, at the smallest size."""
    timed = [contender for contender in analysis.contenders if contender.sizes("cold")]
    smallest = ordered(size for contender in timed for size in contender.sizes("cold"))[:1]
    for contender in timed:
        for size in smallest:
            parts = contender.part_seconds(size, STARTING)
            if parts:
                whole = contender.figures["cold", size].median
                yield (
                    f"Of a one-off dream at {size} on {contender.name}, "
                    f"{seconds(median(part for part, _ in parts))} of {seconds(whole)} are start, "
                    f"imports and sessions."
                )


def missing(result: Result) -> Iterator[str]:
    """Return what was asked for and not measured, with the reason."""
    for contender in result.contenders:
        if contender.missing is not None:
            yield f"Not measured: {contender.name}: {contender.missing}"
    absent = {c.name for c in result.contenders if c.missing is not None}
    for skipped in result.skipped:
        if skipped.contender not in absent:
            what = f"{skipped.contender} at {skipped.size}, {skipped.kind}"
            yield f"Not measured: {what}: {skipped.reason}"


def warm_ups(analysis: Analysis) -> Iterator[str]:
    """Return which samples are left out of the tables, for they are a warm-up's."""
    for contender in analysis.contenders:
        for (kind, size), cold in contender.cold.items():
            if cold:
                left_out = (
                    f"the first {cold} of {len(contender.series[kind, size].samples)} samples"
                )
                yield f"Warm-up: {contender.name} at {size}, {kind}: {left_out} left out"


def unsettled(result: Result) -> Iterator[str]:
    """Return what is marked with a star, by reason."""
    reasons: dict[str, list[str]] = {}
    for series in result.series:
        if series.note is not None:
            star = "" if series.stable else "* "
            measured = f"{series.contender} at {series.size}, {series.kind}"
            reasons.setdefault(f"{star}{series.note}", []).append(measured)
    for reason, found in reasons.items():
        yield f"{reason}: {'; '.join(found)}"


def warnings(result: Result) -> Iterator[str]:
    """Return what the bench warned of."""
    for warning in result.warnings:
        yield f"Warning: {warning}"


def failures(analysis: Analysis) -> list[str]:
    """Return a sentence for each check that failed: a fast wrong answer is a failure."""
    return [
        f"FAIL: {check.contender} computes something else than {check.reference}: "
        f"{_far(check)} ({check.limit})"
        for check in analysis.failures
    ]


def _far(check: Check) -> str:
    error = check.gradient_error
    far = "its gradient is no number" if error is None else f"its gradient is {error:.1e} off"
    return far if check.psnr is None else f"{far}, its dream alike to {check.psnr:.0f} dB"
