"""`dream run --guide`: what it stores, what it refuses; and files that are exported for it."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ort_deepdream import read_metadata, read_picture

QUICK = ["--iterations", 1, "--octaves", 1, "--backend", "cpu", "--threads", 1, "--seed", 3]
LAYER = "conv2/3x3"


@pytest.fixture
def guide(photo: Path) -> Path:
    path = photo.with_name("flowers.png")
    pixels = np.random.default_rng(5).integers(0, 256, (40, 52, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def quick(dream, photo, monkeypatch) -> Callable[..., object]:
    """`dream run` with seeded weights, quickly."""
    monkeypatch.chdir(photo.parent)
    return lambda *words: dream("run", photo, "--weights", "seeded:0", *QUICK, *words)


def test_it_is_stored_and_made_again(quick, dream, guide):
    outcome = quick("--guide", guide, "-l", LAYER, "-o", "led.png")
    assert outcome.exit_code == 0, outcome.stderr
    stored = read_metadata("led.png")
    assert stored["deepdream.guide"] == "flowers.png"
    assert stored["deepdream.guide_sha256"] == hashlib.sha256(guide.read_bytes()).hexdigest()
    assert json.loads(stored["deepdream.guide_layers"]) == [LAYER]
    words = shlex.split(stored["deepdream.command"])[1:]
    assert {"--guide=flowers.png", f"--guide-layer={LAYER}"} < {*words}
    assert not [word for word in words if word.startswith("--layer")]
    assert dream(*words, "-o", "again.png").exit_code == 0
    assert (read_picture("again.png").rgb == read_picture("led.png").rgb).all()
    assert quick("-l", LAYER, "-o", "plain.png").exit_code == 0
    assert (read_picture("plain.png").rgb != read_picture("led.png").rgb).any()
    assert "deepdream.guide" not in read_metadata("plain.png")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--guide-layer", LAYER], "--guide-layer says where a guide leads; name the guide with"),
        (["--guide", "none.png"], "none.png: there is no such file"),
        (["--guide", "words.txt"], "words.txt: not a picture that can be read"),
        (["--guide", "tiny.png"], "the guide is 9x15 pixels, too small for inception_4c/output: b"),
        (["--guide", "tiny.png", "-l", f"{LAYER}:3"], f"{LAYER}:3: a guide leads a whole layer;"),
        (["--guide", "tiny.png", "-l", "conv9"], "has no layer 'conv9'"),
        (["--guide", "tiny.png", "-l", LAYER, "-l", LAYER], f"a guide leads {LAYER} once; name"),
        (["--guide", "tiny.png", "-o", "tiny.png"], "tiny.png"),
    ],
)
def test_what_is_refused(quick, photo, words, message):
    Path("words.txt").write_text("no picture")
    Image.new("RGB", (9, 15)).save("tiny.png")
    before = {path.name: path.read_bytes() for path in photo.parent.iterdir() if path.is_file()}
    assert message in quick(*words).error
    assert before == {p.name: p.read_bytes() for p in photo.parent.iterdir() if p.is_file()}


def test_a_file_is_for_dreams_with_a_guide_or_for_those_without(dream, photo, guide, model):
    refused = dream("run", photo, "--model", model, "--guide", guide, *QUICK).error
    assert "3a.onnx: is for dreams without a guide; name the layer with --guide-layer" in refused
    excluded = dream("run", photo, "--model", model, "--guide", guide, "--guide-layer", LAYER).error
    assert "--model and --guide-layer exclude each other" in excluded


@pytest.mark.slow
def test_an_exported_file_is_verified_and_dreams(dream, photo, guide):
    path = photo.with_name("led.onnx")
    words = ["--weights", "seeded:0", "--guide-layer", "pool1/3x3_s2", "-o", path]
    made = dream("export", *words)
    assert made.exit_code == 0, made.stderr
    assert ", pool1/3x3_s2, seeded:0 " in made.stdout
    checked = dream("verify", path)
    assert checked.exit_code == 0, checked.stdout
    done = dream("run", photo, "--model", path, "--guide", guide, *QUICK)
    assert done.exit_code == 0, done.stderr
    unmeasured = dream("bench", photo, "--model", path).error
    assert "led.onnx: is for dreams with a guide, and those are not measured" in unmeasured
    refused = dream("run", photo, "--model", path, *QUICK).error
    assert "led.onnx: is for dreams with a guide; name a picture with --guide" in refused
