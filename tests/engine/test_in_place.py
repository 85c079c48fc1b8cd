"""Names for shapes in an optimised graph: the right ones, and ONNX Runtime computes in place."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from ort_deepdream import DreamError, load_model
from ort_deepdream.engine.providers.devices import processor_features
from ort_deepdream.engine.sessions.in_place import BLOCKED, shape_names
from ort_deepdream.engine.sessions.session import OPTIMISED
from ort_deepdream.weights.builtin import shipped_model

ALLOCATIONS = Path(__file__).parents[1] / "support" / "allocations.c"

# Two steps of the graph in argv[1] with every value of its own allocated, the second one counted.
COUNT = """
import ctypes, sys
import numpy as np, onnxruntime
options = onnxruntime.SessionOptions()
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
options.enable_mem_pattern = options.enable_mem_reuse = options.enable_cpu_mem_arena = False
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
asked_for = ctypes.c_long.in_dll(ctypes.CDLL(None), "asked_for")
feed = {"image": np.ones((1, 3, 96, 96)), "length": 1, "low": [[[[-9]]] * 3],
        "high": [[[[9]]] * 3], "rows": range(96), "columns": range(96)}
feed = {name: np.array(value, "i8" if name in ("rows", "columns") else "f4")
        for name, value in feed.items()}
session.run(["next"], feed)
before = asked_for.value
session.run(["next"], feed)
print(asked_for.value - before)
"""


def blocked(op_type: str, inputs: list[str], output: str) -> onnx.NodeProto:
    return helper.make_node(op_type, inputs, [output], domain=BLOCKED)


def named(*nodes: onnx.NodeProto) -> dict[str, list[str]]:
    """Return the names that the values of a graph get."""
    content = helper.make_model(helper.make_graph(nodes, "g", [], [])).SerializeToString()
    model = onnx.load_from_string(content + shape_names(content))
    assert len(model.graph.node) == len(nodes)
    return {
        value.name: [dim.dim_param for dim in value.type.tensor_type.shape.dim]
        for value in model.graph.value_info
        if value.type.tensor_type.elem_type == TensorProto.FLOAT
    }


def test_what_is_added_up_is_of_one_shape_and_nothing_else_is():
    shapes = named(
        blocked("ReorderInput", ["x"], "a"),
        blocked("Conv", ["a", "w"], "b"),
        blocked("Conv", ["a", "w", "", "b"], "c"),  # two sums that follow one another
        blocked("Conv", ["a", "w", "bias", "c"], "d"),
        blocked("MaxPool", ["d"], "e"),
        helper.make_node("HardSigmoid", ["e"], ["f"]),
        helper.make_node("Concat", ["f", "e"], ["g"], axis=1),
        helper.make_node("Mul", ["g", "e"], ["h"]),
        blocked("ReorderOutput", ["h"], "y"),
        helper.make_node("Mul", ["y", "scalar"], ["z"]),
    )
    assert shapes["b"] == shapes["c"] == shapes["d"]
    assert shapes["e"] == shapes["f"]
    assert shapes["g"] == shapes["h"] == shapes["e"]  # Mul has none but equal ones in blocks
    assert all(len(set(shape)) == 4 for shape in shapes.values())
    assert not set(shapes["b"]) & set(shapes["e"])
    assert shapes.keys() == set("bcdefgh")


def test_groups_that_meet_late_are_one():
    shapes = named(
        blocked("Conv", ["x", "w", "", "a"], "b"),
        blocked("Conv", ["x", "w", "", "c"], "d"),
        helper.make_node("Add", ["b", "d"], ["e"]),
    )
    assert len({tuple(shape) for shape in shapes.values()}) == 1
    assert shapes.keys() == set("abcde")


def test_what_is_no_model_is_refused():
    with pytest.raises(DreamError, match="truncated"):
        shape_names(b"\x3a\x7f")


@pytest.mark.skipif(processor_features() is None, reason="graphs are kept on Linux alone")
@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_onnx_runtime_computes_in_place(tmp_path):
    """A sum that is copied asks for memory of its own."""
    path = shipped_model("conv2/3x3", "cpu")
    assert path is not None
    load_model(path, "cpu", graph_cache=tmp_path / "kept")
    (folder,) = (tmp_path / "kept").iterdir()
    kept, plain = folder / OPTIMISED, folder / "plain.onnx"
    model = onnx.load(kept, load_external_data=False)
    while model.graph.value_info and "blocks_" in str(model.graph.value_info[-1]):
        model.graph.value_info.pop()
    onnx.save(model, plain)
    library = tmp_path / "allocations.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, ALLOCATIONS], check=True)

    def asked_for(graph: Path) -> int:
        command = [sys.executable, "-c", COUNT, str(graph)]
        environment = {"LD_PRELOAD": str(library)}
        return int(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)

    with_names, without = asked_for(kept), asked_for(plain)
    assert with_names < 0.9 * without, (with_names, without)
