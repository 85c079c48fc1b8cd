"""The scripts import one another by name, as they do when they are run."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from export.model_file import save

SCRIPTS = Path(__file__).parents[2] / "scripts"
LAYER = "pool2/3x3_s2"  # behind both LRNs and both first pools, and quick

Script = Callable[[str], ModuleType]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Imports a script by its name; none stays on the path for other tests."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module


@pytest.fixture(scope="session", autouse=True)
def forget_scripts() -> Iterator[None]:
    yield
    for path in SCRIPTS.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.fixture(scope="session")
def gradient_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of seeded:0, for LAYER."""
    from graphs import exported

    path = tmp_path_factory.mktemp("scripts") / "gradient.onnx"
    save(exported("bvlc", (LAYER,), "cpu"), path)
    return path


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
