"""`--network`: a module of one's own on the command line, from its layers to a dream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

OWN = """
import torch
from torch import nn


def make():
    torch.manual_seed(0)
    start = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.GELU())
    return nn.Sequential(start, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "own_nets.py"
    path.write_text(OWN)
    return f"{path}:make"


def test_from_its_layers_to_a_dream(
    dream: Any, own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORT_DEEPDREAM_CACHE", str(tmp_path / "cache"))
    listed = dream("layers", "--network", own)
    assert listed.exit_code == 0
    assert [line.split()[:3] for line in listed.stdout.splitlines() if line.startswith(" 0")] == [
        ["0.0", "4", "2"],
        ["0.1", "4", "2"],
        ["0.2", "4", "2"],
        ["0", "4", "2"],
    ]
    file, photo, result = tmp_path / "own.onnx", tmp_path / "photo.png", tmp_path / "dream.png"
    written = dream("export", "--network", own, "-l", "0.2", "--mean", "0,0,0", "-o", file)
    assert written.exit_code == 0, written.stderr
    assert f"0.2 of {own}, weights own (sha256 " in written.stdout
    Image.fromarray(np.arange(24 * 20 * 3, dtype=np.uint8).reshape(20, 24, 3)).save(photo)
    words = ["--octaves=1", "--iterations=1", "--seed=1", "-b", "cpu"]
    ran = dream("run", photo, "--network", own, "-l", "0.2:3", *words, "-o", result)
    assert ran.exit_code == 0, ran.stderr
    with Image.open(result) as made:
        command = made.info["deepdream.command"]
    assert "--network=own_nets.py:make --layer=0.2:3" in command
    assert str(tmp_path) not in command
    assert dream("run", photo, "-m", file, *words, "-o", result).exit_code == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("-l", "3"), r"3 gives [1, 2], and a layer is"),
        (("-l", "9"), "has no layer '9'"),
        ((), "name a layer of"),
        (("-l", "0", "--mean", "1,2"), "--mean takes three numbers from 0"),
        (("-l", "0", "--std", "0,1,1"), "--std takes three numbers from 0.001"),
        (("-l", "0", "--precision", "float16"), "--precision float16 is for the built-in"),
        (("-l", "0", "--weights", "none.pth"), "no weights file none.pth"),
        (("-l", "0", "--weights", "seeded:1:bvlc"), "with --network the seed alone is enough"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    dream: Any, own: str, tmp_path: Path, words: tuple[str, ...], complaint: str
) -> None:
    file = tmp_path / "own.onnx"
    assert complaint in dream("export", "--network", own, *words, "-o", file).error
    assert not list(tmp_path.glob("*.onnx*"))


def test_options_that_exclude_each_other(dream: Any, own: str, tmp_path: Path) -> None:
    file = tmp_path / "own.onnx"
    assert "--mean is for a network" in dream("export", "--mean", "0,0,0", "-o", file).error
    refused = dream("layers", "--network", own, "--weights", "bvlc").error
    assert "leave --weights and --architecture out" in refused
