"""Which commands are made for a line: the one that is asked for, or all where they are named."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import typer

from ort_deepdream.cli.main import app
from ort_deepdream.cli.quick import leave_others_out

ALL = set(typer.main.get_command(app).commands)
START = "import sys; from ort_deepdream.__main__ import run; sys.argv[0] = 'dream'; run()"


def made_for(*words: str) -> set[str]:
    program = copy.copy(app)
    leave_others_out(program, words)
    return set(typer.main.get_command(program).commands)


@pytest.mark.parametrize("name", sorted(ALL - {"weights"}))
def test_a_command_is_made_alone(name):
    assert made_for(name, "--help") == {name}
    assert set(typer.main.get_command(app).commands) == ALL


def test_a_photo_is_one_to_run():
    assert made_for("photo.jpg", "--seed", "1") == {"run"}


@pytest.mark.parametrize(
    "words", [(), ("--help",), ("--seed", "1", "a.jpg"), ("rnu",), ("weights",)]
)
def test_all_are_made_where_one_may_be_named(words):
    assert made_for(*words) == ALL


def test_all_are_made_for_completion(monkeypatch):
    monkeypatch.setenv("_DREAM_COMPLETE", "complete_bash")
    assert made_for("run") == ALL


def test_the_program_names_what_was_meant():
    done = subprocess.run(
        [sys.executable, "-c", START, "zomo"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "dream: error: there is no command 'zomo': did you mean zoom?\n"
