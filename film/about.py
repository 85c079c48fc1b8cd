"""What is written beside a film, as JSON: the command that makes it again, and what ran it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ort_deepdream.errors import DreamError
from ort_deepdream.files import read_limited, write_text, writing

FORMAT = "ort-deepdream film 1"
MOST_BYTES = 1 << 20
SUFFIX = ".json"


def about(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return what is written beside a film whose metadata this is: `command` makes it again."""
    named = {key.removeprefix("deepdream."): value for key, value in metadata.items()}
    return {"format": FORMAT, "command": named.pop("command"), "made": named}


def beside(film: Path) -> Path:
    """Return the JSON file that is written beside a film: films of one name may be of two kinds."""
    return film.with_name(f"{film.name}{SUFFIX}")


def write_about(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file about a film. Raise DreamError when it cannot be written."""
    with writing(path):
        write_text(path, json.dumps(content, indent=2) + "\n")


def read_about(path: Path) -> dict[str, Any]:
    """Return what stands in a JSON file about a film. Raise DreamError for any other file."""
    content = read_limited(path, MOST_BYTES, "the JSON file beside a film")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise DreamError(f"{path}: is not about a film; name the JSON file that lies beside one")
    return found


def words_of(path: Path, command: str) -> list[str]:
    """Return the words behind `dream COMMAND` that made the film beside a JSON file.

    Raise DreamError for a file that is not about a film that this command made.
    """
    program, made_by, *words = [*shlex.split(str(read_about(path).get("command"))), "", ""]
    if (program, made_by) != ("dream", command):
        raise DreamError(f"{path}: is not about a film of `dream {command}`; name one that is")
    return words[:-2]
