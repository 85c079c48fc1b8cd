"""When each part of a dream ended, for `dream bench`: it runs the command itself, as users do.

The command writes its marks to the file that VARIABLE names, and does nothing where it names none.
Times are of `time.perf_counter`, which on one machine is one clock for all processes.
"""

from __future__ import annotations

import os
import time

VARIABLE = "ORT_DEEPDREAM_MARKS"

_path = os.environ.get(VARIABLE)
_marks: list[tuple[str, float]] = []


def mark(part: str) -> None:
    """Note that a part of the dream has ended now."""
    if _path:
        _marks.append((part, time.perf_counter()))


def write_marks() -> None:
    """Write what was noted as one JSON list of [part, time]."""
    if _path:
        import json
        from pathlib import Path

        Path(_path).write_text(json.dumps(_marks))
