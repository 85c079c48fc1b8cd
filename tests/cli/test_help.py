"""Help teaches: every command and option has words, every command has examples that are true."""

from __future__ import annotations

import dataclasses
import inspect
import shlex

import pytest
import typer

from ort_deepdream import Settings
from ort_deepdream.cli.main import app
from ort_deepdream.cli.options import with_loop_settings
from ort_deepdream.version import VERSION
from scripts.write_option_tables import PAGE, page

GROUP = typer.main.get_command(app)
COMMANDS = GROUP.commands
INNER = {f"weights {name}": command for name, command in COMMANDS["weights"].commands.items()}
PAGES = {"": GROUP, **COMMANDS, **INNER}


def test_the_commands():
    assert list(COMMANDS) == [
        "run",
        "export",
        "verify",
        "layers",
        "backends",
        "bench",
        "compare",
        "report",
        "web",
        "weights",
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_help_examples_and_fits_80_columns(dream, name):
    outcome = dream(*name.split(), "--help")
    assert outcome.exit_code == 0
    assert outcome.stderr == ""
    assert PAGES[name].help.splitlines()[0] in outcome.stdout
    assert f"$ dream {name}" in outcome.stdout
    assert outcome.stdout.count("$ dream") >= 2
    assert max(len(line) for line in outcome.stdout.splitlines()) <= 80


@pytest.mark.parametrize("name", PAGES)
def test_no_line_of_a_page_is_broken_by_hand_too_late(name):
    lines = f"{PAGES[name].help}\n{PAGES[name].epilog}".splitlines()
    assert max(len(line) for line in lines) <= 78  # a column of air on either side


@pytest.mark.parametrize("name", PAGES)
def test_every_option_has_help(name):
    for parameter in PAGES[name].params:
        assert parameter.help, f"dream {name}: {parameter.name}"


@pytest.mark.parametrize("name", PAGES)
def test_the_examples_can_be_typed(name):
    for line in PAGES[name].epilog.splitlines()[1:]:
        _, _, command, *words = shlex.split(line.partition("&&")[0])
        if "--help" not in words:
            COMMANDS[command].make_context(command, words)  # raises for an unknown option


def test_alone_it_prints_its_help(dream):
    outcome = dream()
    assert "Usage: dream" in outcome.stdout + outcome.stderr
    assert "Examples:" in outcome.stdout + outcome.stderr


def test_version(dream):
    outcome = dream("--version")
    assert outcome.exit_code == 0
    assert outcome.stdout == f"ort-deepdream {VERSION}\n"


def test_each_loop_setting_is_an_option_with_its_own_default():
    options = {option.name: option for option in COMMANDS["run"].params}
    for setting in dataclasses.fields(Settings):
        flag = f"--{setting.name.replace('_', '-')}"
        assert options[setting.name].opts == [flag]
        drawn = setting.name == "seed"
        assert options[setting.name].default == (None if drawn else setting.default)
        typed = COMMANDS["run"].make_context("run", ["a.jpg", flag, "3"]).params[setting.name]
        assert typed == 3
        assert type(typed) is setting.type


def test_what_is_typed_are_the_settings():
    seen = []

    @with_loop_settings
    def command(photo: str, *, settings: Settings, backend: str = "auto") -> None:
        seen.append((photo, settings, backend))

    assert [*inspect.signature(command).parameters] == [
        "photo",
        *(setting.name for setting in dataclasses.fields(Settings)),
        "backend",
    ]
    typed = dataclasses.asdict(Settings(step=2.5, seed=3))
    command(photo="a.jpg", **typed)
    command(photo="b.jpg", **{**typed, "seed": None}, backend="cpu")
    assert seen[0] == ("a.jpg", Settings(step=2.5, seed=3), "auto")
    assert dataclasses.replace(seen[1][1], seed=3) == Settings(step=2.5, seed=3)


def test_the_tables_of_options_are_todays():
    """`python -m scripts.write_option_tables` remakes them."""
    assert PAGE.read_text("utf-8") == page(PAGE.read_text("utf-8"))


@pytest.mark.parametrize("name", [name for name in PAGES if name])
def test_every_option_is_in_the_tables_with_its_default(name):
    table = PAGE.read_text("utf-8").partition(f"\n## dream {name}\n")[2].partition("\n## ")[0]
    cells = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    found = {row[0].removeprefix("| `").partition("`")[0]: row[1] for row in cells}
    options = {
        max(option.opts, key=len) if option.opts[0][0] == "-" else option.metavar: option
        for option in PAGES[name].params
        if option.name != "help"
    }
    assert set(found) == set(options)
    for flag, option in options.items():
        is_flag = getattr(option, "is_flag", False)
        if option.show_default is True and option.default is not None and not is_flag:
            assert found[flag].startswith(f"`{option.default}`"), flag


def test_unknown_commands_and_options_suggest_the_nearest(dream):
    assert "No such command 'rnu'. Did you mean 'run'?" in dream("rnu").usage_error
    assert "--iterations" in dream("run", "a.jpg", "--iteratons", "3").usage_error
    assert "Missing argument 'PHOTO'" in dream("run").usage_error
    assert "'--iterations'" in dream("run", "a.jpg", "--iterations", "many").usage_error
