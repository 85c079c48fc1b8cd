"""The sizes of intermediate values: named so that equal ones are seen to be equal, or as numbers.

ONNX Runtime adds two tensors in its blocked layout, and fuses the sum into a convolution, only if
it can tell that their shapes are equal; with sizes unknown it can tell by their names alone, and
its own shape inference gives names to nothing but inputs.

In a graph for one size of picture they are numbers, and ONNX Runtime can add in place as well.

A size here is a composition of steps `(n + a) // s + b`. With S the product of all s, the network's
stride, f(n + S) = f(n) + S / s: two that agree on S consecutive sizes agree on all. Each value's
sizes are therefore computed for a run of them, and equal runs get one name.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from ort_deepdream.export.emit import Emitter, operands
from ort_deepdream.export.passes.rewrite import replace

Sizes = NDArray[np.int64]  # of one axis, for each size of picture that is looked at
Extent = tuple[Sizes, Sizes]  # height and width

SAMPLES = np.arange(32, 160)

SAME_AS_INPUT = {
    *("Relu", "LeakyRelu", "Clip", "HardSigmoid", "Sigmoid", "Tanh", "Erf", "BatchNormalization"),
    *("Sqrt", "Exp", "Neg", "Reciprocal", "Cast", "Identity", "Sign"),
}
BROADCAST = {"Add", "Sub", "Mul", "Div", "Pow"}


def name_dimensions(model: ir.Model) -> int:
    """Give `[1, C, height_i, width_j]` to every 4-D value whose sizes can be followed."""
    extents = _follow(model, (SAMPLES, SAMPLES))
    names: tuple[dict[bytes, str], dict[bytes, str]] = (
        {SAMPLES.tobytes(): "height"},
        {SAMPLES.tobytes(): "width"},
    )
    for node in model.graph:
        extent = extents.get(node.outputs[0])
        if extent is None:
            continue
        sizes = []
        for axis, known, values in zip(("height", "width"), names, extent, strict=True):
            sizes.append(known.setdefault(values.tobytes(), f"{axis}_{len(known)}"))
        _describe(node, sizes)
    return len(extents) - 1


def fix_dimensions(model: ir.Model, height: int, width: int) -> int:
    """Give numbers for sizes: the graph is then for pictures of one size."""
    picture = np.array([height]), np.array([width])
    image, _, gradient = model.graph.inputs[0], *model.graph.outputs
    image.shape = gradient.shape = ir.Shape([1, 3, height, width])
    extents = _follow(model, picture)
    for node in model.graph:
        extent = extents.get(node.outputs[0])
        if extent is not None and node.outputs[0] is not gradient:
            _describe(node, [int(sizes[0]) for sizes in extent])
    return len(extents) - 1


def measure_by_image(model: ir.Model) -> int:
    """Shape(x)  ->  (Shape(image) + a) // s + b

    A value that is asked for its size late in the backward pass is kept in memory until then.
    """
    extents = _follow(model, (SAMPLES, SAMPLES))
    return sum(_measure(model.graph, node, extents) for node in tuple(model.graph))


def _follow(model: ir.Model, image: Extent) -> dict[ir.Value, Extent]:
    """Return sizes by value, where those of the image are `image`."""
    extents = {model.graph.inputs[0]: image}
    for node in model.graph:
        extent = _extent(node, extents)
        if extent is not None:
            extents[node.outputs[0]] = extent
    return extents


def _describe(node: ir.Node, sizes: Sequence[int | str]) -> None:
    """Set the shape of the node's value: [1, C, *sizes], if its channels are known."""
    channels = _channels(node)
    if channels is not None:
        node.outputs[0].shape = ir.Shape([1, channels, *sizes])
        node.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)


def _measure(graph: ir.Graph, node: ir.Node, extents: dict[ir.Value, Extent]) -> bool:
    image = graph.inputs[0]
    if node.op_type != "Shape" or "end" in node.attributes or node.inputs[0] is image:
        return False
    extent = extents.get(operands(node)[0])
    if extent is None or node.attributes["start"].as_int() != 2 or not np.array_equal(*extent):
        return False
    steps = _steps(extent[0])
    if steps is None:
        return False
    ahead, stride, more = steps

    def write(emit: Emitter) -> ir.Value:
        whole = emit.Div(emit.Add(emit.Shape(image, start=2), emit.ints(ahead)), emit.ints(stride))
        return emit.Add(whole, emit.ints(more))

    replace(graph, node, write)
    return True


def _steps(sizes: Sizes) -> tuple[int, int, int] | None:
    """(a, s, b) such that the sizes are (SAMPLES + a) // s + b; None where there are none."""
    for stride in (1, 2, 4, 8, 16, 32):
        for ahead in range(stride):
            more = sizes - (SAMPLES + ahead) // stride
            if np.ptp(more) == 0:
                return ahead, stride, int(more[0])
    return None


def _extent(node: ir.Node, extents: dict[ir.Value, Extent]) -> Extent | None:
    """Return the sizes of a node's value, or None where they cannot be followed."""
    known = [extents[value] for value in node.inputs if value in extents]
    if node.op_type == "Slice":
        return _cropped(node, extents)
    if not known:
        return None
    first = known[0]
    if node.op_type in ("Conv", "FusedConv", "MaxPool", "AveragePool"):
        height, width = (_window(node, axis, first[axis]) for axis in (0, 1))
        return height, width
    if node.op_type == "Concat":
        return first if node.attributes["axis"].as_int() == 1 else None
    if node.op_type in SAME_AS_INPUT or node.op_type in BROADCAST:
        return first if all(np.array_equal(first, other) for other in known) else None
    return None


def _cropped(node: ir.Node, extents: dict[ir.Value, Extent]) -> Extent | None:
    """Return a slice's sizes: of channels, the input's; up to another value's shape, that one's."""
    data, _, ends, axes = node.inputs[:4]
    axis_numbers = axes.const_value.numpy().tolist() if axes and axes.const_value else None
    if axis_numbers == [1]:
        return extents.get(data) if data is not None else None
    shape = ends.producer() if ends is not None else None
    if axis_numbers == [2, 3] and shape is not None and shape.op_type == "Shape":
        like = shape.inputs[0]
        return extents.get(like) if like is not None else None
    return None


def _window(node: ir.Node, axis: int, sizes: Sizes) -> Sizes:
    """Return output sizes of a convolution or pool along one axis (0: height)."""
    if node.op_type == "Conv":
        kernel = weight_shape(operands(node)[1])[2 + axis]
    else:
        kernel = node.attributes["kernel_shape"].as_ints()[axis]
    if "dilations" in node.attributes:
        kernel = (kernel - 1) * node.attributes["dilations"].as_ints()[axis] + 1
    stride = node.attributes["strides"].as_ints()[axis] if "strides" in node.attributes else 1
    pads = node.attributes["pads"].as_ints() if "pads" in node.attributes else [0] * 4
    room = sizes + pads[axis] + pads[axis + 2] - kernel
    if "ceil_mode" not in node.attributes or not node.attributes["ceil_mode"].as_int():
        return room // stride + 1
    count = -(-room // stride) + 1
    # A window that would begin in the padding after the end is left out.
    return np.where((count - 1) * stride >= sizes + pads[axis], count - 1, count)


def _channels(node: ir.Node) -> int | None:
    shape = node.outputs[0].shape
    if shape is not None and len(shape) == 4 and isinstance(shape[1], int):
        return shape[1]
    if node.op_type == "Conv":
        return weight_shape(operands(node)[1])[0]
    like = next((v.shape for v in node.inputs if v is not None and v.shape is not None), None)
    same = node.op_type in SAME_AS_INPUT | BROADCAST or node.op_type in ("MaxPool", "AveragePool")
    if same and like is not None and len(like) == 4 and isinstance(like[1], int):
        return like[1]
    return None


def weight_shape(weight: ir.Value) -> list[int]:
    """Return the shape of a convolution's weights, through nodes that derive it from another's."""
    if weight.shape is not None:
        return [int(size) for size in weight.shape]  # type: ignore[arg-type]
    node = weight.producer()
    assert node is not None
    if node.op_type in ("Reshape", "Expand"):  # to a constant shape
        sizes = operands(node)[1].const_value
        assert sizes is not None
        return [int(size) for size in sizes.numpy()]
    shape = weight_shape(operands(node)[0])
    if node.op_type == "Concat":  # of what is read
        return [shape[0], sum(weight_shape(part)[1] for part in operands(node)), *shape[2:]]
    if node.op_type == "Transpose":
        return [shape[axis] for axis in node.attributes["perm"].as_ints()]
    assert node.op_type == "Slice", node.op_type  # a kernel turned round
    return shape
