"""The result of `dream bench` in the terminal: tables of 80 columns, the answer in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import Console

from ort_deepdream.cli.durations import between, seconds
from ort_deepdream.cli.messages import plain, table
from ort_deepdream.measure import seed_table
from ort_deepdream.measure.machine import describe
from ort_deepdream.measure.plan import CPU, is_plain_cpu, pixels
from ort_deepdream.measure.result import Kind, Result, Series, Size
from ort_deepdream.measure.statistics import Interval, median, ratio

KINDS: tuple[tuple[Kind, str], ...] = (
    ("cold", "A dream in a fresh process, from its start to the picture on disk"),
    ("warm", "A further dream in a process that has done one"),
    ("step", "One step at full size, in the steady state"),
)
STARTING = ("start", "import", "session")  # parts of a dream before its first step


def show(result: Result) -> None:
    """All that was found."""
    console = Console(highlight=False)
    for line in describe(result.machine):
        console.print(line, markup=False)
    model = result.model
    console.print(f"{', '.join(model.layers)} of {model.weights}; {result.photo.name}\n")
    for kind, title in KINDS:
        if any(series.kind == kind for series in result.series):
            console.print(f"[bold]{title}[/]")
            console.print(times(result, kind))
    if result.checks:
        console.print("[bold]Whether they compute the same[/]")
        console.print(checks(result))
    for sentence in (*answer(result), *missing(result), *unsettled(result), *warnings(result)):
        console.print(sentence, markup=False)


def times(result: Result, kind: Kind) -> object:
    """Medians with their intervals, and how many times as fast as the CPU."""
    numbers = ("median", "n", "speed-up")
    made = table("size", "contender", "median", "95%", "n", "speed-up", "95%", numbers=numbers)
    for column in (made.columns[0], *made.columns[2:]):
        column.no_wrap = True
    found = [series for series in result.series if series.kind == kind]
    failed = {check.contender for check in result.checks if not check.passed}
    sizes = sorted({series.size for series in found}, key=pixels)
    for size in sizes:
        if kind == "warm" and size == seed_table.SIZE:
            for row in seed_table.ROWS:
                over = ratio(seed_table.CPU.seconds, row.seconds, paired=False)
                made.add_row(
                    f"{seed_table.YEAR}",
                    row.name,
                    *_cells(row.seconds, None if row is seed_table.CPU else over),
                    style="dim",
                )
        base = baseline(result, kind, size)
        for series in found:
            if series.size == size:
                star = "" if series.stable else " *"
                star += " [bold red]WRONG[/]" if series.contender in failed else ""
                against = None if base is None or series is base else _speedup(base, series)
                name = f"{plain(series.contender)}{star}"
                made.add_row(str(size), name, *_cells(_seconds(series), against))
    return made


def _cells(samples: Sequence[float], over: Interval | None) -> tuple[str, ...]:
    middle = median(samples)
    return (
        seconds(middle.value),
        between(middle.low, middle.high) if len(samples) > 1 else "",
        str(len(samples)),
        "" if over is None else f"{over.value:.2f}",
        "" if over is None or len(samples) < 2 else f"{over.low:.2f}-{over.high:.2f}",
    )


def checks(result: Result) -> object:
    made = table(
        "contender", "against", "gradient error", "dreams", "", numbers=("gradient error",)
    )
    for check in result.checks:
        error = "" if check.gradient_error is None else f"{check.gradient_error:.1e}"
        alike = "equal" if check.equal else "" if check.psnr is None else f"{check.psnr:.0f} dB"
        passed = "[green]pass[/]" if check.passed else "[bold red]FAIL[/]"
        made.add_row(plain(check.contender), plain(check.reference), error, alike, passed)
    return made


def baseline(result: Result, kind: Kind, size: Size) -> Series | None:
    """What speed-ups are against: ONNX Runtime on the CPU with the most threads."""
    known = {contender.name: contender for contender in result.contenders}
    on_cpu = [
        series
        for series in result.series
        if (series.kind, series.size) == (kind, size) and is_plain_cpu(known[series.contender])
    ]
    return max(on_cpu, key=lambda s: known[s.contender].threads or np.inf, default=None)


def _seconds(series: Series) -> list[float]:
    return [sample.seconds for sample in series.samples]


def _speedup(base: Series, series: Series) -> Interval:
    return ratio(_seconds(base), _seconds(series))


# --- sentences ------------------------------------------------------------------------------------


def answer(result: Result) -> Iterator[str]:
    """How much faster the accelerator is, and what became of 2019's figures."""
    failed = {check.contender for check in result.checks if not check.passed}
    known = {contender.name: contender for contender in result.contenders}
    sizes = sorted({series.size for series in result.series}, key=pixels)
    others = [
        name
        for name, contender in known.items()
        if contender.backend != CPU and contender.missing is None and name not in failed
    ]
    for name in others:
        for kind in ("warm", "step"):
            found = [
                (size, _speedup(base, series))
                for size in sizes
                for series in result.series
                if (series.contender, series.size, series.kind) == (name, size, kind)
                if (base := baseline(result, kind, size)) is not None
            ]
            if found:
                yield _how_much_faster(name, kind, found)
                break
    if not others:
        yield "No accelerator was measured, so how much faster one is stays unknown here."
    yield from _then_and_now(result)
    yield from _starting(result, sizes)


def _how_much_faster(name: str, kind: str, found: Sequence[tuple[Size, Interval]]) -> str:
    what = {"warm": "dreams", "step": "takes a step"}[kind]
    said = [
        f"{over.value:.3g} times as fast at {size} (95%: {over.low:.3g} to {over.high:.3g})"
        for size, over in found
    ]
    return f"Beside the CPU {name} {what} {', '.join(said)}."


def _then_and_now(result: Result) -> Iterator[str]:
    base = baseline(result, "warm", seed_table.SIZE)
    if base is None:
        return
    now = median(_seconds(base)).value
    cpu, gpu = (median(row.seconds).value for row in seed_table.ROWS)
    yield (
        f"At {seed_table.SIZE} a further dream takes {seconds(now)} on this CPU; in "
        f"{seed_table.YEAR} it took {seconds(cpu)} on a CPU and {seconds(gpu)} on a Tesla K80, "
        f"{cpu / gpu:.1f} times as fast."
    )


def _starting(result: Result, sizes: Sequence[Size]) -> Iterator[str]:
    """What of a one-off dream is no dreaming, at the smallest size."""
    for series in result.series:
        if series.kind == "cold" and series.size == sizes[0]:
            whole = median(_seconds(series)).value
            start = median([sum(s.parts.get(p, 0.0) for p in STARTING) for s in series.samples])
            yield (
                f"Of a one-off dream at {series.size} on {series.contender}, "
                f"{seconds(start.value)} of {seconds(whole)} are start, imports and sessions."
            )


def missing(result: Result) -> Iterator[str]:
    for contender in result.contenders:
        if contender.missing is not None:
            yield f"Not measured: {contender.name}: {contender.missing}"
    absent = {c.name for c in result.contenders if c.missing is not None}
    for skipped in result.skipped:
        if skipped.contender not in absent:
            what = f"{skipped.contender} at {skipped.size}, {skipped.kind}"
            yield f"Not measured: {what}: {skipped.reason}"


def unsettled(result: Result) -> Iterator[str]:
    """What is marked with a star, by reason."""
    reasons: dict[str, list[str]] = {}
    for series in result.series:
        if series.note is not None:
            star = "" if series.stable else "* "
            measured = f"{series.contender} at {series.size}, {series.kind}"
            reasons.setdefault(f"{star}{series.note}", []).append(measured)
    for reason, found in reasons.items():
        yield f"{reason}: {'; '.join(found)}"


def warnings(result: Result) -> Iterator[str]:
    for warning in result.warnings:
        yield f"Warning: {warning}"
