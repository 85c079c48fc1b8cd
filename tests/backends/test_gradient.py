"""The gradient on this backend against PyTorch's autograd in float64."""

from __future__ import annotations

import numpy as np
import pytest

from ort_deepdream import DreamError, load_model
from ort_deepdream.engine.providers.devices import processor_features

LIMIT = 1e-5  # relative, of a float32 gradient; found: 1e-6 and less
HALF_LIMIT = 0.05  # of a float16 one, for its pools choose among rounded values; found: 0.012
BFLOAT16_LIMIT = 0.2  # eight bits for float16's eleven; `dream verify` compares it with PyTorch's


@pytest.fixture(scope="module")
def models(backend, references):
    """Kept, for on some backends the first run of a size takes most of the time."""
    return {
        name: load_model(references / f"{name}.onnx", backend) for name in ("bvlc", "torchvision")
    }


CASES = (
    "bvlc/45x38/noise",
    "bvlc/45x38/photo",
    "bvlc/37x89/ties",
    "bvlc/33x97/flat",
    "torchvision/37x41/noise",
    "torchvision/37x41/ties",
)


@pytest.mark.parametrize("case", CASES)
def test_gradient_is_pytorchs(case, models, truth, backend):
    model = models[case.partition("/")[0]]
    objective, gradient = model.gradient(truth[f"{case}/image"])
    exact = truth[f"{case}/gradient"]
    error = np.linalg.norm(gradient - exact) / np.linalg.norm(exact)
    print(f"\n{backend.name} {case}: gradient off by {error:.1e}", end="")
    assert error < LIMIT
    assert objective == pytest.approx(float(truth[f"{case}/objective"]), rel=LIMIT)


def test_every_case_is_tested(truth):
    assert {name.rpartition("/")[0] for name in truth} == set(CASES)


def test_float16_is_right_or_refused(backend, references, truth):
    """A device without float16 says so; none computes something else."""
    case = "bvlc/45x38/noise"
    try:
        _, gradient = load_model(references / "half.onnx", backend).gradient(truth[f"{case}/image"])
    except DreamError as refusal:
        # Optional in WebGPU alone.
        if backend.name != "webgpu" or "requires f16 but the device does not" not in str(refusal):
            raise
        print(f"\n{backend.name} float16: not on this device", end="")
        return
    exact = truth[f"{case}/gradient"]
    error = np.linalg.norm(gradient - exact) / np.linalg.norm(exact)
    print(f"\n{backend.name} float16 {case}: gradient off by {error:.1e}", end="")
    assert error < HALF_LIMIT


def test_bfloat16_is_near_and_is_not_float32(backend, references, truth):
    """Where a backend has it; `dream verify --precision bfloat16` judges it."""
    if "bfloat16" not in backend.roundings:
        pytest.skip("this backend has none")
    case = "bvlc/45x38/noise"
    model = load_model(references / "bvlc.onnx", backend.in_precision("bfloat16"))
    assert model.precision == "bfloat16"
    exact = truth[f"{case}/gradient"]
    _, gradient = model.gradient(truth[f"{case}/image"])
    error = np.linalg.norm(gradient - exact) / np.linalg.norm(exact)
    print(f"\n{backend.name} bfloat16 {case}: gradient off by {error:.1e}", end="")
    has_it = "avx512_bf16" in str(processor_features())
    assert error < (BFLOAT16_LIMIT if has_it else LIMIT)
    assert not has_it or error > LIMIT
