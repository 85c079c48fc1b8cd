"""What can be said of a GPU without one.

Every node has a CUDA kernel for its version and its type, and at a fixed size nothing of a step is
computed on the host.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from cuda_kernels import TABLE, table, without_cuda_kernel
from graphs import exported
from onnx import TensorProto, helper, numpy_helper

from ort_deepdream.engine.shaping import step_fragments
from ort_deepdream.export.targets import TARGETS
from ort_deepdream.step import STAGES
from ort_deepdream.weights.builtin import WEIGHTS_FILE, shipped_file

SHIPPED = sorted(WEIGHTS_FILE.parent.glob("*.onnx"))
GRAPHS = Path(__file__).parents[2] / "engine/graphs"
ASCENTS = ("portable", "cuda")  # graph targets of steps that run on CUDA
LAYERS = {
    "bvlc": ("inception_4c/output", "inception_5b/output=0.5", "conv2/3x3:7"),
    "torchvision": ("inception4c", "inception5b=0.5", "conv2:7"),
}

FOR_CUDA = ("portable", "cpu", "cuda")
GRAPHS_FOR = [(name, precision) for name in FOR_CUDA for precision in TARGETS[name].precisions]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_files(path: Path) -> None:
    assert not without_cuda_kernel(onnx.load(path, load_external_data=False))


def a_step(layer: str, target: str, stages: tuple[str, ...] = ()) -> bytes:
    """The graph of a whole step, as the engine puts it together."""
    return shipped_file(layer, target).read_bytes() + step_fragments(target, stages)


SHAPED = pytest.mark.parametrize("stages", [(), tuple(STAGES)], ids=("plain", "shaped"))


@SHAPED
@pytest.mark.parametrize("target", ASCENTS)
def test_a_step_and_the_probe(target: str, stages: tuple[str, ...]) -> None:
    step = onnx.load_model_from_string(a_step("inception_4c/output", target, stages))
    assert not without_cuda_kernel(step)
    assert not without_cuda_kernel(onnx.load(GRAPHS / "probe.onnx"))


@pytest.mark.parametrize(("target", "precision"), GRAPHS_FOR)
@pytest.mark.parametrize("architecture", LAYERS)
def test_exported_graphs(architecture: str, target: str, precision: str) -> None:
    model = exported(architecture, LAYERS[architecture], target, precision)
    assert not without_cuda_kernel(ir.to_proto(model))


def model_of(
    *nodes: onnx.NodeProto, opset: int = 18, element: int = TensorProto.FLOAT
) -> onnx.ModelProto:
    """`nodes` between x and y [1, 4, 6, 6] of type `element`."""
    x, y = (helper.make_tensor_value_info(name, element, None) for name in "xy")
    x = helper.make_tensor_value_info("x", element, [1, 4, 6, 6])
    constants = {"pads": [0, 0, 1, 1, 0, 0, 1, 1], "size": [6, 6], "block": [1, 1]}
    initializers = [
        numpy_helper.from_array(np.array(value, "int64"), name) for name, value in constants.items()
    ]
    graph = helper.make_graph(list(nodes), "one", [x], [y], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


PAD = helper.make_node("Pad", ["x", "pads"], ["y"], name="around")


def test_an_operator_without_kernels() -> None:
    pooled = helper.make_node("MaxPool", ["x"], ["p", "i"], kernel_shape=[2, 2], strides=[2, 2])
    back = helper.make_node("MaxUnpool", ["p", "i"], ["y"], name="back", kernel_shape=[2, 2])
    (line,) = without_cuda_kernel(model_of(pooled, back))
    assert line == ("back: MaxUnpool of version 11 (opset 18) has no CUDA kernel of any version")


def test_a_node_added_to_a_shipped_file() -> None:
    model = onnx.load(SHIPPED[0], load_external_data=False)
    shape = numpy_helper.from_array(np.array([1, 3], "int64"), "patches")
    model.graph.initializer.append(shape)
    flat = helper.make_node("Reshape", ["image", "flat"], ["rows"])
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 3, -1], "int64"), "flat"))
    folded = helper.make_node("Col2Im", ["rows", "patches", "patches"], ["folded"], name="fold")
    model.graph.node.extend([flat, folded])
    (line,) = without_cuda_kernel(model)
    assert line.startswith("fold: Col2Im of version 18")


@pytest.mark.parametrize(("opset", "lines"), [(13, 0), (18, 0), (19, 1), (21, 1)])
def test_a_newer_schema_has_no_kernel_until_one_is_written(opset: int, lines: int) -> None:
    found = without_cuda_kernel(model_of(PAD, opset=opset))
    assert len(found) == lines
    for line in found:
        assert line.startswith(f"around: Pad of version {opset} (opset {opset})")


def test_a_type_without_kernel() -> None:
    (line,) = without_cuda_kernel(model_of(PAD, element=TensorProto.INT64))
    assert line.startswith("around: Pad of version 18 has no CUDA kernel for")
    assert "T = int64" in line
    assert not without_cuda_kernel(model_of(PAD, element=TensorProto.FLOAT16))


def test_the_table_says_where_it_is_from() -> None:
    described = json.loads(TABLE.read_text())
    assert described["commit"] in described["source"]
    assert described["provider"] == "CUDAExecutionProvider"
    assert len(table()) > 100


# What waits for a value to be known on the host before the next kernel can be started.
HOST = {"Shape", "Size", "Loop", "If", "Scan", "NonZero", "ConstantOfShape", "Range", "Unique"}


def optimised(content: bytes, folder: Path, size: tuple[int, int] | None) -> onnx.GraphProto:
    """What ONNX Runtime makes of a graph of any size once the picture's size is fixed."""
    options = onnxruntime.SessionOptions()
    # Constants are folded at this level; the next writes kernels of the CPU provider's own.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(WEIGHTS_FILE.parent)
    )
    for name, extent in zip(("height", "width"), size or (), strict=False):
        options.add_free_dimension_override_by_name(name, extent)
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return onnx.load(folder / "optimised.onnx", load_external_data=False).graph


def on_the_host(graph: onnx.GraphProto) -> list[str]:
    """The nodes that need the host, or whose shape-like inputs are computed rather than known."""
    known = {value.name for value in (*graph.initializer, *graph.input)}
    after_the_data, second = slice(1, None), slice(1, 2)  # of Pad the third is a float
    shape_like = {
        "Slice": after_the_data,
        "Pad": second,
        "Reshape": second,
        "Expand": second,
        "Squeeze": second,
        "Unsqueeze": second,
    }
    return [
        f"{node.op_type} {node.name}"
        for node in graph.node
        if node.op_type in HOST
        or (
            node.op_type in shape_like
            and not set(node.input[shape_like[node.op_type]]) <= known | {""}
        )
    ]


@SHAPED
@pytest.mark.parametrize("size", [(32, 32), (45, 38), (158, 182)])
@pytest.mark.parametrize("target", ASCENTS)
def test_at_a_fixed_size_nothing_is_on_the_host(
    target: str, size: tuple[int, int], stages: tuple[str, ...], tmp_path: Path
) -> None:
    graph = optimised(a_step("inception_5b/output", target, stages), tmp_path, size)
    assert len(graph.node) > 300
    assert not on_the_host(graph)


@pytest.mark.parametrize("precision", TARGETS["portable"].precisions)
def test_torchvision_at_a_fixed_size_too(precision: str, tmp_path: Path) -> None:
    model = exported("torchvision", LAYERS["torchvision"], "portable", precision)
    content = ir.to_proto(model).SerializeToString() + step_fragments("portable", ())
    assert not on_the_host(optimised(content, tmp_path, (97, 211)))


def test_an_open_size_is_counted_on_the_host(tmp_path: Path) -> None:
    """Which is why a device gets a session for each size; and the check above can fail."""
    found = on_the_host(optimised(a_step("conv2/3x3", "portable"), tmp_path, None))
    assert any(line.startswith("Shape") for line in found)
    assert any(line.startswith("Slice") for line in found)
