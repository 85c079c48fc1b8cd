"""The comparison with PyTorch: complete, refuses contenders that are wrong, counts operations."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from graphs import seeded
from PIL import Image

from ort_deepdream import DreamError, Settings, dream, load_model
from ort_deepdream.export.network import new_network
from ort_deepdream.measure import limits
from ort_deepdream.measure.contenders.torch_step import (
    Objective,
    TorchAscent,
    gradient_of,
    parse_way,
    tuned,
)
from ort_deepdream.measure.contenders.torch_step import dream as dream_in_torch
from ort_deepdream.measure.pictures import parse_size, resize_photo
from ort_deepdream.weights.architectures import ARCHITECTURES
from scripts import compare_commands as commands
from scripts import compare_torch as compare
from scripts import torch_contenders, torch_dream

from .conftest import LAYER

BVLC = ARCHITECTURES["bvlc"]
SMALL = parse_size("40x33")


@pytest.fixture
def words(gradient_file):
    """What is asked of the script: a small picture, little time."""
    words = ["--layer", LAYER, "--model", gradient_file, "--size", "40x33"]
    words += ["--rounds", "2", "--seconds", "0", "--threads", "1"]
    return [str(word) for word in words]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(limits, "SIDES", (64,))
    monkeypatch.setattr(compare, "HEATS", 1)
    monkeypatch.setattr(commands, "MEMORY_ROUNDS", 1)
    monkeypatch.setattr(commands, "MEMORY_SIDE", 64)


def options(**changes):
    return torch_contenders.Options(
        **{"threads": 1, "seconds": 0, "rounds": 1, "contender": ""} | changes
    )


def test_the_table_fits_80_columns_and_the_json_is_complete(words, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / "result.json"
    compare.main([*words, "--contender", "NHWC, banded", "-o", str(path)])
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert "eager NHWC, banded LRN" in text
    result = json.loads(path.read_text())
    machine = result["environment"]
    for key in ("processor", "cores", "memory", "system", "python"):
        assert machine[key]
    for package in ("torch", "numpy"):
        assert machine["packages"][package][0].isdigit()
    assert result["threads"] == 1
    assert result["model"]["layer"] == LAYER
    assert set(result["peak_flop_per_s"]) == {"torch", "onnxruntime"}
    (step,) = result["steps"]
    assert (step["width"], step["height"]) == (40, 33)
    assert (step["heats"], step["rounds"]) == (1, 2)
    assert len(step["results"]) == 4  # ours three times, theirs once
    for row in step["results"].values():
        assert len(row["samples_s"]) == 2
        assert row["low_s"] <= row["median_s"] <= row["high_s"]
        assert row["relative_error"] < 1e-4
    assert set(step["over"]) == {compare.ONE_SIZE, compare.ANY_SIZE, compare.ENGINE}
    for groups in step["over"].values():
        assert groups["any"]["low"] <= groups["any"]["high"]


def test_each_heat_has_new_processes_and_its_share_of_the_rounds(
    gradient_file, tmp_path, monkeypatch
):
    monkeypatch.setattr(compare, "HEATS", 2)
    three = {
        compare.ONE_SIZE: torch_contenders.ours(gradient_file, 1, default_session=True),
        compare.ANY_SIZE: torch_contenders.ours(gradient_file, 1, default_session=True),
        compare.ENGINE: torch_contenders.ours(gradient_file, 1),
    }
    step = compare.compare_step(three, SMALL, options(compile=False, rounds=4), tmp_path)
    assert (step["heats"], step["rounds"]) == (2, 4)
    assert [len(row["samples_s"]) for row in step["results"].values()] == [4, 4, 4]


def test_a_gradient_that_is_another_ends_the_comparison(gradient_file, tmp_path):
    """The file for this size is of seeded:1, the one for any size of seeded:0."""
    other = compare.exported(compare.load_weights("seeded:1"), LAYER, tmp_path, SMALL)
    wrong = {
        compare.ONE_SIZE: torch_contenders.ours(other, 1, default_session=True),
        compare.ANY_SIZE: torch_contenders.ours(gradient_file, 1),
    }
    with pytest.raises(DreamError, match="any size: its gradient differs from ours"):
        compare.compare_step(wrong, SMALL, options(compile=False), tmp_path)


@pytest.mark.parametrize("theirs", [0.9, np.nan])
def test_a_gradient_that_is_off_or_not_a_number_is_refused(theirs):
    gradients = {compare.ONE_SIZE: np.ones(3), "theirs": np.full(3, theirs)}
    with pytest.raises(DreamError, match="theirs"):
        compare.gradient_errors(gradients)


def test_a_file_of_other_weights_is_refused(words):
    with pytest.raises(SystemExit, match="not of seeded:1"):
        compare.main([*words, "--weights", "seeded:1"])


def test_a_layer_within_a_block_is_refused():
    network = new_network(BVLC)
    with pytest.raises(DreamError, match="3b/5x5_reduce is one branch of its block"):
        compare.check_layer(network, "inception_3b/5x5_reduce")
    for layer in ("conv1/7x7_s2", "inception_3b/output"):
        compare.check_layer(network, layer)


def test_a_compiled_contender_that_fails_is_left_out_and_no_other(gradient_file, tmp_path):
    absent = torch_contenders.ours(tmp_path / "none.onnx", 1)
    both = {
        compare.ONE_SIZE: torch_contenders.ours(gradient_file, 1, default_session=True),
        "compile": replace(absent, compiled=True),
    }
    photo, o = resize_photo(torch_contenders.SKY, SMALL, tmp_path), options(compile=True)
    heat = compare.run_heat(both, photo, o)
    assert "there is no such file; name a model file" in heat.skipped["compile"]
    assert list(heat.samples) == [compare.ONE_SIZE]
    with pytest.raises(DreamError, match="there is no such file; name a model file"):
        compare.run_heat({**both, "eager": absent}, photo, o)


@pytest.mark.nightly
def test_what_does_not_compile_is_left_out(gradient_file, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", str(tmp_path / "nowhere"))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    o = options(compile=True, contender="compile NCHW, own")
    (name,) = both = torch_contenders.theirs(gradient_file, True, o)
    both[compare.ONE_SIZE] = torch_contenders.ours(gradient_file, 1, default_session=True)
    heat = compare.run_heat(both, resize_photo(torch_contenders.SKY, SMALL, tmp_path), o)
    assert "No working C++ compiler found" in heat.skipped[name]
    assert list(heat.samples) == [compare.ONE_SIZE]


def test_operations_against_a_hand_computed_layer():
    network = new_network(BVLC).requires_grad_(False)
    # 7x7, stride 2, padding 3 on 40x33: 20x17 outputs of 64 channels from 3; forward and backward.
    first = 2 * 2 * 64 * 20 * 17 * 3 * 7 * 7
    assert compare.step_flops(network, "conv1/7x7_s2", SMALL) == first
    # Pooled to 10x8; a 1x1 convolution from 64 channels to 64.
    second = 2 * 2 * 64 * 10 * 8 * 64
    assert compare.step_flops(network, "conv2/3x3_reduce", SMALL) == first + second


def test_every_way_to_write_the_step_is_a_contender(gradient_file):
    found = torch_contenders.theirs(gradient_file, True, options(compile=True))
    assert len(found) == 8
    assert {spec.options["way"] for spec in found.values()} == {
        "NCHW, own LRN",
        "NCHW, banded LRN",
        "NHWC, own LRN",
        "NHWC, banded LRN",
    }
    without_lrn = torch_contenders.theirs(gradient_file, False, options(compile=False))
    assert list(without_lrn) == ["eager NCHW", "eager NHWC"]


def test_a_text_that_no_contender_has_is_refused(words):
    with pytest.raises(SystemExit, match="no contender has 'NWHC' in its name: 'eager NCHW, own"):
        compare.main([*words, "--contender", "NWHC"])


def test_the_torch_dream_is_the_dream_of_the_engine(gradient_file):
    rgb = np.random.default_rng(0).uniform(0, 255, (33, 40, 3)).astype(np.float32)
    words = ["-", "-o", "-", "--weights", "-", "--iterations", "2", "--octaves", "2", "--seed", "5"]
    given = torch_dream.options().parse_args(words)
    settings = torch_dream.settings_of(given)
    assert settings == Settings(iterations=2, octaves=2, seed=5)
    network = new_network(BVLC)
    network.convolutions.load_state_dict(seeded().tensors)
    way = parse_way(given.way, has_lrn=True)
    ascent = TorchAscent(gradient_of(Objective(tuned(network, way), LAYER)), BVLC.preprocessing)
    theirs = dream_in_torch(rgb, ascent, BVLC.preprocessing, settings)
    ours = dream(load_model(gradient_file, "cpu", 1), rgb, settings).rgb
    assert np.abs(ours - rgb).mean() > 1
    assert np.abs(ours - theirs).max() < 0.01


@pytest.mark.nightly
def test_whole_commands_are_compared(gradient_file, tmp_path, monkeypatch, capsys):
    """One way of PyTorch's, one round, and small pictures."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(commands, "SKY", resize_photo(commands.SKY, SMALL, tmp_path))
    weights = compare.load_weights("seeded:0")
    o = options(compile=False, contender="NHWC, banded")
    theirs = torch_contenders.theirs(gradient_file, True, o)
    found = commands.compare_commands(gradient_file, theirs, weights, o, tmp_path)
    (name,) = theirs
    assert set(found["results"]) == {
        commands.FIRST_START,
        compare.OURS,
        name,
        "only `import torch`",
    }
    assert found["psnr_db"][commands.FIRST_START] is None  # the same picture
    assert found["psnr_db"][name] is None or found["psnr_db"][name] > 50
    assert found["memory_over"]["contender"] == name
    assert 0 < found["memory_over"]["value"] < 1.5
    commands.show_commands(compare.Console(highlight=False), found)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert f"of {name}" in text


def test_pictures_that_differ_are_refused(tmp_path):
    for name, level in ((compare.OURS, 100), ("near", 101), ("far", 103)):
        Image.new("RGB", (4, 4), (level, level, level)).save(tmp_path / f"{name}.png")
    found = commands.pictures_alike(tmp_path, [compare.OURS, "near"])
    assert found == {compare.OURS: None, "near": pytest.approx(48.1, abs=0.1)}
    with pytest.raises(DreamError, match=r"far: its dream is alike to ours to 38.6 dB only"):
        commands.pictures_alike(tmp_path, [compare.OURS, "far"])
