"""A power as one kernel, where a kernel is dearer than what it computes.

    sqrt(sqrt(x)) / x  ->  x^(-3/4)

The lowering writes LRN's power so: on the CPU Pow takes ten times as long.
"""

from __future__ import annotations

import onnx_ir as ir

from ort_deepdream.export.emit import operands
from ort_deepdream.export.passes.rewrite import replace


def write_powers(model: ir.Model) -> int:
    """Write roots and divisions that are a power as Pow; return how many."""
    return sum(_write(model.graph, node) for node in tuple(model.graph))


def _write(graph: ir.Graph, node: ir.Node) -> bool:
    if node.op_type != "Div":
        return False
    root, x = operands(node)
    square_root = _rooted(root)
    if square_root is None or _rooted(square_root) is not x:
        return False
    replace(graph, node, lambda emit: emit.Pow(x, emit.floats(-0.75)))
    return True


def _rooted(value: ir.Value) -> ir.Value | None:
    """Return x when `value` is sqrt(x)."""
    node = value.producer()
    return operands(node)[0] if node is not None and node.op_type == "Sqrt" else None
