"""Networks in float16: as near to float64 as rounded activations let anything be."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import onnx_ir as ir
import pytest
import torch
from graphs import Array, autograd, exported, runner, seeded
from sampled import sampled

from ort_deepdream.errors import DreamError
from ort_deepdream.export.model_file import export_gradient, save
from ort_deepdream.export.objective import objective, parse_term
from ort_deepdream.export.targets import TARGETS
from ort_deepdream.export.verify import HALF_ALWAYS_ALLOWED, HALF_OBJECTIVE_ALLOWED, Row, verify
from ort_deepdream.export.weights import Weights, build_network, load_weights
from ort_deepdream.gradient_format import PREFIX
from ort_deepdream.weights.builtin import WEIGHTS_FILE

FLOAT, HALF = ir.DataType.FLOAT, ir.DataType.FLOAT16
LAYERS = {
    "the first convolution": ("bvlc", ("conv1/7x7_s2",)),
    "LRN": ("bvlc", ("pool1/norm1",)),
    "a block": ("bvlc", ("inception_3a/output",)),
    "before the ReLU": ("bvlc", ("inception_3a/5x5_reduce",)),
    "a channel": ("bvlc", ("inception_3b/output:7",)),
    "two layers": ("bvlc", ("inception_3a/output=0.5", "pool1/norm1=-2")),
    "torchvision": ("torchvision", ("inception3a",)),
}


def in_half(weights: Weights) -> Weights:
    """What a float16 file has of the weights."""
    tensors = {name: tensor.half().float() for name, tensor in weights.tensors.items()}
    return dataclasses.replace(weights, tensors=tensors)


def noise(height: int, width: int, scale: float = 120.0) -> Array:
    random = np.random.default_rng([height, width])
    return random.uniform(-scale, scale, (1, 3, height, width)).astype(np.float32)


def error(found: Array, exact: np.ndarray) -> float:
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


@pytest.mark.parametrize(
    ("target", "name"),
    [*(("portable", name) for name in LAYERS), ("cuda", "a block"), ("cuda", "two layers")],
)
def test_verify_passes(target, name, tmp_path):
    architecture, layers = LAYERS[name]
    path = tmp_path / "half.onnx"
    model = exported(architecture, layers, target, "float16")
    ir.save(model, path)
    rows = list(verify(path, runner(model), sizes=((45, 38), (63, 41))))
    for row in rows:
        assert row.passed, row
    assert {row.precision for row in rows} == {"float16"}


def test_without_choices_the_error_is_float16s_own():
    """A layer that nothing is pooled or rectified before: a few roundings of 5e-4 each."""
    weights = in_half(seeded())
    network = build_network(weights).double()
    exact = objective(network, [parse_term("conv1/7x7_s2", weights.architecture)])
    run = runner(exported("bvlc", ("conv1/7x7_s2",), "portable", "float16"))
    value, gradient = run(noise(45, 38))
    true_value, true_gradient = autograd(exact, noise(45, 38))
    assert error(gradient, true_gradient) < 5e-4
    assert value == pytest.approx(true_value, rel=1e-4)


def test_squares_that_float16_cannot_hold():
    """Seeded activations reach 400; LRN squares them, and so does the objective."""
    weights = in_half(seeded())
    network = build_network(weights).double()
    image = noise(45, 38)
    with torch.no_grad():
        first = next(value for _, value in network.layers(torch.from_numpy(image).double()))
    assert float((first**2).max()) > float(np.finfo(np.float16).max)
    exact = objective(network, [parse_term("pool1/norm1", weights.architecture)])
    value, gradient = runner(exported("bvlc", ("pool1/norm1",), "portable", "float16"))(image)
    true_value, true_gradient = autograd(exact, image)
    assert value == pytest.approx(true_value, rel=HALF_OBJECTIVE_ALLOWED)
    assert error(gradient, true_gradient) < HALF_ALWAYS_ALLOWED


@pytest.mark.parametrize("weight", [1e-9, 1e9])
def test_the_seed_scales_what_float16_could_not_hold(weight):
    """The objective's weight changes the gradient by as much, and nothing else."""
    image = noise(45, 38)
    plain, weighted = (
        runner(exported("bvlc", (f"inception_3a/output={w}",), "portable", "float16"))(image)
        for w in (1, weight)
    )
    assert np.isfinite(weighted[1]).all()
    np.testing.assert_allclose(weighted[1] / weight, plain[1], rtol=1e-3, atol=1e-3)
    assert weighted[0] / weight == pytest.approx(plain[0], rel=1e-5)


def test_a_silent_layer_has_no_gradient():
    """And no 0/0: every activation of a layer whose biases are far below zero."""
    weights = seeded()
    low = {"conv1/7x7_s2.bias": torch.full((64,), -6e4)}
    silenced = dataclasses.replace(weights, tensors={**weights.tensors, **low})
    model = export_gradient(silenced, ["conv1/relu_7x7"], TARGETS["portable"], "float16")
    value, gradient = runner(model)(noise(33, 32))
    assert value == 0
    assert not gradient.any()


@pytest.mark.parametrize("target", ["portable", "cuda"])
def test_what_is_float16_and_what_is_not(target):
    model = exported("bvlc", ("inception_3a/output",), target, "float16")
    assert model.metadata_props[PREFIX + "precision"] == "float16"
    assert [value.dtype for value in model.graph.inputs] == [FLOAT]
    assert [value.dtype for value in model.graph.outputs] == [FLOAT, FLOAT]
    weights = {
        name: value.dtype
        for name, value in model.graph.initializers.items()
        if name.endswith((".weight", ".bias"))
    }
    assert len(weights) > 10
    assert set(weights.values()) == {HALF}
    convolved = [node.outputs[0].dtype for node in model.graph if node.op_type == "Conv"]
    bands = 2 if target == "cuda" else sum(n.endswith(".band") for n in model.graph.initializers)
    assert convolved.count(FLOAT) == 2 * bands  # forwards and backwards
    assert convolved.count(HALF) > 10


def test_cuda_looks_for_maxima_in_one_channel_at_a_time():
    """Then an element has the same number with the channels first and last."""
    model = exported("bvlc", ("inception_3a/output",), "cuda", "float16")
    assert model.metadata_props[PREFIX + "any_layout"] == "true"
    asked = [node for node in model.graph if node.op_type == "MaxPool" and len(node.outputs) == 2]
    assert len(asked) == 6  # two for each pool, with a stride and without
    for node in asked:
        read = node.inputs[0]
        while read.producer().op_type in ("Cast", "MaxPool"):
            read = read.producer().inputs[0]
        assert read.producer().op_type == "Reshape"
        shape = read.producer().inputs[1].const_value.numpy()
        assert list(shape[1:]) == [1, 0, 0]


def test_a_float32_file_says_nothing_of_precision():
    model = exported("bvlc", ("inception_3a/output",), "portable")
    assert PREFIX + "precision" not in model.metadata_props
    assert HALF not in {value.dtype for value in model.graph.initializers.values()}


def test_weights_beyond_float16_are_refused():
    weights = seeded()
    large = {"conv1/7x7_s2.weight": weights.tensors["conv1/7x7_s2.weight"] * 1e6}
    changed = dataclasses.replace(weights, tensors={**weights.tensors, **large})
    with pytest.raises(DreamError, match=r"conv1/7x7_s2\.weight reach .* --precision float32"):
        export_gradient(changed, ["conv1/7x7_s2"], TARGETS["portable"], "float16")


def test_the_cpu_target_has_no_float16():
    with pytest.raises(DreamError, match="cpu has no precision float16, only float32"):
        export_gradient(seeded(), ["conv1/7x7_s2"], TARGETS["cpu"], "float16")


def test_a_wrong_gradient_fails(tmp_path):
    """The limit is wide, but what is wrong by as much as the gradient itself is beyond it."""
    path = tmp_path / "half.onnx"
    model = exported("bvlc", ("inception_3a/output",), "portable", "float16")
    ir.save(model, path)
    run = runner(model)

    def turned(image: Array) -> tuple[float, Array]:
        value, gradient = run(image)
        return value, gradient[..., ::-1]

    def more(image: Array) -> tuple[float, Array]:
        value, gradient = run(image)
        return value * 1.02, gradient

    for wrong in (turned, more):
        noise_rows = [
            row for row in verify(path, wrong, sizes=((45, 38),)) if row.picture == "noise"
        ]
        assert noise_rows
        assert not any(row.passed for row in noise_rows)


def test_nan_fails():
    row = Row(32, 32, "noise", 0.0, float("nan"), 0.0, float("nan"), precision="float16")
    assert not row.passed


@functools.cache
def trained(target: str, layer: str) -> ir.Model:
    weights = load_weights(str(WEIGHTS_FILE))
    return export_gradient(weights, [layer], TARGETS[target], "float16")


@pytest.mark.parametrize(
    ("target", "layer", "size"),
    sampled(
        [
            (target, layer, size)
            for target, layer in (
                ("portable", "inception_4c/output"),
                ("portable", "inception_5b/output"),
                ("cuda", "inception_4c/output"),
            )
            for size in ((158, 182), (97, 211))  # (height, width)
        ],
        lambda target, layer, size: (target, size) == ("portable", (97, 211)) and "4c" in layer,
    ),
)
def test_trained_weights(target, layer, size, tmp_path):
    """Of 5b some activations are below -65504: they become -inf, and the ReLU's zero."""
    model = trained(target, layer)
    path = tmp_path / "half.onnx"
    save(model, path)
    rows = list(verify(path, runner(model), sizes=[size]))
    # Of a few pixels one choice of a pool is a tenth of the gradient, and each target rounds in its
    # own way: what the smallest picture has to say is said of the portable one.
    judged = [row for row in rows if target == "portable" or (row.height, row.width) == size]
    assert len(judged) >= 3
    for row in judged:
        assert row.passed, row
