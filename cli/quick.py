"""The one command that is asked for: to make the options of all takes longer than a step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ort_deepdream.cli.typed import is_photo

if TYPE_CHECKING:
    import typer


def leave_others_out(app: typer.Typer, words: Sequence[str]) -> None:
    """Take out of the program all commands but the one that these words ask for.

    All stay where help, completion or a mistake may have to name them.
    """
    if not words or any(name.endswith("_COMPLETE") for name in os.environ):
        return
    commands = {_name(one): one for one in app.registered_commands}
    groups = {one.name for one in app.registered_groups}
    asked = words[0]
    if asked not in commands and asked not in groups and is_photo(asked):
        asked = "run"
    if asked in commands:
        app.registered_commands, app.registered_groups = [commands[asked]], []


def _name(command: Any) -> str:
    return str(command.name or command.callback.__name__)
