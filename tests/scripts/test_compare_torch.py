"""The comparison with PyTorch: complete, refuses rivals that are wrong, counts operations right."""

from __future__ import annotations

import json

import numpy as np
import pytest
from graphs import seeded
from PIL import Image

from ort_deepdream import Settings, dream, load_model
from ort_deepdream.export.googlenet import ARCHITECTURES, BVLC
from ort_deepdream.export.weights import load_weights
from ort_deepdream.measure.pictures import parse_size
from ort_deepdream.measure.torch_step import Objective, TorchAscent, careful_network, gradient_of
from ort_deepdream.measure.torch_step import dream as dream_in_torch
from scripts import compare_torch as compare
from scripts import torch_dream

from .conftest import LAYER

SMALL = parse_size("40x33")


@pytest.fixture
def options(gradient_file):
    words = ["--layer", LAYER, "--model", gradient_file, "--size", "40x33"]
    words += ["--rounds", "2", "--seconds", "0", "--threads", "1"]
    return [str(word) for word in words]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(compare, "PEAK_SIDE", 64)
    monkeypatch.setattr(compare, "HEATS", 1)


def test_the_table_fits_80_columns_and_the_json_is_complete(options, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(compare, "HEATS", 2)
    path = tmp_path / "result.json"
    compare.main([*options, "-o", str(path)])
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert "eager NHWC, banded LRN" in text
    result = json.loads(path.read_text())
    machine = result["environment"]
    for key in ("processor", "cores", "memory", "system", "python", "commit"):
        assert machine[key]
    for package in ("torch", "numpy"):
        assert machine["packages"][package][0].isdigit()
    assert result["threads"] == 1
    assert result["model"]["layer"] == LAYER
    assert set(result["peak_flop_per_s"]) == {"torch", "onnxruntime"}
    (step,) = result["steps"]
    assert (step["width"], step["height"]) == (40, 33)
    assert (step["heats"], step["rounds"]) == (2, 2)
    assert len(step["results"]) == 7  # ours three times, theirs four
    for row in step["results"].values():
        assert len(row["samples_s"]) == 2
        assert row["low_s"] <= row["median_s"] <= row["high_s"]
        assert row["relative_error"] < 1e-4
    assert set(step["over"]) == {compare.ONE_SIZE, compare.ANY_SIZE, compare.ENGINE}
    for groups in step["over"].values():
        assert groups["any"]["low"] <= groups["any"]["high"]


def test_a_gradient_that_is_another_ends_the_comparison(options, gradient_file, tmp_path):
    """The file for any size is of seeded:0, the one for this size and the rivals of seeded:1."""
    chosen = compare.Options("seeded:1", LAYER, 1, 0, 1, "NHWC, own", compile=False)
    other = load_weights("seeded:1")
    with pytest.raises(compare.WrongResultError, match="any size: its gradient differs from ours"):
        compare.compare_step(gradient_file, other, SMALL, chosen, tmp_path)


@pytest.mark.parametrize("theirs", [0.9, np.nan])
def test_a_gradient_that_is_off_or_not_a_number_is_refused(theirs):
    gradients = {compare.ONE_SIZE: np.ones(3), "theirs": np.full(3, theirs)}
    with pytest.raises(compare.WrongResultError, match="theirs"):
        compare.gradient_errors(gradients)


def test_a_file_of_other_weights_is_refused(options):
    with pytest.raises(SystemExit, match="not of seeded:1"):
        compare.main([*options, "--weights", "seeded:1"])


def test_a_layer_within_a_block_is_refused(options):
    with pytest.raises(SystemExit, match="one branch of its block"):
        compare.main([*options, "--layer", "inception_3b/5x5_reduce"])


def test_a_rival_that_does_not_compile_is_left_out(options, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CXX", str(tmp_path / "nowhere"))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    compare.main([*options, "--compile", "--rival", "NCHW, own"])
    said = " ".join(capsys.readouterr().out.split())
    assert "compile NCHW, own LRN: left out: " in said
    assert "No working C++ compiler found" in said


def test_operations_against_a_hand_computed_layer():
    # 7x7, stride 2, padding 3 on 40x33: 20x17 outputs of 64 channels from 3; forward and backward.
    first = 2 * 2 * 64 * 20 * 17 * 3 * 7 * 7
    assert compare.step_flops(BVLC, "conv1/7x7_s2", SMALL) == first
    # Pooled to 10x8; a 1x1 convolution from 64 channels to 64.
    second = 2 * 2 * 64 * 10 * 8 * 64
    assert compare.step_flops(BVLC, "conv2/3x3_reduce", SMALL) == first + second


def test_every_way_to_write_the_step_is_a_rival():
    assert len(compare.rivals(ARCHITECTURES["bvlc"], compiled=True)) == 8
    assert [
        rival.name for rival in compare.rivals(ARCHITECTURES["torchvision"], compiled=False)
    ] == [
        "eager NCHW",
        "eager NHWC",
    ]


def test_a_text_that_no_rival_has_is_refused(options):
    with pytest.raises(SystemExit, match="no rival has 'NWHC' in its name: 'eager NCHW, own LRN'"):
        compare.main([*options, "--rival", "NWHC"])


def test_the_torch_dream_is_the_dream_of_the_engine(gradient_file):
    rgb = np.random.default_rng(0).uniform(0, 255, (33, 40, 3)).astype(np.float32)
    words = ["-", "-o", "-", "--weights", "-", "--iterations", "2", "--octaves", "2", "--seed", "5"]
    options = torch_dream.options().parse_args(words)
    step = gradient_of(Objective(careful_network(BVLC, seeded().tensors), LAYER))
    theirs = dream_in_torch(rgb, TorchAscent(step, BVLC.preprocessing), BVLC.preprocessing, options)
    model = load_model(gradient_file, "cpu", 1)
    ours = dream(model, rgb, Settings(iterations=2, octaves=2, seed=5)).rgb
    assert np.abs(ours - rgb).mean() > 1
    assert np.abs(ours - theirs).max() < 0.01


def test_pictures_that_differ_are_refused(tmp_path):
    for name, level in ((compare.OURS, 100), ("near", 100), ("far", 101)):
        Image.new("RGB", (4, 4), (level, level, level)).save(tmp_path / f"{name}.png")
    found = compare.picture_differences(tmp_path, [compare.OURS, "near"])
    assert found == {compare.OURS: 0, "near": 0}
    with pytest.raises(compare.WrongResultError, match=r"far: its dream is 1.00 levels from ours"):
        compare.picture_differences(tmp_path, [compare.OURS, "far"])
