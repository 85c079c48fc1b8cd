"""A wrong gradient is a failed benchmark, whatever its speed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from benchmarks import base
from benchmarks.correctness import GradientError, PictureDifference
from benchmarks.dreams import check_dream
from benchmarks.steps import Gradient, check_ascent


def tampered(prepared: base.Prepared, folder: Path, factor: float) -> base.Prepared:
    """With a gradient file for the CPU whose gradient is `factor` times the true one."""
    model = onnx.load(prepared.models["cpu"])
    for node in model.graph.node:
        for number, name in enumerate(node.output):
            if name == "gradient":
                node.output[number] = "true_gradient"
    # No weight of the file, for those must be finite.
    constant = helper.make_node("Constant", [], ["tampered_factor"], value_float=float(factor))
    product = helper.make_node("Mul", ["true_gradient", "tampered_factor"], ["gradient"])
    model.graph.node.extend([constant, product])
    (seal,) = [entry for entry in model.metadata_props if entry.key == "deepdream.sha256"]
    model.metadata_props.remove(seal)
    path = folder / "tampered.onnx"
    onnx.save(model, path)
    return dataclasses.replace(prepared, models={**prepared.models, "cpu": str(path)})


def test_the_true_gradient_passes(prepared):
    assert GradientError().track_error(prepared, "cpu", 64) < 1e-4


def test_a_gradient_that_is_off_by_a_twentieth_fails(prepared, tmp_path):
    with pytest.raises(AssertionError, match=r"the gradient is off by 0\.05"):
        GradientError().track_error(tampered(prepared, tmp_path, 1.05), "cpu", 64)


@pytest.mark.parametrize(("factor", "what"), [(0, "is zero"), (np.nan, "is not finite")])
def test_a_step_without_work_is_no_timing(prepared, tmp_path, factor, what):
    timed = Gradient()
    wrong = tampered(prepared, tmp_path, factor)
    timed.setup(wrong, "cpu", 64)
    timed.time_step(wrong, "cpu", 64)
    with pytest.raises(AssertionError, match=what):
        timed.teardown(wrong, "cpu", 64)


def test_dreams_of_a_reversed_gradient_differ(prepared, tmp_path):
    with pytest.raises(AssertionError, match="levels apart"):
        PictureDifference().track_difference(tampered(prepared, tmp_path, -1), "cpu")


def test_a_provider_that_ran_nothing_fails(prepared):
    elsewhere = {"cpu": {"AzureExecutionProvider": 400}}
    with pytest.raises(AssertionError, match="CPUExecutionProvider was asked for"):
        Gradient().setup(dataclasses.replace(prepared, placement=elsewhere), "cpu", 64)


def test_a_gradient_of_another_shape_fails():
    image = np.ones((1, 3, 8, 8), np.float32)
    with pytest.raises(AssertionError, match="of an image"):
        base.check_gradient(image, 1.0, image[..., :4])


@pytest.mark.parametrize(("objective", "mean"), [(np.nan, 1), (0, 1), (1, 0), (1, np.inf)])
def test_a_fused_step_without_work_fails(objective, mean):
    with pytest.raises(AssertionError):
        check_ascent(objective, mean)


def test_a_dream_that_is_the_photograph_fails(prepared):
    import ort_deepdream

    rgb = base.photo(64, 64)
    model = base.loaded(prepared.model("cpu"), "cpu")
    still = ort_deepdream.dream(model, rgb, ort_deepdream.Settings(step=0, iterations=1, seed=0))
    with pytest.raises(AssertionError, match="is the photograph"):
        check_dream(rgb, still)
