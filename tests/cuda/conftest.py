"""ONNX Runtime's CUDA provider on stand-ins for NVIDIA's libraries, which count (standins.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import standins

Start = Callable[..., standins.Standins]


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the stand-ins, built once."""
    if reason := standins.why_not():
        pytest.skip(reason)
    return standins.build(tmp_path_factory.mktemp("standins"))


@pytest.fixture(scope="session")
def cuda(libraries: Path) -> Iterator[standins.Standins]:
    """The child that most tests share: a working device."""
    child = standins.Standins(libraries)
    yield child
    child.close()


@pytest.fixture
def broken(libraries: Path) -> Iterator[Start]:
    """Starts a child with something wrong from the start."""
    children = []

    def start(folder: Path = libraries, **environment: str) -> standins.Standins:
        children.append(standins.Standins(folder, **environment))
        return children[-1]

    yield start
    for child in children:
        child.close()
