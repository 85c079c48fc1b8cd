"""What the tests of the benchmarks share: this commit's gradient files, made once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks import base


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """PyTorch's threads wait for one another, which a busy machine makes long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def sidecar_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where asv.conf.json would be: the sidecar is written below it."""
    root = tmp_path_factory.mktemp("asv")
    before = os.environ.get("ASV_CONF_DIR")
    os.environ["ASV_CONF_DIR"] = str(root)
    yield root
    os.environ.pop("ASV_CONF_DIR")
    if before is not None:
        os.environ["ASV_CONF_DIR"] = before


@pytest.fixture(scope="session")
def prepared(
    sidecar_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[base.Prepared]:
    """As asv's `setup_cache` makes it, in a folder of its own that is the working folder."""
    folder = tmp_path_factory.mktemp("cache")
    before = Path.cwd()
    os.chdir(folder)
    yield base.prepare(folder)
    os.chdir(before)
