"""Remake the tables in docs/options.md: `python -m scripts.write_option_tables`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer

from ort_deepdream import Settings, VisualiseSettings, ZoomSettings
from ort_deepdream.cli.main import app
from ort_deepdream.engine.settings import Limits

PAGE = Path(__file__).parents[1] / "docs" / "options.md"
BEGIN, END = "<!-- options:begin -->", "<!-- options:end -->"
LIMITS = {  # by an option's words: its name may be another command's, too
    setting.metadata["help"]: setting.metadata["limits"]
    for setting in (*fields(Settings), *fields(VisualiseSettings), *fields(ZoomSettings))
    if setting.metadata["limits"] is not None
}


def tables() -> str:
    """Return a heading and a table for each command that takes something."""
    sections = []
    for name, command in _commands(typer.main.get_command(app), ""):
        rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
        if rows:
            words = [f"## dream {name}", "", command.help.splitlines()[0], ""]
            head = ["| option | default | |", "| --- | --- | --- |"]
            sections.append("\n".join([*words, *head, *rows]))
    return "\n\n".join(sections)


def _commands(group: Any, before: str) -> Iterator[tuple[str, Any]]:
    """Yield each command of a group with its name, groups within it too."""
    for name, command in group.commands.items():
        yield before + name, command
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")


def _row(parameter: Any) -> str:
    flags = [*sorted(parameter.opts, key=len, reverse=True), *parameter.secondary_opts]
    name = ", ".join(f"`{flag}`" for flag in flags)
    if parameter.param_type_name == "argument":
        name = f"`{parameter.metavar}`"
    elif not parameter.is_flag:
        name += f" `{parameter.metavar}`"
    limits = f" ({_said(LIMITS[parameter.help])})" if parameter.help in LIMITS else ""
    words = parameter.help.replace("*", "\\*")
    return f"| {name} | {_default(parameter)}{limits} | {words} |"


def _said(limits: Limits | tuple[str, ...]) -> str:
    return ", ".join(limits) if isinstance(limits, tuple) else str(limits)


def _default(parameter: Any) -> str:
    if isinstance(parameter.show_default, str):
        return str(parameter.show_default)
    if parameter.secondary_opts:  # a pair such as --open and --no-open
        return f"`{(parameter.opts if parameter.default else parameter.secondary_opts)[0]}`"
    if not parameter.show_default or getattr(parameter, "is_flag", False):
        return ""
    return "" if parameter.default is None else f"`{parameter.default}`"


def page(text: str) -> str:
    """Return the page's text with today's tables between the marks."""
    pattern = re.compile(f"(?<={BEGIN}\n).*?(?={END})", re.DOTALL)
    return pattern.sub(lambda _: f"\n{tables()}\n\n", text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
