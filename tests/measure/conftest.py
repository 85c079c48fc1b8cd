"""A small photo, a tiny gradient file, and a bench of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gradient_files import write_gradient_file
from PIL import Image
from small_bench import plan

from ort_deepdream.measure.bench import Bench
from ort_deepdream.measure.result import Result


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    down, across = np.mgrid[:48, :64]
    levels = np.stack([across * 4, down * 5, across * down % 256], axis=-1)
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.fromarray(levels.astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gradient file of one small convolution, which PyTorch cannot rebuild."""
    return write_gradient_file(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="session")
def bench(photo: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """What a real bench of the tiny model found; its file is read back where it matters."""
    output = tmp_path_factory.mktemp("bench") / "result.json"
    heard: list[float] = []
    found = Bench(plan(photo, tiny_model), output).run(lambda at, what: heard.append(at))
    assert heard == sorted(heard)
    assert heard[-1] < 1
    return found
