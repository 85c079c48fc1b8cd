"""Write cli/dream.1, the manual page, from what `--help` says: `python -m scripts.write_man_page`.

`man -l cli/dream.1` shows it; a wheel installs it in share/man/man1.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from ort_deepdream.cli.main import app
from ort_deepdream.version import VERSION

PATH = Path(__file__).parents[1] / "cli" / "dream.1"
NAME = "dream \\- DeepDream on photographs, through ONNX Runtime"


def page() -> str:
    """Return the manual page."""
    group: Any = typer.main.get_command(app)
    lines = [
        f'.TH DREAM 1 "" "ort-deepdream {VERSION}" "User Commands"',
        *(".nh", ".ad l"),  # a word that is typed is not broken
        *(".SH NAME", NAME),
        *(".SH SYNOPSIS", ".B dream", ".I COMMAND", "[options]", ".br", ".B dream", ".I PHOTO"),
        *(".SH DESCRIPTION", *_paragraphs(group.help)),
        *(".SH COMMANDS",),
    ]
    for words, command in _commands(group, "dream"):
        lines += [f".SS {_text(words)}", *_paragraphs(command.help)]
        lines += [line for parameter in command.params for line in _entry(parameter)]
        lines += _examples(command.epilog)
    lines += [".SH EXIT STATUS", "0 when all is well, 2 for what the user can mend, which is told"]
    lines += ["in one line, 130 after Ctrl\\-C; 1 and 3 are what verify, bench, compare and"]
    lines += ["folder found."]
    lines += [".SH ENVIRONMENT", ".TP", ".B ORT_DEEPDREAM_CACHE", "Where downloads are kept."]
    return "\n".join(lines) + "\n"


def _commands(group: Any, before: str) -> Iterator[tuple[str, Any]]:
    """Yield each command with its words, groups within groups too."""
    for name, command in group.commands.items():
        yield f"{before} {name}", command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before} {name}")


def _entry(parameter: Any) -> list[str]:
    """Return an option or an argument: its names in bold, what it takes in italics, its help."""
    if parameter.name == "help":
        return []
    argument = parameter.param_type_name == "argument"
    flags = [] if argument else [*parameter.opts, *parameter.secondary_opts]
    takes = argument or not parameter.is_flag
    names = ", ".join(f"\\fB{_text(flag)}\\fR" for flag in flags)
    value = f" \\fI{_text(parameter.metavar)}\\fR" if takes else ""
    return [".TP", (names + value).strip(), _text(parameter.help) + _default(parameter)]


def _default(parameter: Any) -> str:
    shown = parameter.show_default
    if not shown or (parameter.default is None and not isinstance(shown, str)):
        return ""
    if getattr(parameter, "is_flag", False):
        return ""
    return f" Default: {_text(shown if isinstance(shown, str) else str(parameter.default))}."


def _examples(epilog: str) -> list[str]:
    """Return the examples of a command's help, as they are typed."""
    lines = epilog.splitlines()[1:]
    return [".PP", "Examples:", ".PP", ".nf", *(_text(f"  {line}") for line in lines), ".fi"]


def _paragraphs(words: str) -> list[str]:
    parts = [" ".join(part.split()) for part in words.split("\n\n")]
    return [line for part in parts for line in (".PP", _text(part))]


def _text(words: str) -> str:
    """Return text as troff prints it: typer's escapes out, hyphens that can be copied."""
    plain = words.replace("\\[", "[").replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain


if __name__ == "__main__":
    PATH.write_text(page(), "utf-8", newline="\n")
