"""One backend at a time, and what it should compute.

    ORT_DEEPDREAM_BACKEND=cuda python -m pytest tests/backends -s

Without the variable it is the CPU. Where PyTorch is not installed, ORT_DEEPDREAM_REFERENCES names
the folder that tests/support/backend_reference.py wrote where it is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ort_deepdream import Backend, find_backend


@pytest.fixture(scope="session")
def backend() -> Backend:
    """An error, and no skipped test, when it cannot be used here."""
    return find_backend(os.environ.get("ORT_DEEPDREAM_BACKEND", "cpu"))


@pytest.fixture(scope="session")
def references(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the gradient files."""
    if folder := os.environ.get("ORT_DEEPDREAM_REFERENCES"):
        return Path(folder)
    from backend_reference import write_references

    made = tmp_path_factory.mktemp("references")
    write_references(made)
    return made


@pytest.fixture(scope="session")
def unplaced(backend: Backend) -> bool:
    """Whether it leaves the node `greatest` of unplaced.onnx to the CPU."""
    return backend.name in ("openvino", "webgpu")


@pytest.fixture(scope="session")
def truth(references: Path) -> Mapping[str, NDArray[np.floating]]:
    return np.load(references / "references.npz")
