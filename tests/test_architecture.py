"""Who may import whom: the contracts at the end of pyproject.toml, which is the one table of it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def test_each_room_keeps_to_its_place_and_there_are_no_circles(tmp_path):
    """Looked at through src/, where the rooms lie in one folder as they do once installed."""
    done = subprocess.run(
        [sys.executable, "-c", LINT, "--no-logo", "--no-cache", str(ROOT / "pyproject.toml")],
        cwd=ROOT / "src",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    seen = int(done.stdout.partition("Analyzed ")[2].split()[0])
    assert seen > len(list(ROOT.glob("engine/*.py"))) + len(list(ROOT.glob("export/*.py")))


def test_the_table_has_every_room():
    rooms, *_ = PROJECT["tool"]["importlinter"]["contracts"]
    listed = {name.strip("() ") for layer in rooms["layers"] for name in layer.split("|")}
    folders = PROJECT["tool"]["setuptools"]["package-dir"].values()
    files = {path.stem for path in (ROOT / "src" / "ort_deepdream").glob("*.py")} - {"__init__"}
    assert {*folders, *files} - {"src/ort_deepdream"} <= listed
