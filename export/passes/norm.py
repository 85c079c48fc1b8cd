"""LRN's gradient with one product less.

    (g * x) * (p / d)  ->  (g * p) * (x / d)         where g * p is computed anyway

y = x * p with p = d^(-3/4), so the gradient of x has a term g * p; autograd makes the other one, by
way of d, of g * x and p / d.
"""

from __future__ import annotations

import onnx_ir as ir

from ort_deepdream.export.emit import operands
from ort_deepdream.export.passes.rewrite import factors, replace


def share_scaled_gradient(model: ir.Model) -> int:
    """Use a product with the gradient that the graph has already; return how often."""
    return sum(_share(model.graph, node) for node in tuple(model.graph))


def _share(graph: ir.Graph, node: ir.Node) -> bool:
    for product, quotient in factors(node):
        divided = quotient.producer()
        if divided is None or divided.op_type != "Div" or len(quotient.uses()) != 1:
            continue
        power, base = operands(divided)
        for grad, x in factors(product.producer()):
            if len(product.uses()) == 1 and (scaled := _product(grad, power)) is not None:
                replace(graph, node, lambda emit: emit.Mul(scaled, emit.Div(x, base)))  # noqa: B023
                return True
    return False


def _product(one: ir.Value, other: ir.Value) -> ir.Value | None:
    """one * other, if the graph has it."""
    for consumer in one.consumers():
        if any(factor is other for _, factor in factors(consumer)):
            return consumer.outputs[0]
    return None
