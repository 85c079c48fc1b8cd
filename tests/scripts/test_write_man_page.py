"""The manual page says what `--help` says, as `man` can show it."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
import typer

from ort_deepdream.cli.main import app
from scripts.write_man_page import PATH, page

COMMANDS = typer.main.get_command(app).commands


def test_the_page_is_todays():
    """`python -m scripts.write_man_page` remakes it."""
    assert PATH.read_text("utf-8") == page()


@pytest.mark.skipif(shutil.which("man") is None, reason="no man here")
def test_man_shows_every_command_and_option_without_a_warning():
    command = ["man", "--warnings", "-l", str(PATH)]
    environment = {**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    for name, command in COMMANDS.items():
        assert f"dream {name}\n" in done.stdout
        for parameter in command.params:
            for flag in parameter.opts if parameter.param_type_name == "option" else []:
                assert flag == "--help" or flag == "-h" or flag in done.stdout
    assert "\\" not in done.stdout
