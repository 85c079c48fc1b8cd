"""`dream compare`: two results beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console

from ort_deepdream.cli.durations import seconds
from ort_deepdream.cli.messages import note, plain, say, table
from ort_deepdream.errors import DreamError
from ort_deepdream.measure.compare import (
    Change,
    Difference,
    changes,
    differences,
    only_in_one,
)
from ort_deepdream.measure.plan import Cell
from ort_deepdream.measure.result import Result, read_result
from ort_deepdream.measure.statistics import median


def compare(before: Path, after: Path, limit: float) -> None:
    """Show both; leaves with 1 when the second is slower, beyond `limit` and beyond chance."""
    one, other = read_result(before), read_result(after)
    found = changes(one, other)
    if not found:
        raise DreamError(f"{before} and {after} have no contender, size and kind in common")
    console = Console(highlight=False)
    console.print(_times(found, limit))
    _tell_gaps(one, other)
    apart = differences(one, other)
    if apart:
        console.print("[bold]What differs besides[/]")
        console.print(_differences(apart))
    _tell_disturbed(found, limit)
    slower = [change for change in found if change.is_slower(limit)]
    for change in slower:
        say(
            f"SLOWER: {_name(change.cell)}: {change.ratio.value:.2f} times as long "
            f"(95%: {change.ratio.low:.2f} to {change.ratio.high:.2f}, p = {change.p:.2g})"
        )
    if slower:
        raise typer.Exit(1)
    say(f"{after} is nowhere slower by more than {limit:g} times, beyond chance and company")


def _times(found: Sequence[Change], limit: float) -> object:
    numbers = ("before", "after", "ratio")
    made = table("contender", "measured", "before", "after", "ratio", "95%", "", numbers=numbers)
    for column in made.columns[1:]:
        column.no_wrap = True
    for change in found:
        made.add_row(
            plain(change.cell.contender),
            f"{change.cell.size} {change.cell.kind}",
            seconds(median(change.before).value),
            seconds(median(change.after).value),
            f"{change.ratio.value:.2f}",
            f"{change.ratio.low:.2f}-{change.ratio.high:.2f}",
            _verdict(change, limit),
        )
    return made


def _verdict(change: Change, limit: float) -> str:
    if change.is_slower(limit):
        return "[bold red]slower[/]"
    if not change.is_significant:
        return ""
    return "[green]faster[/]" if change.ratio.high < 1 else "higher"


def _tell_disturbed(found: Sequence[Change], limit: float) -> None:
    raised = [change for change in found if change.raised(limit) > limit]
    if raised:
        worst = max(raised, key=lambda change: change.load)
        note(
            f"other processes kept up to {worst.load:.1f} cores busy: the limit of {len(raised)} "
            f"of {len(found)} measurements is raised, up to {worst.raised(limit):.2f}; "
            f"measure again on a quiet machine to see less"
        )


def _tell_gaps(one: Result, other: Result) -> None:
    for cells, which in zip(only_in_one(one, other), ("before", "after"), strict=True):
        if cells:
            say(f"only {which}: {'; '.join(map(_name, cells))}")


def _differences(apart: Sequence[Difference]) -> object:
    made = table("what", "before", "after")
    for difference in apart:
        made.add_row(*map(plain, (difference.what, difference.before, difference.after)))
    return made


def _name(cell: Cell) -> str:
    return f"{plain(cell.contender)} at {cell.size}, {cell.kind}"
