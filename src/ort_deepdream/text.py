"""Text that comes from elsewhere, as it can be shown or stored."""

from __future__ import annotations


def clean(text: str) -> str:
    """Return `text` on one line, its spaces made single, as `visible` does."""
    return visible(" ".join(text.split()))


def visible(text: str) -> str:
    """Return `text` with a mark for each character that cannot be seen, line ends among them.

    Control characters could write over what a terminal shows, and others turn the direction of the
    text around them.
    """
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def storable(name: str) -> str:
    r"""Return a file's name as UTF-8 can hold it: bytes that are none of it as `\xff`."""
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")
