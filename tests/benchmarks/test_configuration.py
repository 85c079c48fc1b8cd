"""asv.conf.json: asv builds this project, with the versions that are pinned for everybody."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIGURATION = json.loads((ROOT / "asv.conf.json").read_text("utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PLATFORM_PACKAGES = {"onnxruntime", "onnxruntime-gpu"}  # one of them, by platform


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required() -> set[str]:
    lines = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["export"]]
    return {normal(re.match(r"[\w.-]+", line)[0]) for line in lines}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {normal(name): version for name, version in pairs}


def test_it_is_this_project():
    assert CONFIGURATION["project"] == PROJECT["name"]
    assert (ROOT / CONFIGURATION["benchmark_dir"] / "__init__.py").exists()
    assert CONFIGURATION["repo"] == "."


def test_whatever_is_needed_is_installed_as_pinned():
    asked = {
        name.removeprefix("pip+"): {version for version in versions if version}
        for name, versions in CONFIGURATION["matrix"]["req"].items()
    }
    assert set(asked) == required()
    assert asked == {name: {pins()[name]} for name in asked}
    assert CONFIGURATION["matrix"]["env"] == {"PIP_CONSTRAINT": ["constraints.txt"]}


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_there_is_one_environment_on_each_platform(platform):
    """Asked of asv itself, which reads the platform from sys."""
    code = (
        "import sys; from asv.config import Config; from asv.environment import iter_matrix; "
        f"conf = Config.load({str(ROOT / 'asv.conf.json')!r}); sys.platform = {platform!r}; "
        "import json; print(json.dumps([[k[1] for k in entries] "
        "for entries in iter_matrix('virtualenv', ['3.11'], conf)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (names,) = json.loads(done.stdout)
    found = {name.removeprefix("pip+") for name in names if name} & PLATFORM_PACKAGES
    assert found == {"onnxruntime" if platform == "darwin" else "onnxruntime-gpu"}


@pytest.mark.parametrize("command", ["build_command", "install_command"])
def test_dependencies_are_left_to_the_matrix(command):
    """Else asv would find several wheels, and install the dependencies anew for each commit."""
    (line,) = CONFIGURATION[command]
    assert "python -m pip" in line
    assert "--no-deps" in line
    assert line.startswith("in-dir={conf_dir} ")  # where PIP_CONSTRAINT's file is
