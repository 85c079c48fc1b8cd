"""`dream compare`: two results beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from ort_deepdream.cli.messages import console, note, plain, say, table
from ort_deepdream.errors import DreamError
from ort_deepdream.measure.analysis import Analysis, analyse
from ort_deepdream.measure.compare import (
    Change,
    Difference,
    broken,
    changes,
    differences,
    only_in_one,
)
from ort_deepdream.measure.result import Measurement, read_result
from ort_deepdream.measure.statistics import median
from ort_deepdream.report.words import seconds
from ort_deepdream.text import clean


def compare(before: Path, after: Path, limit: float) -> None:
    """Show how the second result differs from the first; exit with 1 when it is worse.

    Worse is slower by more than `limit`, beyond chance, or wrong where the first was right. Raise
    DreamError for a file that cannot be read, or two that have nothing in common.
    """
    one, other = analyse(read_result(before)), analyse(read_result(after))
    found = changes(one, other)
    if not found:
        raise DreamError(f"{before} and {after} have no contender, size and kind in common")
    terminal = console()
    terminal.print(_times(found, limit))
    _say_gaps(one, other)
    apart = differences(one.result, other.result)
    if apart:
        terminal.print("[bold]What differs besides[/]")
        terminal.print(_differences(apart))
    _note_disturbed(found, limit)
    worse = [*_slower(found, limit), *_broken(one, other, after)]
    for sentence in worse:
        say(sentence)
    if worse:
        raise typer.Exit(1)
    say(
        f"{after} is nowhere slower by more than {limit:g} times, "
        f"beyond what chance and other processes explain"
    )


def _slower(found: Sequence[Change], limit: float) -> list[str]:
    return [
        f"SLOWER: {_name(change.measured)}: {change.ratio.value:.2f} times as long "
        f"(95%: {change.ratio.low:.2f} to {change.ratio.high:.2f}, p = {change.p:.2g})"
        for change in found
        if change.is_slower(limit)
    ]


def _broken(one: Analysis, other: Analysis, after: Path) -> list[str]:
    return [
        f"FAIL: {contender.name} failed its check in {after}, so its times say nothing"
        for contender in broken(one, other)
    ]


def _times(found: Sequence[Change], limit: float) -> object:
    numbers = ("before", "after", "ratio")
    made = table("contender", "measured", "before", "after", "ratio", "95%", "", numbers=numbers)
    for column in made.columns[1:]:
        column.no_wrap = True
    for change in found:
        made.add_row(
            plain(change.measured.contender),
            f"{change.measured.size} {change.measured.kind}",
            seconds(median(change.before).value),
            seconds(median(change.after).value),
            f"{change.ratio.value:.2f}",
            f"{change.ratio.low:.2f}-{change.ratio.high:.2f}",
            _verdict(change, limit),
        )
    return made


def _verdict(change: Change, limit: float) -> str:
    if not change.is_sound:
        return "[bold red]WRONG[/]"
    if change.is_slower(limit):
        return "[bold red]slower[/]"
    if not change.is_significant:
        return ""
    return "[green]faster[/]" if change.ratio.high < 1 else "higher"


def _note_disturbed(found: Sequence[Change], limit: float) -> None:
    raised = [change for change in found if change.raised(limit) > limit]
    if raised:
        worst = max(raised, key=lambda change: change.load)
        note(
            f"other processes kept up to {worst.load:.1f} cores busy: the limit of {len(raised)} "
            f"of {len(found)} measurements is raised, up to {worst.raised(limit):.2f}; "
            f"measure again on a quiet machine to see less"
        )


def _say_gaps(one: Analysis, other: Analysis) -> None:
    for measured, which in zip(only_in_one(one, other), ("before", "after"), strict=True):
        if measured:
            say(f"only {which}: {'; '.join(map(_name, measured))}")


def _differences(apart: Sequence[Difference]) -> object:
    made = table("what", "before", "after")
    for difference in apart:
        made.add_row(*map(plain, (difference.what, difference.before, difference.after)))
    return made


def _name(measured: Measurement) -> str:
    return f"{clean(measured.contender)} at {measured.size}, {measured.kind}"
