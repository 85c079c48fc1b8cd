"""`dream compare`: two results beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import typer
from rich.markup import escape

from ort_deepdream.cli.messages import console, plain, say, table
from ort_deepdream.errors import DreamError
from ort_deepdream.measure.analysis import Analysis, analyse
from ort_deepdream.measure.compare import (
    Change,
    Difference,
    Doubt,
    broken,
    changes,
    differences,
    only_in_one,
)
from ort_deepdream.measure.result import Measurement, read_result
from ort_deepdream.measure.statistics import median
from ort_deepdream.report.words import seconds
from ort_deepdream.text import clean

SLOWER, INCONCLUSIVE = 1, 3  # exit codes; 2 is a user's mistake
NARROW = 72  # columns, below which a table would be cut


def compare(before: Path, after: Path, limit: float) -> None:
    """Show how the second result differs from the first; exit with 1 when it is worse.

    Worse is slower by more than `limit`, beyond chance, or wrong where the first was right. Exit
    with 3 when that cannot be told of a measurement. Raise DreamError for a file that cannot be
    read, or two that have nothing in common.
    """
    one, other = analyse(read_result(before)), analyse(read_result(after))
    found = changes(one, other)
    if not found:
        raise DreamError(f"{before} and {after} have no contender, size and kind in common")
    terminal = console()
    wide = terminal.width >= NARROW
    terminal.print(_times(found, limit) if wide else _times_in_lines(found, limit))
    _say_gaps(one, other)
    apart = differences(one.result, other.result)
    if apart:
        terminal.print("[bold]What differs besides[/]")
        terminal.print(_differences(apart) if wide else _differences_in_lines(apart))
    worse = [*_slower(found, limit), *_broken(one, other, after)]
    doubtful = list(_doubts(found, limit))
    for sentence in [*doubtful, *worse]:
        say(sentence)
    if worse or doubtful:
        raise typer.Exit(SLOWER if worse else INCONCLUSIVE)
    say(f"{after} is nowhere slower by more than {limit:g} times")


def _slower(found: Sequence[Change], limit: float) -> list[str]:
    return [
        f"SLOWER: {_name(change.measured)}: {_longer(change)} "
        f"(95%: {change.ratio.low:.2f} to {change.ratio.high:.2f}, p = {change.p:.2g}; "
        f"limit {change.limit_used(limit):.4g})"
        for change in found
        if change.is_slower(limit)
    ]


def _broken(one: Analysis, other: Analysis, after: Path) -> list[str]:
    return [
        f"FAIL: {contender.name} failed its check in {after}, so its times say nothing"
        for contender in broken(one, other)
    ]


def _doubts(found: Sequence[Change], limit: float) -> Iterator[str]:
    """Return a sentence for each reason why measurements are neither slower nor cleared of it."""
    for doubt, why in WHY.items():
        unclear = [change for change in found if change.doubt(limit) == doubt]
        if unclear:
            worst = max(unclear, key=lambda change: change.ratio.value)
            yield (
                f"INCONCLUSIVE: {len(unclear)} of {len(found)} measurements, up to "
                f"{_longer(worst)} ({_name(worst.measured)}): {why(unclear, limit)}"
            )


def _few_samples(unclear: Sequence[Change], limit: float) -> str:
    fewest = min(min(len(change.before), len(change.after)) for change in unclear)
    return f"as few as {fewest} samples cannot tell {limit:g} times from chance; measure more"


def _neighbours(unclear: Sequence[Change], limit: float) -> str:
    worst = max(unclear, key=lambda change: change.load)
    return (
        f"other processes kept up to {worst.load:.1f} cores busy, so that only more than "
        f"{worst.limit_used(limit):.2f} times, and not {limit:g}, would be called slower; "
        f"measure again on a quiet machine"
    )


def _wide_spread(unclear: Sequence[Change], limit: float) -> str:
    highest = max(change.ratio.high for change in unclear)
    return (
        f"the samples lie too far apart to tell {limit:g} times from chance (95%: up to "
        f"{highest:.2f}); measure more, or allow more with --fail-above"
    )


WHY: dict[Doubt, Callable[[Sequence[Change], float], str]] = {
    "samples": _few_samples,
    "spread": _wide_spread,
    "neighbours": _neighbours,
}


def _longer(change: Change) -> str:
    return f"{change.ratio.value:.2f} times as long"


def _times(found: Sequence[Change], limit: float) -> object:
    numbers = ("before", "after", "ratio")
    made = table("contender", "measured", "before", "after", "ratio", "95%", "", numbers=numbers)
    for column in made.columns[1:]:
        column.no_wrap = True
    for change in found:
        made.add_row(
            plain(change.measured.contender),
            f"{change.measured.size} {change.measured.kind}",
            *_cells(change),
            _styled_verdict(change, limit),
        )
    return made


def _times_in_lines(found: Sequence[Change], limit: float) -> str:
    """Return what the table says for a narrow terminal, which may wrap a line anywhere."""
    lines = []
    for change in found:
        before, after, ratio, span = _cells(change)
        told = f"{before} -> {after}" + (f", {ratio}" if ratio else "")
        told += f" ({span})" if span else ""
        lines += [escape(_name(change.measured)), f"  {told} {_styled_verdict(change, limit)}", ""]
    return "\n".join(lines)


def _cells(change: Change) -> tuple[str, str, str, str]:
    """Return both medians, their ratio and its interval, as far as these say anything."""
    medians = seconds(median(change.before).value), seconds(median(change.after).value)
    if not change.is_sound:
        return *medians, "", ""
    single = min(len(change.before), len(change.after)) == 1
    span = "" if single else f"{change.ratio.low:.2f}-{change.ratio.high:.2f}"
    return *medians, f"{change.ratio.value:.2f}", span


def _styled_verdict(change: Change, limit: float) -> str:
    if not change.is_sound:
        return "[bold red]WRONG[/]"
    if change.is_slower(limit):
        return "[bold red]slower[/]"
    if change.doubt(limit):
        return "[yellow]unclear[/]"
    if not change.is_significant:
        return ""
    return "[green]faster[/]" if change.ratio.high < 1 else "higher"


def _say_gaps(one: Analysis, other: Analysis) -> None:
    for measured, which in zip(only_in_one(one, other), ("before", "after"), strict=True):
        if measured:
            say(f"only {which}: {'; '.join(map(_name, measured))}")


def _differences(apart: Sequence[Difference]) -> object:
    made = table("what", "before", "after")
    for difference in apart:
        made.add_row(*map(plain, (difference.what, difference.before, difference.after)))
    return made


def _differences_in_lines(apart: Sequence[Difference]) -> str:
    return "\n".join(
        f"{plain(one.what)}:\n  {plain(one.before)} -> {plain(one.after)}" for one in apart
    )


def _name(measured: Measurement) -> str:
    return f"{clean(measured.contender)} at {measured.size}, {measured.kind}"
