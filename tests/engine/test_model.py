"""Gradient files: loaded, described, and every wrong one refused in one line."""

from __future__ import annotations

import json
import math
import os
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from gradient_files import MATRIX, write_gradient_file
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from ort_deepdream import DreamError, load_model
from ort_deepdream.engine.settings import THREADS

TORCHVISION = json.dumps({"order": [0, 1, 2], "mean": [127.5] * 3, "scale": [1 / 127.5] * 3})
UNEVEN = json.dumps({"order": [1, 2, 0], "mean": [1.0, 20.0, 300.0], "scale": [0.5, 2.0, 0.01]})


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "model.onnx"


def refusal(path: Path) -> str:
    with pytest.raises(DreamError) as caught:
        load_model(path, "cpu")
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_what_a_file_says_of_itself(path):
    layers = [
        {"layer": "a/b", "channel": None, "weight": 1.0},
        {"layer": "c", "channel": 7, "weight": -0.5},
    ]
    info = load_model(write_gradient_file(path, layers=json.dumps(layers)), "cpu").info
    assert info.architecture == "bvlc"
    assert info.layers == ("a/b", "c:7=-0.5")
    assert (info.stride, info.order, info.target) == (4, (2, 1, 0), "cpu")
    assert info.mean.ravel().tolist() == [104, 116, 122]
    assert info.scale.ravel().tolist() == [1, 1, 1]
    assert (info.weights, info.weights_sha256) == ("by hand", "0" * 64)


def test_a_weight_keeps_all_its_digits(path):
    """The description goes into each picture's metadata, to make it again."""
    layers = [{"layer": "a", "channel": None, "weight": 0.123456789}]
    info = load_model(write_gradient_file(path, layers=json.dumps(layers)), "cpu").info
    assert info.layers == ("a=0.123456789",)


def test_the_gradient(path):
    model = load_model(write_gradient_file(path), "cpu")
    image = np.random.default_rng(0).normal(size=(1, 3, 5, 9)).astype(np.float32)
    objective, gradient = model.gradient(image)
    along = np.einsum("kc,chw->khw", MATRIX, image[0])
    assert isinstance(objective, float)
    assert objective == pytest.approx(0.5 * (along**2).sum(), rel=1e-5)
    np.testing.assert_allclose(gradient[0], np.einsum("kc,khw->chw", MATRIX, along), atol=1e-4)


@pytest.mark.parametrize("preprocessing", [None, TORCHVISION, UNEVEN])
def test_deprocess_is_the_inverse_of_preprocess(path, preprocessing):
    changes = {} if preprocessing is None else {"preprocessing": preprocessing}
    model = load_model(write_gradient_file(path, **changes), "cpu")
    rgb = np.random.default_rng(0).uniform(0, 255, (6, 4, 3)).astype(np.float32)
    image = model.preprocess(rgb)
    assert image.shape == (1, 3, 6, 4)
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    np.testing.assert_allclose(model.deprocess(image), rgb, atol=1e-3)


def test_preprocess_is_the_notebooks(path):
    rgb = np.zeros((2, 2, 3), np.float32)
    rgb[..., 0], rgb[..., 1], rgb[..., 2] = 10, 20, 30
    image = load_model(write_gradient_file(path), "cpu").preprocess(rgb)
    assert image[0, :, 0, 0].tolist() == [30 - 104, 20 - 116, 10 - 122]  # BGR


@pytest.mark.parametrize("preprocessing", [TORCHVISION, UNEVEN])
def test_limits_are_black_and_white(path, preprocessing):
    model = load_model(write_gradient_file(path, preprocessing=preprocessing), "cpu")
    for limit, level in zip(model.limits(), (0, 255), strict=True):
        flat = np.full((1, 1, 3), level, np.float32)
        np.testing.assert_allclose(limit, model.preprocess(flat)[0], rtol=1e-6)


# --- Wrong files ------------------------------------------------------------------------------


def test_no_file(path):
    assert "there is no such file; name a model file" in refusal(path)
    path.mkdir()
    assert "is a folder; name a model file" in refusal(path)


def test_what_is_no_regular_file_or_too_large(path):
    """Neither is read: a device has no end, and a pipe waits for who writes into it."""
    assert "/dev/zero: is a device or a pipe; " in refusal(Path("/dev/zero"))
    os.mkfifo(path)
    assert "is a device or a pipe; " in refusal(path)
    path.unlink()
    with path.open("wb") as stream:
        stream.truncate(100 << 30)
    assert "107,374,182,400 bytes are too many for a model file" in refusal(path)
    path.write_bytes(b"")
    assert "is empty; name a model file, as `dream export` makes it" in refusal(path)


@given(st.binary(max_size=200))
def test_garbage(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("garbage") / "model.onnx"
    path.write_bytes(content)
    refusal(path)


def test_a_truncated_file(path):
    content = write_gradient_file(path).read_bytes()
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        refusal(path)


def test_somebody_elses_onnx(path):
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    other = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [other])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path
    )
    assert "an ONNX file, but not one that `dream export` made" in refusal(path)


def test_another_format(path):
    write_gradient_file(path, format="2")
    assert "has format 2, and this version reads 1; export it again" in refusal(path)


GOOD = {"order": [2, 1, 0], "mean": [1.0, 2.0, 3.0], "scale": [1.0, 1.0, 1.0]}
DAMAGE = [
    *({key: None} for key in ("architecture", "layers", "stride", "preprocessing", "weights")),
    {"target": None},
    {"layers": "{"},
    {"layers": "[]"},
    {"layers": '"text"'},
    {"layers": "[3]"},
    {"layers": '[{"layer": "a", "channel": null, "weight": "x"}]'},
    {"layers": "[" * 90_000},
    *(
        {"layers": json.dumps([{"layer": "a", "channel": None, "weight": 1.0, **change}])}
        for change in (
            {"layer": 5},
            {"layer": ""},
            {"layer": "a b"},
            {"layer": "a:1"},
            {"layer": "a=1"},
            {"layer": "\x1b[31m"},
            {"layer": "\ud800"},
            {"channel": "0"},
            {"channel": -1},
            {"channel": True},
            {"channel": 0.5},
            {"weight": None},
            {"weight": True},
            {"weight": math.nan},
            {"weight": 10**400},
        )
    ),
    {"architecture": "\x1b]0;title\x07"},
    {"target": "cpu\n"},
    {"precision": "\u202e"},
    *(
        {"weights": json.dumps({"identity": "by hand", "sha256": "0" * 64, **change})}
        for change in (
            {"identity": 5},
            {"identity": "\ud800"},
            {"identity": "x" * 2000},
            {"sha256": 5},
            {"sha256": "0" * 63},
            {"sha256": "\ud800" * 64},
            {"beside_sha256": None},
        )
    ),
    {"weights": "[]"},
    {"weights": "{}"},
    {"stride": "4.5x"},
    {"stride": "0"},
    {"stride": "true"},
    {"stride": "4.0"},
    {"stride": "9" * 30},
    {"stride": "-8"},
    {"stride": "Infinity"},
    {"stride": "NaN"},
    {"size": "8"},
    {"size": "[8]"},
    {"size": "null"},
    {"size": "[8.5, 8]"},
    {"size": "[99999999999, 8]"},
    {"size": '"wide"'},
    {"size": "[3, 8]"},  # below the stride
    {"preprocessing": "[]"},
    *(
        {"preprocessing": json.dumps({**GOOD, **change})}
        for change in (
            {"order": [0, 1]},
            {"order": [0, 1, 3]},
            {"order": [0, 0, 1]},
            {"order": [0.5, 1, 2]},
            {"order": [0.0, 1, 2]},
            {"order": [0, True, 2]},
            {"order": 5},
            {"mean": [True, 1.0, 2.0]},
            {"mean": [[1.0], [1.0], [2.0]]},
            {"mean": [1e39, 1.0, 2.0]},
            {"scale": [1e38, 1.0, 1.0]},
            {"scale": [1e-38, 1.0, 1.0]},
            {"order": ["a", "b", "c"]},
            {"mean": [1.0, 2.0]},
            {"mean": ["x", 1.0, 2.0]},
            {"mean": [math.nan, 1.0, 2.0]},
            {"scale": [0.0, 1.0, 1.0]},
            {"scale": [-1.0, 1.0, 1.0]},
            {"scale": [math.inf, 1.0, 1.0]},
        )
    ),
]


@pytest.mark.parametrize("changes", DAMAGE, ids=lambda changes: str(changes)[:60])
def test_a_damaged_description(path, changes):
    write_gradient_file(path, **changes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a second line before the one of the refusal
        found = refusal(path)
    assert "its description is damaged" in found
    assert len(found) < 500


def test_a_long_description(path):
    """JSON of a few megabytes takes gigabytes."""
    write_gradient_file(path, layers="[{}" + ",{}" * 50_000 + "]")
    assert "its description has more than 100,000 bytes" in refusal(path)


@pytest.mark.parametrize(
    "names",
    [
        ("picture", "objective", "gradient"),
        ("image", "loss", "gradient"),
        ("image", "objective", "slope"),
        ("image", "objective", "\x1b[2Jslope\n"),
    ],
)
def test_other_inputs_or_outputs(path, names):
    write_gradient_file(path, names=names)
    said = refusal(path)
    assert "export it again" in said
    assert said.isprintable()


def test_a_file_for_one_size(path):
    model = load_model(write_gradient_file(path, sides=(12, 16), size="[12, 16]"), "cpu")
    assert model.info.size == (12, 16)
    image = np.ones((1, 3, 12, 16), np.float32)
    assert model.gradient(image)[1].shape == image.shape
    with pytest.raises(DreamError, match=r"for pictures of 16x12 pixels alone, not of 12x16; "):
        model.gradient(image.swapaxes(2, 3))


@pytest.mark.parametrize("threads", [0, -1, int(THREADS.most) + 1])
def test_threads_out_of_range(path, threads):
    with pytest.raises(DreamError, match=f"threads must be {THREADS}, not {threads}"):
        load_model(write_gradient_file(path), "cpu", threads=threads)


@pytest.mark.parametrize("threads", [None, 1, 3])
def test_threads(path, threads):
    model = load_model(write_gradient_file(path), "cpu", threads=threads)
    assert model.session(8, 8).run.get_session_options().intra_op_num_threads == (threads or 0)
