"""Guides in shipped graphs: against float64 autograd, and against the notebook's own lines."""

from __future__ import annotations

import shutil
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sampled import sampled

from ort_deepdream import load_model
from ort_deepdream.export.network import Network
from ort_deepdream.export.weights import build_network, load_weights
from ort_deepdream.weights.architectures import ARCHITECTURES
from ort_deepdream.weights.builtin import WEIGHTS_FILE, shipped_file
from ort_deepdream.weights.guiding import guided
from ort_deepdream.weights.joining import join
from ort_deepdream.weights.nearest import Nodes, append_nearest
from ort_deepdream.weights.positions import MOST_POSITIONS, guide_rows, nearest_values, parts
from ort_deepdream.weights.prepared import prepare
from ort_deepdream.weights.rewriting import described
from ort_deepdream.weights.terms import Term
from scripts.ship_models import LAYERS

TARGETS = ("cpu", "cuda", "portable")
GUIDE = (70, 51)  # height and width
IMAGE = (61, 47)
EARLY = [("conv2/3x3", "cpu"), ("inception_3a/output", "portable"), ("inception_3b/output", "cuda")]
OTHERS = [(layer, target) for layer in LAYERS for target in TARGETS if (layer, target) not in EARLY]

Double = NDArray[np.float64]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Has the shipped weights, for gradient files beside them."""
    made = tmp_path_factory.mktemp("guided")
    shutil.copy(WEIGHTS_FILE, made)
    return made


def written(folder: Path, layer: str, target: str, weight: float = 1.0) -> Path:
    path = folder / "guided.onnx"
    shape = ARCHITECTURES["bvlc"].layers[layer]
    path.write_bytes(
        guided(shipped_file(layer, target).read_bytes(), Term(layer, None, weight), shape)
    )
    return path


@cache
def network(source: str) -> Network:
    return build_network(load_weights(source)).double()


def activation(source: str, layer: str, image: torch.Tensor) -> torch.Tensor:
    return next(value for name, value in network(source).layers(image) if name == layer)


def notebooks_diff(x: Double, y: Double) -> Double:
    """Its objective_guide, line by line: dst.data[0] and guide_features in, dst.diff[0] out."""
    ch = x.shape[0]
    shape = x.shape
    x = x.reshape(ch, -1)
    y = y.reshape(ch, -1)
    products = x.T.dot(y)
    return y[:, products.argmax(1)].reshape(shape)


def assert_as_in_float64(path: Path, source: str, layer: str, weight: float) -> None:
    """By autograd of sum_i max_j x_i . y_j, and by the notebook's lines taken back by autograd."""
    random = np.random.default_rng(7)
    guide = random.uniform(0, 255, (*GUIDE, 3)).astype(np.float32)
    model = load_model(path, "cpu", threads=1).with_guide(guide)
    scale = np.float32(model.info.scale.mean())
    image = random.uniform(-100, 100, (1, 3, *IMAGE)).astype(np.float32) * scale
    objective, gradient = model.gradient(image)

    there = torch.tensor(model.preprocess(guide), dtype=torch.float64)
    y = activation(source, layer, there).detach()[0]
    here = torch.tensor(image, dtype=torch.float64, requires_grad=True)
    x = activation(source, layer, here)[0]
    true = weight * (x.flatten(1).T @ y.flatten(1)).amax(1).sum()
    (by_autograd,) = torch.autograd.grad(true, here, retain_graph=True)
    diff = torch.tensor(weight * notebooks_diff(x.detach().numpy(), y.numpy()))
    (by_notebook,) = torch.autograd.grad(x, here, diff)
    for truth in (by_autograd.numpy(), by_notebook.numpy()):
        assert np.linalg.norm(gradient - truth) <= 5e-6 * np.linalg.norm(truth)
        assert np.linalg.norm(truth) > 0
    assert objective == pytest.approx(true.item(), rel=1e-5)


@pytest.mark.parametrize(("layer", "target"), EARLY)
def test_the_gradient(layer: str, target: str, folder: Path) -> None:
    assert_as_in_float64(written(folder, layer, target, 0.5), str(WEIGHTS_FILE), layer, 0.5)


@pytest.mark.parametrize(
    ("layer", "target"),
    sampled(OTHERS, lambda layer, target: LAYERS.index(layer) % 3 == TARGETS.index(target)),
)
def test_the_gradient_at_every_layer(layer: str, target: str, folder: Path) -> None:
    assert_as_in_float64(written(folder, layer, target), str(WEIGHTS_FILE), layer, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_the_gradient_of_other_weights(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORT_DEEPDREAM_CACHE", str(tmp_path))
    source, layer = "seeded:1:torchvision", "inception_3b/output"
    shipped = shipped_file(layer, target, "torchvision")
    shape = ARCHITECTURES["torchvision"].layers[layer]
    path = join(shipped, prepare(source), [Term(layer)], shape)
    assert path == join(shipped, prepare(source), [Term(layer)], shape)
    assert path != join(shipped, prepare(source), [Term(layer)])
    assert_as_in_float64(path, source, layer, 1.0)


def test_it_is_onnx_and_says_what_it_is(folder: Path) -> None:
    path = written(folder, "conv2/3x3", "cpu", 2)
    onnx.checker.check_model(path, full_check=True)
    info = load_model(path, "cpu").info
    (led,) = info.guides
    assert info.layers == ("conv2/3x3=2",)
    assert (led.name, led.channels, led.stride, led.parts) == ("conv2/3x3", 192, 4, 16)
    graph = onnx.load(path, load_external_data=False).graph
    assert [value.name for value in graph.input][1:] == ["guide/conv2/3x3", "order/conv2/3x3"]
    assert "features/conv2/3x3" in [value.name for value in graph.output]
    used = {name for node in graph.node for name in node.input}
    assert {initializer.name for initializer in graph.initializer} <= used
    needed = used | {value.name for value in graph.output}
    assert not [node.name for node in graph.node if needed.isdisjoint(node.output)]


def test_a_description_is_rewritten_alone() -> None:
    content = shipped_file("conv2/3x3", "cpu").read_bytes()
    assert described(content, {}) == content


# --- the nodes alone, on numbers whose products are equal now and then ----------------------------


def run_nearest(
    x: NDArray[np.float32], rows: NDArray[np.float32], count: int
) -> dict[str, np.ndarray]:
    """Every value of the nodes, for activations [1, C, h, w] and features [positions, C]."""
    nodes = Nodes("n/")
    append_nearest(nodes, "x", "layer", count)
    features, numbers = guide_rows(np.ascontiguousarray(rows.T)[np.newaxis, :, np.newaxis], count)
    feed = {"x": x, "guide/layer": features, "order/layer": numbers}
    wanted = [n.outputs[0] for n in nodes.nodes if n.operator in ("MatMul", "Cast")]
    kinds = [TensorProto.INT64 if "Cast" in name else TensorProto.FLOAT for name in wanted]
    outputs = [(name, TensorProto.FLOAT) for name in nearest_values("layer")]
    graph = helper.make_graph(
        [helper.make_node(n.operator, n.inputs, n.outputs, **n.attributes) for n in nodes.nodes],
        "nearest",
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape) for k, v in feed.items()],
        [
            helper.make_tensor_value_info(name, kind, None)
            for name, kind in [*outputs, *zip(wanted, kinds, strict=True)]
        ],
        [numpy_helper.from_array(value, name) for name, value in nodes.constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


@pytest.mark.parametrize("positions", [1, 7, 16, 37])
@pytest.mark.parametrize("count", [1, 4, 16])
def test_of_equal_products_the_first_is_taken(count: int, positions: int) -> None:
    random = np.random.default_rng(positions)
    x = random.integers(-2, 3, (1, 3, 5, 8)).astype(np.float32)
    rows = random.integers(-2, 3, (positions, 3)).astype(np.float32)
    found = run_nearest(x, rows, count)
    products = rows @ x[0].reshape(3, -1)
    first = products.argmax(0)  # numpy: in case of multiple occurrences the first
    assert ((products == products.max(0)).sum(0) > 1).any() or positions == 1
    ours, largest = nearest_values("layer")
    assert np.array_equal(found[ours], rows[first].T.reshape(x.shape))
    assert np.array_equal(found[largest].ravel(), products.max(0))
    numbers = next(value for name, value in found.items() if "Cast" in name)
    assert np.array_equal(numbers.ravel(), first)


@pytest.mark.parametrize("count", [1, 4])
def test_what_is_not_a_number_finds_some_features_all_the_same(count: int) -> None:
    x = np.full((1, 3, 2, 2), np.nan, np.float32)
    found = run_nearest(x, np.eye(3, dtype=np.float32), count)
    assert np.isfinite(found["nearest/layer"]).all()


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 8, 16, 32])
def test_products_are_bounded_for_each_pixel_of_the_picture(stride: int) -> None:
    """At most 256 bytes, whatever the layer, for a guide with the most positions."""
    units = 64 * 64 / stride**2  # of a picture of 64x64 pixels
    rows = -(-MOST_POSITIONS // parts(stride))
    assert 4 * rows * units / (64 * 64) <= 257


def test_no_more_than_one_part_is_multiplied_at_a_time() -> None:
    """Each product is of a part alone, and waits for what is known of the part before."""
    nodes = Nodes("n/")
    append_nearest(nodes, "x", "layer", 4)
    makers = {name: node for node in nodes.nodes for name in node.outputs}

    def before(name: str) -> set[str]:
        node = makers.get(name)
        return {name}.union(*(before(one) for one in node.inputs)) if node else {name}

    products = [node.outputs[0] for node in nodes.nodes if node.operator == "MatMul"]
    assert len(products) == 4
    for earlier, later in pairwise(products):
        assert earlier in before(later)
    found = run_nearest(np.ones((1, 2, 3, 3), np.float32), np.ones((40, 2), np.float32), 4)
    assert [found[name].shape for name in products] == [(10, 9)] * 4
