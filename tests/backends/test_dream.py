"""The command on this backend: the CPU's dream, and what it says of nodes left to the CPU."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ort_deepdream import Backend, read_metadata
from ort_deepdream.measure.result import read_result

PHOTO = Path(__file__).parents[2] / "examples/cat.jpg"
LEAST_PSNR = 35.0  # dB; below, the two are seen to differ
DREAM = shutil.which("dream", path=Path(sys.executable).parent)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures go: kept when a caller wants to compare those of several backends."""
    if kept := os.environ.get("ORT_DEEPDREAM_PICTURES"):
        return Path(kept)
    return tmp_path_factory.mktemp("dreams")


def dreamt(folder: Path, backend: str) -> Path:
    photo, result = folder / "photo.png", folder / f"{backend}.png"
    Image.open(PHOTO).convert("RGB").crop((40, 0, 400, 270)).resize((64, 48)).save(photo)
    words = ["--layer", "inception_3b/output", "--iterations", "3", "--octaves", "2"]
    outcome = ran("run", photo, *words, "--seed", "1", "--backend", backend, "--output", result)
    assert outcome.returncode == 0, outcome.stderr
    return result


def ran(*words: object) -> subprocess.CompletedProcess[str]:
    assert DREAM is not None, "the project is not installed here"
    command = [DREAM, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


def psnr(one: Path, other: Path) -> float:
    """In dB; 99 for equal pictures."""
    a, b = (np.asarray(Image.open(path).convert("RGB"), np.float64) for path in (one, other))
    error = float(np.mean((a - b) ** 2))
    return 99.0 if error == 0 else 10 * np.log10(255**2 / error)


def test_a_dream_is_the_cpus(backend: Backend, folder: Path) -> None:
    here, there = dreamt(folder, backend.name), dreamt(folder, "cpu")
    assert read_metadata(here)["deepdream.backend"] == backend.name
    assert psnr(here, folder / "photo.png") < LEAST_PSNR  # it did dream
    found = psnr(here, there)
    print(f"\n{backend.name} and cpu: {found:.1f} dB", end="")
    assert found > LEAST_PSNR


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    photo = tmp_path_factory.mktemp("small") / "small.png"
    Image.open(PHOTO).convert("RGB").resize((16, 12)).save(photo)
    return photo


def test_a_dream_with_nodes_left_to_the_cpu_says_how_many(
    backend: Backend, references: Path, unplaced: bool, small: Path
) -> None:
    words = ["run", small, "--model", references / "unplaced.onnx", "--backend", backend.name]
    words += ["--octaves", "1", "--iterations", "1"]
    if unplaced:
        assert ran(*words).returncode == 2
    allowed = ran(*words, "--allow-cpu-nodes")
    assert allowed.returncode == 0, allowed.stderr
    found = re.search(r"(\w+) \(nodes left to the CPU: (\d+)\), seed", allowed.stdout)
    assert found is not None
    assert found[1] == backend.name
    assert (int(found[2]) > 0) is unplaced


def test_a_bench_with_nodes_left_to_the_cpu_says_so(
    backend: Backend, references: Path, unplaced: bool, small: Path
) -> None:
    if not unplaced:
        pytest.skip(f"{backend.name} takes every node")
    words = ["bench", small, "--model", references / "unplaced.onnx", "--size", "16x12"]
    words += ["--backend", backend.name, "--trials", "1", "--budget", "1", "--allow-cpu-nodes"]
    done = ran(*words, "--output", small.with_name("result.json"))
    assert done.returncode == 0, done.stderr
    assert f"{backend.name}, CPU nodes allowed" in done.stdout
    (contender,) = read_result(small.with_name("result.json")).contenders
    assert contender.name == f"{backend.name}, CPU nodes allowed"
    assert contender.cpu_nodes_allowed
    assert contender.placement["CPUExecutionProvider"] > 0
