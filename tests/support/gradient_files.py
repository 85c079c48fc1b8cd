"""Tiny gradient files whose gradient is known, written with onnx's own helpers.

The objective is 1/2 sum((A x)^2) over the pixels x of the image, A a matrix [k, 3]: its gradient is
A^T A x. `factor` multiplies the gradient alone, and may be 0, NaN or infinite.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MATRIX = np.array([[1.0, -0.5, 0.25], [0.5, 2.0, -1.0]], np.float32)
MEAN = (104.0, 116.0, 122.0)


def metadata(**changes: Any) -> dict[str, str]:
    """The description of a file; a change to None leaves an entry out."""
    values = {
        "format": "1",
        "architecture": "bvlc",
        "layers": json.dumps([{"layer": "tiny", "channel": None, "weight": 1.0}]),
        "objective": "half_square_sum",
        "stride": "4",
        "preprocessing": json.dumps({"order": [2, 1, 0], "mean": MEAN, "scale": [1.0, 1.0, 1.0]}),
        "weights": json.dumps({"identity": "by hand", "kind": "seeded", "sha256": "0" * 64}),
        "target": "cpu",
        "exporter": "a test",
        "torch": "none",
    }
    changed = {**values, **changes}
    return {f"deepdream.{key}": value for key, value in changed.items() if value is not None}


def _constants_of(factor: float) -> dict[str, np.float32]:
    """Two numbers whose quotient is `factor`: in a file they must be finite."""
    if math.isfinite(factor):
        return {"numerator": np.float32(factor), "denominator": np.float32(1)}
    return {"numerator": np.float32(math.isinf(factor)), "denominator": np.float32(0)}


def write_gradient_file(
    path: Path,
    matrix: NDArray[np.float32] = MATRIX,
    *,
    factor: float = 1.0,
    names: tuple[str, str, str] = ("image", "objective", "gradient"),
    sides: tuple[int | str, int | str] = ("height", "width"),
    **changes: Any,
) -> Path:
    """A gradient file of `matrix` at `path`; `changes` are to its metadata."""
    image, objective, gradient = names
    weight = matrix[:, :, None, None].astype(np.float32)
    constants = {
        "A": weight,
        "At": np.ascontiguousarray(weight.transpose(1, 0, 2, 3)),
        "half": np.float32(0.5),
        **_constants_of(factor),
    }
    nodes = [
        helper.make_node("Conv", [image, "A"], ["Ax"]),
        helper.make_node("Mul", ["Ax", "Ax"], ["squares"]),
        helper.make_node("ReduceSum", ["squares"], ["kept"], keepdims=1),
        helper.make_node("Squeeze", ["kept"], ["total"]),
        helper.make_node("Mul", ["total", "half"], [objective]),
        helper.make_node("Div", ["numerator", "denominator"], ["factor"]),
        helper.make_node("Conv", ["Ax", "At"], ["exact"]),
        helper.make_node("Mul", ["exact", "factor"], [gradient]),
    ]
    shape = [1, 3, *sides]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(image, TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info(objective, TensorProto.FLOAT, []),
            helper.make_tensor_value_info(gradient, TensorProto.FLOAT, shape),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, metadata(**changes))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path


def write_hungry(path: Path) -> Path:
    """A gradient file whose runs ask for more memory than there are addresses."""
    model = onnx.load(write_gradient_file(path))
    (last,) = [node for node in model.graph.node if node.output[0] == "gradient"]
    last.output[0] = "before"
    copies = numpy_helper.from_array(np.array([2**42, 1, 1, 1]), "copies")
    model.graph.initializer.append(copies)
    model.graph.node.extend(
        [
            helper.make_node("Expand", ["before", "copies"], ["too many"], name="expand"),
            helper.make_node("ReduceMax", ["too many", "first"], ["gradient"], keepdims=1),
        ]
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array([0]), "first"))
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
