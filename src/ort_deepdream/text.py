"""Text that comes from elsewhere, as it can be shown or stored."""

from __future__ import annotations

MOST_WORDS = 300  # characters of what a process said last


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


def last_words(code: int, said: bytes) -> str:
    """Return how a process of ours ended: its exit code, and the end of what it said on stderr."""
    words = " ".join(said.decode(errors="replace").split())
    reason = f": {words[-MOST_WORDS:]}" if words else ""
    killed = " (the system may have run out of memory)" if code == -9 else ""
    return f"its process ended with code {code}{killed}{reason}"
