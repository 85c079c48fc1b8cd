"""`dream run` on this backend, and the same on the CPU: one picture."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import Backend, read_metadata

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
    assert DREAM is not None, "the project is not installed here"
    words = ["--layer", "inception_3b/output", "--iterations", "3", "--octaves", "2"]
    where = ["--seed", "1", "--backend", backend, "--output", result]
    command = [DREAM, "run", photo, *words, *where]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert outcome.returncode == 0, outcome.stderr
    return result


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
