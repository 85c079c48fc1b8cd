"""Which errors are the user's to mend, and shown as one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CommandError(Exception):
    """Something asked for on the command line that cannot be done; the message says what to do."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, or all of them."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"choose {' or '.join(known)}"


def is_users_to_mend(error: Exception) -> bool:
    """Whether the message is all that a user needs; any other is a bug and keeps its traceback."""
    # Imported once something went wrong: the engine's package takes a while.
    from engine.errors import DreamError
    from export.errors import ExportError
    from measure.errors import MeasureError
    from models.errors import ModelsError
    from report.errors import ReportError

    mendable = (CommandError, DreamError, ExportError, MeasureError, ModelsError, ReportError)
    return isinstance(error, mendable)
