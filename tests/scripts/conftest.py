"""What the tests of the scripts share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from graphs import exported

from ort_deepdream.export.model_file import save

LAYER = "pool2/3x3_s2"  # behind both LRNs and both first pools, and quick


@pytest.fixture(scope="session")
def gradient_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of seeded:0, for LAYER."""
    path = tmp_path_factory.mktemp("scripts") / "gradient.onnx"
    save(exported("bvlc", (LAYER,), "cpu"), path)
    return path


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
