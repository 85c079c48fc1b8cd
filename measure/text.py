"""Text from a file, as it can be shown to somebody."""

from __future__ import annotations


def clean(text: str) -> str:
    """Return `text` on one line, with a mark for each character that cannot be seen.

    Control characters could write over what a terminal shows, and others turn the direction of the
    text around them.
    """
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
