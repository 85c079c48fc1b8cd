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


def merge_relus(model: ir.Model) -> int:
    """Rectify what is joined once, after it is joined; return how many joins are.

    concat(relu(a), relu(b), relu(c))  ->  relu(concat(a, b, relu(c))), where c's is read elsewhere
    """
    return sum(_merge_relus(model.graph, node) for node in tuple(model.graph))


def _merge_relus(graph: ir.Graph, node: ir.Node) -> bool:
    if node.op_type != "Concat":
        return False
    parts = [part.producer() for part in operands(node)]
    if any(part is None or part.op_type != "Relu" for part in parts):
        return False
    spared = [part for part in parts if part is not None and len(part.outputs[0].uses()) == 1]
    if len(spared) < 2:
        return False
    given = [
        operands(part)[0] if part in spared else value
        for part, value in zip(parts, operands(node), strict=True)
    ]
    axis = node.attributes["axis"].as_int()
    replace(graph, node, lambda emit: emit.Relu(emit.Concat(*given, axis=axis)))
    graph.remove([node, *spared], safe=True)
    return True


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
