"""What pyproject.toml, constraints.txt and CHANGELOG.md say of one another and of the checkout."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

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
    rooms = PROJECT["tool"]["setuptools"]["package-dir"]
    found = {
        ".".join([package, *path.parent.relative_to(ROOT / folder).parts])
        for package, folder in rooms.items()
        for path in (ROOT / folder).rglob("*.py")
    }
    assert found == set(listed)


def test_the_package_in_src_links_to_its_rooms():
    rooms = PROJECT["tool"]["setuptools"]["package-dir"]
    links = [path for path in (ROOT / "src" / "ort_deepdream").iterdir() if path.is_symlink()]
    found = {f"ort_deepdream.{link.name}": link.resolve() for link in links}
    assert found | {"ort_deepdream": ROOT / "src" / "ort_deepdream"} == {
        name: ROOT / folder for name, folder in rooms.items()
    }


def test_a_bare_install_has_neither_torch_nor_onnx():
    names = required(PROJECT["project"]["dependencies"])
    extras = {"jinja2", "psutil", "pydantic", "scipy"} | required(EXTRAS["export"])
    assert not names & extras
    assert required(EXTRAS["export"]) == {"torch", "onnx", "onnx-ir", "safetensors"}


def test_whatever_is_asked_for_is_pinned():
    wanted = required(PROJECT["project"]["dependencies"]).union(*map(required, EXTRAS.values()))
    assert wanted <= set(pins())


def test_the_pins_suit_every_platform():
    for name, version in pins().items():
        assert re.fullmatch(r"[\d.]+(post\d+)?", version), f"{name}=={version}"
        bound = name.startswith(("nvidia", "cuda")) and name != "nvidia-ml-py"  # Python alone
        assert not bound, name
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


# --- ONNX Runtime's wheel on each machine -----------------------------------------------------

MACHINES = {  # by pip's name: sys_platform and platform_machine, and whether its wheel has CUDA
    "manylinux_2_28_x86_64": ("linux", "x86_64", True),
    "manylinux_2_28_aarch64": ("linux", "aarch64", False),
    "win_amd64": ("win32", "AMD64", True),
    "win_arm64": ("win32", "ARM64", False),
    "macosx_14_0_arm64": ("darwin", "arm64", False),
}


def needed_on(platform: str, machine: str) -> list[Requirement]:
    environment = {"sys_platform": platform, "platform_machine": machine, "extra": ""}
    needs = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
    return [need for need in needs if need.marker is None or need.marker.evaluate(environment)]


@pytest.mark.parametrize("machine", MACHINES)
def test_each_machine_gets_one_onnx_runtime_with_cuda_where_there_is_one(machine):
    platform, processor, cuda = MACHINES[machine]
    found = {need.name for need in needed_on(platform, processor) if "onnxruntime" in need.name}
    assert found == {"onnxruntime-gpu" if cuda else "onnxruntime"}


@pytest.mark.slow
@pytest.mark.parametrize("machine", MACHINES)
def test_pip_finds_a_wheel_of_each_dependency_for_each_machine(machine, tmp_path):
    needs = [f"{need.name}{need.specifier}" for need in needed_on(*MACHINES[machine][:2])]
    command = [sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--no-deps"]
    where = ["--target", tmp_path, "--only-binary", ":all:", "--python-version", "3.12"]
    pins = ["-c", ROOT / "constraints.txt"]
    done = subprocess.run(
        [*command, *where, "--platform", machine, *pins, *needs],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


# --- Beside packages with everyday names ------------------------------------------------------

DECOYS = ("cli", "engine", "export", "film", "measure", "models", "report", "weights")


def committed(folder: Path) -> str:
    """Make a repository of a folder; return its commit as the package notes it."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    asked = [*git, "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(
        asked, cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.slow
def test_the_wheel_dreams_beside_packages_called_as_its_rooms(tmp_path):
    pip = [sys.executable, "-m", "pip"]
    source = tmp_path / "source"
    kept = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in kept.stdout.decode().split("\0")[:-1]:
        if (ROOT / name).is_file() and not name.startswith(("docs/", "tests/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    commit = committed(source)
    stale = source / "build" / "lib" / "ort_deepdream" / "engine" / "removed.py"
    stale.parent.mkdir(parents=True)
    stale.write_text("gone = True\n")
    wheels = ["wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, source]
    subprocess.run([*pip, *wheels], check=True)
    [wheel] = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    subprocess.run([*pip, "install", "-q", "--no-deps", "--target", site, wheel], check=True)
    assert not list(site.rglob("removed.py"))  # what an earlier build left in build/
    assert (site / "ort_deepdream" / "commit.txt").read_text() == commit
    assert not (source / "src" / "ort_deepdream" / "commit.txt").exists()
    for name in DECOYS:
        (site / name).mkdir()
        (site / name / "__init__.py").write_text("raise ImportError('not the one you want')\n")
    assert {path.name for path in site.iterdir() if path.is_dir()} - {*DECOYS} == {
        "bin",
        "ort_deepdream",
        "share",
        *(path.name for path in site.glob("*.dist-info")),
    }
    assert (site / "share/man/man1/dream.1").read_text("utf-8").startswith(".TH DREAM 1")
    words = ["run", ROOT / "examples/sky-182x158.png", "--iterations", "1", "--octaves", "1"]
    done = subprocess.run(
        # Not the checkout: `-P` keeps its folder out, `-S` its editable install.
        [sys.executable, "-P", "-c", FROM_THE_WHEEL, site, *words, "-o", tmp_path / "dream.png"],
        capture_output=True,
        text=True,
        cwd=site,
        env={**os.environ, "PYTHONPATH": str(site)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "dream.png").stat().st_size > 10_000


FROM_THE_WHEEL = """
import sys
import ort_deepdream
assert ort_deepdream.__file__.startswith(sys.argv[1]), ort_deepdream.__file__
from ort_deepdream.__main__ import run
sys.argv[0:2] = ["dream"]
run()
"""
