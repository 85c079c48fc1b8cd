"""A convolution and the ReLU after it as one operator of ONNX Runtime's own.

    relu(conv(x, w, b))  ->  com.microsoft.FusedConv(x, w, b)

Its optimiser does so for the CPU. On CUDA it has the operator and leaves the three apart: cuDNN's
convolution, the bias and the ReLU are three kernels then, of which two only pass over memory.
"""

from __future__ import annotations

import onnx_ir as ir

from ort_deepdream.export.emit import operands
from ort_deepdream.export.passes.rewrite import replace

DOMAIN, VERSION = "com.microsoft", 1


def fuse_relu(model: ir.Model) -> int:
    """Fuse convolutions with ReLUs that are their only readers; return how many."""
    fused = sum(_fuse(model.graph, node) for node in tuple(model.graph))
    if fused:
        model.graph.opset_imports[DOMAIN] = VERSION
    return fused


def split_relu(model: ir.Model) -> int:
    """Take them apart again, for types that the operator has no kernel of; return how many."""
    fused = [node for node in model.graph if node.op_type == "FusedConv"]
    for node in fused:
        attributes = {key: a for key, a in node.attributes.items() if key != "activation"}
        replace(
            model.graph,
            node,
            lambda emit: emit.Relu(emit.op("Conv", operands(node), attributes)),  # noqa: B023
        )
        model.graph.remove(node, safe=True)
    model.graph.opset_imports.pop(DOMAIN, None)
    return len(fused)


def _fuse(graph: ir.Graph, node: ir.Node) -> bool:
    if node.op_type != "Relu":
        return False
    (x,) = operands(node)
    convolution = x.producer()
    if convolution is None or convolution.op_type != "Conv" or len(x.uses()) != 1:
        return False
    if x.is_graph_output():
        return False
    attributes = {**convolution.attributes, "activation": ir.AttrString("activation", "Relu")}
    inputs = operands(convolution)
    replace(graph, node, lambda emit: emit.op("FusedConv", inputs, attributes, domain=DOMAIN))
    return True
