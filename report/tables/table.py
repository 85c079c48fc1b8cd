"""A table, for the page and for whoever cannot see a chart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Headings and rows, fit to be shown."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1  # columns of words; the others hold numbers and are set to the right


def marked(name: str, is_sound: bool) -> str:
    """Return a contender's name, with a mark when it failed its check."""
    return name if is_sound else f"{name} (check failed)"
