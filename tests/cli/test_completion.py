"""Completion as each shell asks for it, and by bash itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-c", "from ort_deepdream.__main__ import run; run()"]
VARIABLE = "_DREAM_COMPLETE"
BASH = """
eval "$(_DREAM_COMPLETE=source_bash dream)"
COMP_WORDS=(dream run --iter) COMP_CWORD=2
_dream_completion dream
echo "${COMPREPLY[@]}"
complete -p dream
"""


def asked(shell: str, line: str) -> dict[str, str]:
    """The variables by which a shell's script asks for what may follow `line`."""
    if shell == "bash":
        return {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    return {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}


def run(**variables: str) -> str:
    environment = {**os.environ, **variables}
    done = subprocess.run(PROGRAM, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_commands_and_options(shell):
    script = run(**{VARIABLE: f"source_{shell}"})
    assert f"{VARIABLE}=complete_{shell}" in script
    commands = run(**{VARIABLE: f"complete_{shell}", **asked(shell, "dream ")})
    assert "visualise" in commands
    options = run(**{VARIABLE: f"complete_{shell}", **asked(shell, "dream run --keep-con")})
    assert "--keep-contrast" in options
    assert "--keep-colours" not in options
    presets = run(**{VARIABLE: f"complete_{shell}", **asked(shell, "dream run --preset st")})
    assert "strong" in presets
    assert "strokes" in presets
    assert "eyes" not in presets


@pytest.mark.skipif(sys.platform == "win32", reason="no bash here")
def test_bash_itself_completes(tmp_path: Path):
    program = tmp_path / "dream"
    program.write_text(f"#!{sys.executable}\n{PROGRAM[-1]}\n")
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    words = ["bash", "--norc", "-c", BASH]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "--iterations",
        "complete -o default -F _dream_completion dream",
    ]
