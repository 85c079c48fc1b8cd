"""Help teaches: every command and option has words, every command has examples that are true."""

from __future__ import annotations

import dataclasses
import inspect
import os
import shlex
import subprocess
import sys

import pytest
import typer

from ort_deepdream import FilmSettings, Settings, VisualiseSettings, ZoomSettings
from ort_deepdream.cli.main import app
from ort_deepdream.cli.options.loop import with_loop_settings
from ort_deepdream.engine.settings import Limits
from ort_deepdream.version import VERSION
from scripts.write_option_tables import PAGE, page

GROUP = typer.main.get_command(app)
COMMANDS = GROUP.commands
INNER = {f"weights {name}": command for name, command in COMMANDS["weights"].commands.items()}
PAGES = {"": GROUP, **COMMANDS, **INNER}


def test_the_commands():
    assert list(COMMANDS) == [
        "run",
        "folder",
        "zoom",
        "film",
        "info",
        "visualise",
        "export",
        "verify",
        "layers",
        "backends",
        "bench",
        "compare",
        "report",
        "board",
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
        if line.startswith("#"):
            continue
        _, _, command, *words = shlex.split(line.partition("&&")[0])
        if command == "photo.jpg":
            command, words = "run", [command]
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
        if setting.type not in (int, float):  # tests/cli/test_settings.py tries the other kinds
            continue
        value = 3 if 3 in setting.metadata["limits"] else 1
        typed = COMMANDS["run"].make_context("run", ["a.jpg", flag, str(value)]).params
        assert typed[setting.name] == value
        assert type(typed[setting.name]) is setting.type


def test_what_is_typed_are_the_settings():
    seen = []

    @with_loop_settings()
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


LINES = {
    "rnu": "there is no command 'rnu': did you mean run?",
    "zzzzzz": "there is no command 'zzzzzz': `dream --help` lists them",
    "weights gte": "there is no command 'gte': did you mean get?",
    "weights bvlc": "there is no command 'bvlc': did you mean `dream weights get bvlc`?",
    "weights bvcl": "there is no command 'bvcl': did you mean `dream weights get bvlc`?",
    "weights zzzzzz": "there is no command 'zzzzzz': `dream weights --help` lists them",
    "help": "there is no command 'help': did you mean `dream --help`?",
    "help run": "there is no command 'help': did you mean `dream run --help`?",
    "run a.jpg --preset": "--preset needs a value; choose classic, creatures, ",
    "run a.jpg --size": "--size needs a value; `dream run --help` shows what there is",
    "run a.jpg --open=yes": "--open takes no value; `dream run --help` shows what there is",
    "weights get --help=1": "--help takes no value; `dream weights get --help` shows",
    "run a.jpg -preset eyes": "there is no option -preset: did you mean --preset, with two",
    "run": "PHOTO is missing: `dream run PHOTO`; `dream run --help` shows what there is",
    "report": "RESULT is missing: `dream report RESULT`; `dream report --help` shows what there is",
    "export": "--output FILE is missing: `dream export --output FILE`; ",
    "run a.jpg --iteratons 3": "there is no option --iteratons: did you mean --iterations?",
    "run a.jpg -Q": "there is no option -Q: `dream run --help` shows what there is",
    "--iterations 3 a.jpg": "--iterations belongs behind its command: `dream run ... --iterations`",
    "run a.jpg --iterations many": "--iterations must be a whole number, not 'many'",
    "run a.jpg --iterations 1e11": "--iterations must be a whole number, not '1e11'",
    "run a.jpg --step 1,5": "--step must be a number, not '1,5'",
    "run a.jpg -o": "-o needs a value; ",
    "bench a.jpg b.jpg": "`dream bench` has no place for b.jpg, for it takes one photo at a time; ",
    "bench a.jpg b.jpg c.jpg": "`dream bench` has no place for b.jpg c.jpg, for it takes one photo",
    "verify a.onnx b.onnx": "`dream verify` has no place for b.onnx; ",
    "web --open=3": "--open takes no value; ",
}


@pytest.mark.parametrize("line", LINES)
def test_a_mistyped_line_is_one_line_that_says_what_to_type(dream, line):
    assert dream(*line.split()).error.startswith(LINES[line])


NUMBERS = {
    "bench a.jpg --budget": "--budget must be",
    "bench a.jpg --trials": "--trials must be",
    "bench a.jpg --price-per-hour": "--price-per-hour must be",
    "bench a.jpg --threads": "--threads must be",
    "compare a.json b.json --fail-above": "--fail-above must be",
    "film a.mp4 --from": "--from must be",
    "film a.mp4 --to": "--to must be",
    "folder a b --workers": "--workers must be",
    "run a.jpg --halo": "--halo must be",
    "run a.jpg --scale": "--scale must be",
    "run a.jpg --threads": "--threads must be",
    "visualise --channels": "--channels must be",
    "web --port": "--port must be",
    **{
        f"{command} --{setting.name.replace('_', '-')}": f"--{setting.name.replace('_', '-')} must"
        for command, kind in (
            ("run a.jpg", Settings),
            ("visualise", VisualiseSettings),
            ("zoom a.jpg", ZoomSettings),
            ("film a.mp4", FilmSettings),
        )
        for setting in dataclasses.fields(kind)
        if isinstance(setting.metadata["limits"], Limits)
    },
}


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "9" * 5000, "", "1;2"])
@pytest.mark.parametrize("line", NUMBERS)
def test_what_is_no_finite_number_is_refused_wherever_one_is_taken(dream, line, value):
    *words, option = line.split()
    assert dream(*words, f"{option}={value}").error.startswith(NUMBERS[line])


def test_every_number_that_can_be_typed_is_tried():
    found = {
        next(name for name in option.opts if name.startswith("--"))
        for command in COMMANDS.values()
        for option in command.params
        # `read` is what cli/typed.py makes; the others are typer's own.
        if option.type.name in {"read", "integer", "float", "integer range", "float range"}
    }
    assert found == {line.split()[-1] for line in NUMBERS}


def test_completion_knows_commands_and_options():
    """As a shell asks for it: by environment variables."""
    environment = {**os.environ, "_DREAM_COMPLETE": "complete_bash"}
    code = "from ort_deepdream.__main__ import run; run()"

    def completed(line: str) -> set[str]:
        place = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**environment, **place},
            capture_output=True,
            text=True,
            check=True,
        )
        return set(done.stdout.split())

    assert {"run", "bench", "report"} <= completed("dream ")
    assert {"--iterations"} == completed("dream run --it")
    assert {"--install-completion"} == completed("dream --inst")
