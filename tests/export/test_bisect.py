"""A node that computes something else is named: the one that was planted, and no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest

from ort_deepdream.errors import DreamError
from ort_deepdream.export import bisect
from ort_deepdream.export.model_file import export_gradient
from ort_deepdream.export.targets import TARGETS
from ort_deepdream.export.weights import load_weights

Change = Callable[[onnx.NodeProto], None]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bisect") / "good.onnx"
    weights = load_weights("seeded:0")
    ir.save(export_gradient(weights, ["conv2/3x3"], TARGETS["cpu"]), path)
    return path


def values(path: Path, folder: Path) -> dict[str, np.ndarray]:
    image = bisect.picture(path)
    session = onnxruntime.InferenceSession(str(bisect.expose(path, folder)))
    names = [output.name for output in session.get_outputs()]
    return {"image": image, **dict(zip(names, session.run(names, {"image": image}), strict=True))}


def off(path: Path, folder: Path) -> list[bisect.Judged]:
    return [
        node
        for node in bisect.judge_nodes(path, values(path, folder))
        if not node.error <= bisect.LIMIT
    ]


def planted(good: Path, folder: Path, node: str, change: Change) -> Path:
    model = onnx.load(good)
    (found,) = [one for one in model.graph.node if one.name == node]
    change(found)
    path = folder / "bad.onnx"
    onnx.save(model, path)
    return path


def first(path: Path, operator: str, layer: str, backward: bool) -> str:
    """The name of the first node of an operator in a layer."""
    for node, place in bisect._placed(onnx.load(path).graph):
        if place[1:] == (operator, layer, backward):
            return node.name
    raise LookupError(operator)


def test_every_node_of_a_good_file_is_judged_by_a_fresh_export_and_good(good, tmp_path):
    found = list(bisect.judge_nodes(good, values(good, tmp_path)))
    assert max(node.error for node in found) < 1e-5
    assert {node.judge for node in found} == {"a fresh export"}
    assert len(found) >= len(onnx.load(good).graph.node)


def abs_instead(node: onnx.NodeProto) -> None:
    node.op_type = "Abs"
    del node.attribute[:]


@pytest.mark.parametrize(
    ("operator", "layer", "backward"),
    [
        ("Relu", "conv2/3x3_reduce", False),
        pytest.param("Sqrt", "conv1/7x7_s2", False, marks=pytest.mark.slow),
        pytest.param("HardSigmoid", "conv2/3x3_reduce", True, marks=pytest.mark.slow),
    ],
)
def test_a_planted_node_is_the_only_one_that_is_off(good, tmp_path, operator, layer, backward):
    node = first(good, operator, layer, backward)
    (found,) = off(planted(good, tmp_path, node, abs_instead), tmp_path)
    assert (found.node, found.operator, found.layer) == (node, "Abs", layer)
    assert found.backward == backward
    assert found.error > 0.01
    assert f"Abs of {layer}, on the way {'back' if backward else 'there'}" in found.place


def test_between_two_backends_the_first_that_differs_is_the_planted_one(good, tmp_path):
    node = first(good, "Relu", "conv2/3x3_reduce", False)
    bad = planted(good, tmp_path, node, abs_instead)
    ours, theirs = values(bad, tmp_path), values(good, tmp_path)
    found = list(bisect.compare_values(bad, ours, theirs, "other"))
    wrong = [one for one in found if one.error > bisect.LIMIT_BETWEEN]
    assert wrong[0].node == node
    assert len(wrong) > 1  # it reaches what follows
    assert max(one.error for one in bisect.compare_values(good, theirs, theirs, "same")) == 0


def test_another_shape_or_no_number_is_off():
    one = np.ones(3)
    assert bisect.relative_error(one, np.ones((3, 1))) == np.inf
    assert bisect.relative_error(one * np.nan, one) == np.inf
    assert bisect.relative_error(one * 0, one * 0) == 0


def test_what_cannot_be_judged_so_is_told(tmp_path):
    weights = load_weights("seeded:0")
    path = tmp_path / "half.onnx"
    ir.save(export_gradient(weights, ["conv1/7x7_s2"], TARGETS["cuda"], "float16"), path)
    with pytest.raises(DreamError, match=r"half.onnx: is of float16; --bisect judges float32"):
        bisect.picture(path)
