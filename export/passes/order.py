"""Nodes by their depth, so that ONNX Runtime computes late what is needed late.

ONNX Runtime goes back from the outputs and computes a node as soon as its inputs are there; of two
inputs, the one whose node comes later in the file is computed first. A gradient and a mask meet in
a product: by depth, the gradient's node comes later. So the mask is computed when the gradient is
there, and does not lie in memory from the forward pass on.
"""

from __future__ import annotations

import onnx_ir as ir


def order_by_depth(model: ir.Model) -> int:
    """Sort the graph's nodes by the longest way from an input; return how many there are."""
    graph = model.graph
    depth: dict[ir.Node | None, int] = {None: 0}  # of what no node makes
    for node in graph:
        read = (value.producer() for value in node.inputs if value is not None)
        depth[node] = 1 + max((depth[producer] for producer in read), default=0)
    nodes = sorted(graph, key=lambda node: depth[node])
    graph.remove(nodes)
    graph.extend(nodes)
    return len(nodes)
