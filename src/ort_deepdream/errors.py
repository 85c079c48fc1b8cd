"""The one error that a user can mend, and how its message names what was meant."""

from __future__ import annotations

from collections.abc import Iterable


class DreamError(Exception):
    """Something asked for that cannot be done: a picture, setting, model, backend or file.

    The message is one line: what is wrong, with which file, and what to do. Any other exception is
    a bug and keeps its traceback.
    """


def near(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is nearest to an unknown one; None when none is near."""
    import difflib  # only a mistake needs it

    small = {one.lower(): one for one in known}
    found = difflib.get_close_matches(name.lower(), small, n=1)
    return small[found[0]] if found else None


def nearest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return how a message about an unknown `name` ends: with the nearest known one.

    When none is near: with `otherwise`, or all that are known.
    """
    known = list(known)
    found = near(name, known)
    if found is not None:
        return f"did you mean {found}?"
    return otherwise or f"choose {', '.join([*known[:-2], ' or '.join(known[-2:])])}"
