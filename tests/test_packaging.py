"""What pyproject.toml, constraints.txt and CHANGELOG.md say of one another and of the checkout."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest

from ort_deepdream.version import VERSION

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {normal(name): version for name, version in pairs}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required(requirements: list[str]) -> set[str]:
    names = {normal(re.match(r"[\w.-]+", line)[0]) for line in requirements}
    return names - {"ort-deepdream"}


def test_no_folder_of_a_package_is_left_out():
    listed = PROJECT["tool"]["setuptools"]["packages"]
    rooms = {*PROJECT["tool"]["setuptools"]["package-dir"].values(), "ort_deepdream"}
    folders = {path.parent for room in rooms for path in (ROOT / room).rglob("*.py")}
    names = {str(folder.relative_to(ROOT)).replace("/", ".") for folder in folders}
    assert {f"ort_deepdream.{name}" for name in names - {"ort_deepdream"}} == set(listed[1:])


def test_type_checkers_see_the_package_that_is_installed():
    links = {path.name: path.resolve() for path in (ROOT / ".types" / "ort_deepdream").iterdir()}
    rooms = PROJECT["tool"]["setuptools"]["package-dir"].values()
    files = [path for path in (ROOT / "ort_deepdream").iterdir() if path.is_file()]
    assert links == {path.name: path for path in [*(ROOT / room for room in rooms), *files]}


def test_a_bare_install_has_neither_torch_nor_onnx():
    names = required(PROJECT["project"]["dependencies"])
    assert not names & {"torch", "onnx", "onnx-ir", "safetensors", "scipy"}
    assert required(EXTRAS["export"]) == {"torch", "onnx", "onnx-ir", "safetensors"}


def test_whatever_is_asked_for_is_pinned():
    wanted = required(PROJECT["project"]["dependencies"]).union(*map(required, EXTRAS.values()))
    assert wanted <= set(pins())


def test_the_pins_suit_every_platform():
    for name, version in pins().items():
        assert re.fullmatch(r"[\d.]+(post\d+)?", version), f"{name}=={version}"
        assert not name.startswith(("nvidia", "cuda")), name
    assert pins()["torch"] == "2.13.0"


def test_the_change_log_has_this_version():
    headings = re.findall(
        r"^## \[(.+?)\] - (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert headings[0][0] == VERSION == importlib.metadata.version("ort-deepdream")
    for _, date in headings:
        assert re.fullmatch(r"unreleased|\d{4}-\d\d-\d\d", date)


@pytest.mark.parametrize("script", ["run", "smoke"])
def test_the_scripts_can_be_executed(script):
    path = ROOT / ".ci" / script
    assert path.stat().st_mode & 0o111
    assert "set -euo pipefail" in path.read_text("utf-8")
