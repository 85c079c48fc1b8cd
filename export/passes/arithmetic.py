"""Fewer passes over memory for the same sum.

    x + x              ->  2 x
    (x * a) * b        ->  x * (a b)        for constants a, b
    x * 1              ->  x

Autograd writes `x*x` backwards as g*x + g*x, and each factor of the objective as a product of its
own.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.convenience import get_const_tensor, replace_all_uses_with


def merge_constant_factors(model: ir.Model) -> int:
    """Apply the three equations above wherever they fit."""
    return sum(_double(model.graph, n) or _merge(model.graph, n) for n in model.graph)


def _double(graph: ir.Graph, node: ir.Node) -> bool:
    if node.op_type != "Add" or node.inputs[0] is not node.inputs[1]:
        return False
    _replace(graph, node, node.inputs[0], 2.0)
    return True


def _merge(graph: ir.Graph, node: ir.Node) -> bool:
    outer = _scaled(node)
    if outer is None:
        return False
    x, factor = outer
    inner = _scaled(x.producer())
    if inner is None and factor != 1.0:
        return False
    if inner is not None:
        x, factor = inner[0], inner[1] * factor
    if factor == 1.0:
        replace_all_uses_with(node.outputs[0], x)
    else:
        _replace(graph, node, x, factor)
    return True


def _scaled(node: ir.Node | None) -> tuple[ir.Value, float] | None:
    """(x, c) when `node` is x * c with a scalar constant c."""
    if node is None or node.op_type != "Mul":
        return None
    for x, other in (node.inputs, node.inputs[::-1]):
        tensor = get_const_tensor(other) if other is not None else None
        if x is not None and tensor is not None and tensor.size == 1 and len(tensor.shape) == 0:
            return x, float(tensor.numpy())
    return None


def _replace(graph: ir.Graph, node: ir.Node, x: ir.Value, factor: float) -> None:
    """Put x * factor in the place of `node`."""
    name = f"factor_{factor!r}"
    constant = graph.initializers.get(name)
    if constant is None:
        constant = ir.Value(name=name, const_value=ir.tensor(factor, ir.DataType.FLOAT, name=name))
        constant.shape, constant.type = ir.Shape([]), ir.TensorType(ir.DataType.FLOAT)
        graph.register_initializer(constant)
    product = ir.node("Mul", [x, constant], name=f"{node.name}_scaled")
    graph.insert_before(node, product)
    product.outputs[0].shape, product.outputs[0].type = node.outputs[0].shape, node.outputs[0].type
    replace_all_uses_with(node.outputs[0], product.outputs[0])
