"""PyTorch as it is measured: the same gradient and the same dream as ONNX Runtime."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from ort_deepdream import DreamError, Settings
from ort_deepdream.engine.machine.cores import default_threads
from ort_deepdream.measure.contenders.contender import ContenderSpec
from ort_deepdream.measure.contenders.onnx_runtime import OnnxRuntimeContender
from ort_deepdream.measure.contenders.pytorch import PyTorchContender, use_threads
from ort_deepdream.measure.libraries import OURS, TORCH
from ort_deepdream.measure.plan import plan_torch
from ort_deepdream.weights.builtin import shipped_file

LAYER = "conv2/3x3"
SETTINGS = Settings(iterations=2, octaves=2, seed=3)


@pytest.fixture(scope="module")
def rgb():
    return np.random.default_rng(0).uniform(0, 255, (33, 40, 3)).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def contenders():
    model = str(shipped_file(LAYER, "cpu"))
    ours = OnnxRuntimeContender(ContenderSpec(OURS, model, "cpu", 1, SETTINGS))
    return ours, PyTorchContender(ContenderSpec(TORCH, model, "cpu", 1, SETTINGS))


def test_the_gradients_are_equal_in_every_way_to_write_the_step(contenders, rgb):
    ours, theirs = contenders
    expected = ours.gradient(rgb)()
    assert len(theirs.ways) == 4
    for way in theirs.ways:
        theirs.chosen[rgb.shape] = way
        error = np.linalg.norm(theirs.gradient(rgb)() - expected) / np.linalg.norm(expected)
        assert error < 1e-5, way
    del theirs.chosen[rgb.shape]


def test_the_dreams_are_equal(contenders, rgb):
    heard = []
    ours, theirs = contenders
    expected = ours.dream(rgb, SETTINGS, lambda at: None)
    found = theirs.dream(rgb, SETTINGS, lambda at: heard.append(at.iteration))
    assert np.abs(expected - rgb).mean() > 1
    assert np.abs(found - expected).max() < 0.01
    assert heard == [1, 2, 1, 2]


def test_the_quickest_way_is_taken_and_told(contenders, rgb):
    _, theirs = contenders
    theirs.step(rgb)()
    assert theirs.chosen[rgb.shape] in theirs.ways
    assert theirs.about()["options"]["way"] in map(str, theirs.ways)


def test_a_way_that_is_asked_for_is_the_only_one():
    model = str(shipped_file(LAYER, "cpu"))
    options = {"way": "NHWC, own LRN"}
    found = PyTorchContender(ContenderSpec(TORCH, model, "cpu", 1, SETTINGS, options=options))
    assert list(map(str, found.ways)) == ["NHWC, own LRN"]
    assert found.about()["options"] == options
    options = {"way": "NHWC, LRN"}
    with pytest.raises(DreamError, match="is not written 'NHWC, LRN': did you mean NHWC, own LRN"):
        PyTorchContender(ContenderSpec(TORCH, model, "cpu", 1, SETTINGS, options=options))


def test_what_torch_cannot_do_is_said(tmp_path):
    model = str(shipped_file(LAYER, "cpu"))
    if not torch.cuda.is_available():
        with pytest.raises(DreamError, match="sees no GPU"):
            PyTorchContender(ContenderSpec(TORCH, model, "cuda", None, SETTINGS))
    with pytest.raises(DreamError, match="cannot be rebuilt"):
        PyTorchContender(ContenderSpec(TORCH, str(tiny(tmp_path)), "cpu", None, SETTINGS))


def tiny(folder: Path) -> Path:
    from gradient_files import write_gradient_file

    return write_gradient_file(folder / "tiny.onnx")


def test_the_contenders(tmp_path):
    path = tiny(tmp_path)
    found = plan_torch((1, 2), lambda target: path, SETTINGS, compiled=True)
    assert [(contender.name, contender.kinds) for contender in found] == [
        ("PyTorch eager, cpu, 1 thread", ("step", "warm")),
        ("PyTorch eager, cpu, 2 threads", ("step", "warm")),
        ("PyTorch eager, cuda", ("step", "warm")),
        ("PyTorch compiled, cpu, 1 thread", ("step",)),
        ("PyTorch compiled, cpu, 2 threads", ("step",)),
        ("PyTorch compiled, cuda", ("step",)),
        ("PyTorch graphed, cuda", ("step",)),
    ]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_pytorch_has_no_more_threads_than_its_cores():
    cores, before = os.sched_getaffinity(0), torch.get_num_threads()
    if default_threads() is not None or len(cores) == 1:
        pytest.skip("less than the machine is granted already, or there is one core")
    torch.set_num_threads(2)
    os.sched_setaffinity(0, [min(cores)])
    try:
        use_threads(None)
        assert torch.get_num_threads() == default_threads() == 1
        use_threads(2)
        assert torch.get_num_threads() == 2
    finally:
        os.sched_setaffinity(0, cores)
        torch.set_num_threads(before)
