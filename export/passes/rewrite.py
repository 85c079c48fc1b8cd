"""What passes share: inserting nodes before another, and reading the graph backwards."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray
from onnx_ir.convenience import get_const_tensor, replace_all_uses_with

from ort_deepdream.export.emit import Emitter, operands

BLOCK = 16  # channels in the widest blocked layout


def replace(graph: ir.Graph, node: ir.Node, write: Callable[[Emitter], ir.Value]) -> None:
    """Put what `write` emits in the place of `node`, which keeps no users."""
    emit = Emitter(graph)
    value = write(emit)
    for number, new in enumerate(emit.nodes):
        new.name = f"{node.name}/{number}_{new.op_type}"
    graph.insert_before(node, emit.nodes)
    for constant in emit.initializers:
        graph.register_initializer(constant)
    if value.shape is None:
        value.shape, value.type = node.outputs[0].shape, node.outputs[0].type
    replace_all_uses_with(node.outputs[0], value)


def constant(value: ir.Value | None) -> NDArray[np.generic] | None:
    """Return the numbers of a constant value, else None."""
    tensor = get_const_tensor(value) if value is not None else None
    return None if tensor is None else tensor.numpy()


def factors(node: ir.Node | None) -> list[tuple[ir.Value, ir.Value]]:
    """Yield the two operands of a Mul, in both orders; nothing for another node."""
    if node is None or node.op_type != "Mul":
        return []
    left, right = operands(node)
    return [(left, right), (right, left)]


def is_plain_convolution(node: ir.Node) -> bool:
    """Return whether this is a convolution neither strided nor padded nor grouped."""
    plain = {"strides": {1}, "dilations": {1}, "pads": {0}, "group": {1}}
    given = node.attributes
    return node.op_type == "Conv" and all(
        set(_ints(given[name])) <= numbers for name, numbers in plain.items() if name in given
    )


def _ints(attribute: ir.Attr) -> list[int]:
    single = attribute.type == ir.AttributeType.INT
    return [attribute.as_int()] if single else list(attribute.as_ints())


def never_negative(value: ir.Value | None) -> bool:
    """Return whether `value` cannot be below zero by its making: rectified, and what follows."""
    node = value.producer() if value is not None else None
    if node is None:
        return False
    if node.op_type in ("Relu", "PositiveMask"):
        return True
    if node.op_type == "MaxPool":
        return never_negative(node.inputs[0])
    if node.op_type == "Concat":
        return all(never_negative(part) for part in node.inputs)
    if node.op_type == "Mul":
        return all(never_negative(factor) for factor in node.inputs)
    if node.op_type == "Div":  # LRN's power x^(1/4) / x: where the root is real, x is positive
        return never_negative(node.inputs[0])
    return node.op_type == "Sqrt"
