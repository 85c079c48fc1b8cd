from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gradient_files import write_gradient_file
from PIL import Image
from typer.testing import CliRunner

from ort_deepdream.cli.main import app

LAYER = "inception_3a/output"  # stride 8, and quick to export


class Outcome:
    """What a command did: its exit code, and its two outputs without colours."""

    def __init__(self, exit_code: int, stdout: str, stderr: str) -> None:
        self.exit_code = exit_code
        self.stdout, self.stderr = (re.sub(r"\x1b\[[\d;?]*\w", "", t) for t in (stdout, stderr))

    @property
    def error(self) -> str:
        """The one line of a refusal."""
        assert self.exit_code == 2, self.stdout + self.stderr
        assert self.stdout == ""
        (line,) = self.stderr.splitlines()
        assert line.startswith("dream: error: ")
        return line.removeprefix("dream: error: ")


Dream = Callable[..., Outcome]


def invoke(*words: object, columns: int = 80) -> Outcome:
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": str(columns)})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Outcome(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def dream() -> Dream:
    """Runs a command in this process: `dream("run", photo, "--model", model)`."""
    return invoke


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "3a.onnx"
    outcome = invoke("export", "--weights", "seeded:0", "--layer", LAYER, "-o", path)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stderr == ""  # nothing moves where there is no terminal
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    assert re.fullmatch(
        rf"{re.escape(str(path))}: {size}, {LAYER}, seeded:0 \(sha256 [0-9a-f]{{12}}\), [\d.]+ s\n",
        outcome.stdout,
    )
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gradient file whose steps take no time."""
    return write_gradient_file(tmp_path_factory.mktemp("tiny") / "tiny.onnx")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """64x48, alone in its folder."""
    down, across = np.mgrid[:48, :64]
    levels = np.stack([across * 4, down * 5, across * down % 256], axis=-1)
    path = tmp_path / "photo.png"
    Image.fromarray(levels.astype(np.uint8)).save(path)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, for the user's own is nobody's business here."""
    path = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ORT_DEEPDREAM_CACHE", str(path))
    return path
