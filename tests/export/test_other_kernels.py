"""What can be said of Macs and of DirectML without either: by ONNX Runtime's tables of them.

Nothing here has run there. A node outside its table would be left to the CPU, and the picture be
copied there and back in each step.
"""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from coreml_operators import OPERATORS, without_coreml
from coreml_operators import TABLE as COREML_TABLE
from cuda_kernels import read_kernels, without_kernel
from graphs import exported
from onnx import TensorProto, helper

from ort_deepdream.engine.shaping import step_fragments
from ort_deepdream.step import STAGES
from ort_deepdream.weights.builtin import WEIGHTS_FILE

GRAPHS = Path(__file__).parents[2] / "engine/graphs"
DIRECTML_TABLE = Path(__file__).parent / "data/directml_kernels.json"
DIRECTML = read_kernels(DIRECTML_TABLE)
PORTABLE = sorted(WEIGHTS_FILE.parent.glob("*.portable.onnx"))
SIZE = 97, 130  # height and width: odd and even


def a_step(file: bytes, target: str, stages: tuple[str, ...] = ()) -> bytes:
    return file + step_fragments(target, stages)


@pytest.mark.parametrize("path", PORTABLE, ids=lambda path: path.name.partition(".")[0])
def test_directml_has_every_node_of_a_shipped_step(path: Path) -> None:
    step = onnx.load_from_string(a_step(path.read_bytes(), "portable"))
    assert without_kernel(step, DIRECTML, "DirectML") == []


def test_directml_has_every_node_of_a_shaped_step() -> None:
    step = a_step((GRAPHS / "probe.onnx").read_bytes(), "portable", tuple(STAGES))
    assert without_kernel(onnx.load_from_string(step), DIRECTML, "DirectML") == []


def test_directml_lacks_what_its_table_lacks() -> None:
    node = helper.make_node("Sinh", ["x"], ["y"], name="odd")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in "xy")
    graph = helper.make_graph([node], "one", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    (line,) = without_kernel(model, DIRECTML, "DirectML")
    assert line == "odd: Sinh of version 9 (opset 18) has no DirectML kernel of any version"


def of_one_size(content: bytes, folder: Path) -> onnx.GraphProto:
    """What ONNX Runtime leaves of a graph for any size when it has folded what follows from it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "folded.onnx")
    for name, extent in zip(("height", "width"), SIZE, strict=True):
        options.add_free_dimension_override_by_name(name, extent)
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return onnx.load(folder / "folded.onnx").graph


@pytest.mark.parametrize(
    "layer",
    [
        "conv1/7x7_s2",
        "inception_4c/output",
        pytest.param("inception_5b/output", marks=pytest.mark.slow),
    ],
)
def test_coreml_has_every_node_of_a_step(layer: str, tmp_path: Path) -> None:
    """The last layer's holds every kind of module, and so all that another layer's does."""
    file = ir.to_proto(exported("bvlc", (layer,), "coreml")).SerializeToString()
    graph = of_one_size(a_step(file, "coreml"), tmp_path)
    assert len(graph.node) > 20
    assert without_coreml(graph) == []


def test_coreml_lacks_nodes_of_a_portable_step(tmp_path: Path) -> None:
    """Hence a target of its own. Its steps that shape the gradient are the portable ones."""
    probe = (GRAPHS / "probe.onnx").read_bytes()
    left = without_coreml(of_one_size(a_step(probe, "portable"), tmp_path))
    assert {line.split()[0] for line in left} == {
        "Abs",
        "Equal",
        "Where",
        "Less",
        "Greater",
        "Gather",
    }
    shaped = without_coreml(of_one_size(a_step(probe, "coreml", tuple(STAGES)), tmp_path))
    assert {"Where", "Equal"} <= {line.split()[0] for line in shaped}


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[5, 1, 1]), "along 3 axes"),
        (helper.make_node("Slice", ["x", "k", "n"], ["y"]), "n is computed"),
        (helper.make_node("MaxPool", ["x"], ["y", "i"], kernel_shape=[2, 2]), "asks for indices"),
        (
            helper.make_node("ConvTranspose", ["x", "k"], ["y"], output_padding=[1, 1]),
            "pads its output",
        ),
    ],
)
def test_coreml_has_conditions(node: onnx.NodeProto, reason: str) -> None:
    constant = helper.make_tensor("k", TensorProto.INT64, [1], [0])
    (line,) = without_coreml(helper.make_graph([node], "one", [], [], [constant]))
    assert line == f"{node.op_type} y: {reason}"


@pytest.mark.parametrize("path", [DIRECTML_TABLE, COREML_TABLE], ids=lambda path: path.stem)
def test_each_table_says_where_it_is_from(path: Path) -> None:
    described = json.loads(path.read_text())
    assert described["commit"] in described["source"]
    assert described["provider"] in ("DmlExecutionProvider", "CoreMLExecutionProvider")
    assert min(len(OPERATORS), len(DIRECTML)) > 35
