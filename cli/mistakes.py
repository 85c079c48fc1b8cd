"""Lines that cannot be understood: what is wrong with one, and what was meant."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from ort_deepdream.cli.typed import PICTURES
from ort_deepdream.errors import DreamError, nearest

MOST_CHOICES = 20  # of an option, in a message


def what_is_wrong(error: Any) -> str:
    """Return one line for an error of typer's, which says what to type instead."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "dream"
    see = f"`{command} --help` shows what there is"
    kind = type(error).__name__
    if kind == "NoSuchOption":
        return _no_such_option(error.option_name, context, see)
    if kind == "MissingParameter":
        parameter = error.param
        flag = max(parameter.opts, key=len)
        named = (
            parameter.metavar.removesuffix("...")
            if flag[0] != "-"
            else f"{flag} {parameter.metavar}"
        )
        places = [p.metavar for p in error.ctx.command.params if p.param_type_name == "argument"]
        typed = " ".join(places).replace("...", "") if flag[0] != "-" else named
        return f"{named} is missing: `{command} {typed}`; {see}"
    if kind == "BadOptionUsage":
        if "not take" in error.message:
            return f"{error.option_name} takes no value; {see}"
        return f"{error.option_name} needs a value; {_choices(error.option_name, context) or see}"
    said = error.format_message().strip()
    if "extra argument" in said and context is not None:
        extra = said.rpartition(" (")[2].removesuffix(")")
        return f"`{command}` has no place for {extra}{_at_a_time(context.command)}; {see}"
    return f"{said[:1].lower()}{said[1:].rstrip('.')}; {see}"


def _choices(name: str, context: Any) -> str:
    """Return the words that an option takes, as its completion names them; "" where it has none."""
    parameters = context.command.params if context is not None else ()
    for option in parameters:
        words = option.shell_complete(context, "") if name in option.opts else []
        if words:
            return f"choose {', '.join(word.value for word in words[:MOST_CHOICES])}"
    return ""


def refuse_one_dash(command: Any, words: Sequence[str]) -> None:
    """Raise DreamError for -preset, which would be read as -p with the value reset."""
    for word in words:
        if word == "--":
            return
        name = word.partition("=")[0]
        if len(name) > len("-x") and name[1] != "-" and f"-{name}" in _options(command):
            raise DreamError(f"there is no option {name}: did you mean -{name}, with two dashes?")


def picture_meant(words: Sequence[str]) -> str:
    """Return what was meant where the first word is part of a picture's name; "" where it is none.

    It may lack its suffix, or what comes behind a space.
    """
    for suffix in PICTURES:
        if os.path.lexists(words[0] + suffix):
            return f"did you mean {words[0]}{suffix}?"
    for count in range(2, len(words) + 1):
        name = " ".join(words[:count])
        if os.path.lexists(name):
            return f"a name with spaces wants quotes: `dream '{name}'`"
    return ""


def _at_a_time(command: Any) -> str:
    taken = [p.metavar for p in command.params if p.param_type_name == "argument"]
    return ", for it takes one photo at a time" if taken == ["PHOTO"] else ""


# Options of other programs, and what they are here.
MEANT = {"--gpu": "--backend cuda", "--cpu": "--backend cpu", "--device": "--backend"}


def _no_such_option(name: str, context: Any, see: str) -> str:
    known = _options(context.command)
    if context.parent is None:
        owners = [
            other
            for other, command in context.command.commands.items()
            if name in _options(command)
        ]
        if owners:
            return f"{name} belongs behind its command: `dream {owners[0]} ... {name}`"
    meant = MEANT.get(name)
    if meant is not None and meant.split()[0] in known:
        return f"there is no option {name}: did you mean {meant}?"
    return f"there is no option {name}: {nearest(name, known, otherwise=see)}"


def _options(command: Any) -> list[str]:
    parameters: Iterable[Any] = command.params
    found = (flag for p in parameters for flag in (*p.opts, *p.secondary_opts))
    return ["--help", *(flag for flag in found if flag.startswith("-"))]
