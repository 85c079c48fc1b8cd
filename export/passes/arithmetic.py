"""Fewer passes over memory for the same product.

    x + x              ->  2 x
    (y + x) + x        ->  y + 2 x
    (x * a) * b        ->  x * (a b)             for scalar constants a, b
    x * 1              ->  x
    y * (x * a)        ->  (y * x) * a           } factors move outwards, where they meet
    conv(x * a)        ->  conv(x) * a           } others and become one

Autograd writes `x*x` backwards as g*x + g*x, one after the other where x has more users; a power
with its exponent as a factor; and each factor of the objective as a product of its own.
"""

from __future__ import annotations

import itertools

import onnx_ir as ir
from onnx_ir.convenience import get_const_tensor, replace_all_uses_with
from onnx_ir.passes.common import RemoveUnusedNodesPass

from ort_deepdream.export.emit import operands
from ort_deepdream.export.passes.rewrite import factors, replace


def merge_constant_factors(model: ir.Model) -> int:
    """Apply the equations above wherever they fit."""
    changes = 0
    steps = (_double, _add_double, _merge, _out_of_product, _out_of_convolution)
    while changed := sum(any(s(model.graph, n) for s in steps) for n in tuple(model.graph)):
        RemoveUnusedNodesPass()(model)  # what was replaced must not count as a user
        changes += changed
    return changes


def _double(graph: ir.Graph, node: ir.Node) -> bool:
    if node.op_type != "Add" or node.inputs[0] is not node.inputs[1]:
        return False
    _multiply(graph, node, node.inputs[0], 2.0)
    return True


def _add_double(graph: ir.Graph, node: ir.Node) -> bool:
    if node.op_type != "Add":
        return False
    for total, x in itertools.permutations(operands(node)):
        inner = total.producer()
        if inner is None or inner.op_type != "Add" or len(total.uses()) != 1:
            continue
        terms = operands(inner)
        if x in terms and terms[0] is not terms[1]:
            (y,) = (term for term in terms if term is not x)
            replace(graph, node, lambda emit: emit.Add(y, emit.Mul(x, emit.floats(2.0))))  # noqa: B023
            return True
    return False


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
        _multiply(graph, node, x, factor)
    return True


def _out_of_product(graph: ir.Graph, node: ir.Node) -> bool:
    for y, product in factors(node):
        inner = _scaled(product.producer())
        if inner is None or len(product.uses()) != 1 or _scaled(node) is not None:
            continue
        x, factor = inner
        replace(graph, node, lambda emit: emit.Mul(emit.Mul(y, x), emit.floats(factor)))  # noqa: B023
        return True
    return False


def _out_of_convolution(graph: ir.Graph, node: ir.Node) -> bool:
    if node.op_type != "Conv" or len(node.inputs) > 2:
        return False
    product, weight = operands(node)
    inner = _scaled(product.producer())
    if inner is None or len(product.uses()) != 1:
        return False
    x, factor = inner
    attributes = dict(node.attributes)
    replace(
        graph,
        node,
        lambda emit: emit.Mul(emit.op("Conv", [x, weight], attributes), emit.floats(factor)),
    )
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


def _multiply(graph: ir.Graph, node: ir.Node, x: ir.Value | None, factor: float) -> None:
    """Put x * factor in the place of `node`."""
    replace(graph, node, lambda emit: emit.Mul(x, emit.floats(factor)))
