"""JSON files that may be anything: read within limits on their bytes, values and depth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ort_deepdream.errors import DreamError
from ort_deepdream.files import read_limited
from ort_deepdream.text import clean

# A value of two bytes takes 80 in memory, so that bytes alone are no limit.
MOST_VALUES = 2_000_000
MOST_FIELDS = 10_000  # of one object


def read_json(path: Path, most: int, what: str) -> tuple[bytes, Any]:
    """Return the bytes of a JSON file, `most` at most, and the value that they stand for.

    Raise DreamError when it cannot be read, is no JSON, or holds more than any file of its kind;
    `what` says in its message what to name instead.
    """
    content = read_limited(path, most, what)
    if sum(map(content.count, (b",", b"[", b"{"))) > MOST_VALUES:  # each stands before a value
        raise DreamError(f"{path}: has more values than {what} can have")
    try:
        return content, json.loads(content, object_pairs_hook=_object)
    except RecursionError:
        raise DreamError(f"{path}: is nested too deeply for {what}") from None
    except ValueError as error:
        raise DreamError(
            f"{path}: is not JSON, or not all of it ({clean(str(error))}); name {what}"
        ) from None


def _object(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(fields) > MOST_FIELDS:
        raise ValueError(f"{len(fields):,} fields in one object")
    return dict(fields)
