"""The gradient through the first pool and the first convolution in one composite.

The pool's gradient comes in four phases (rows and columns of either parity). Its only reader is
the gradient of a stride-2 convolution, which can take them as they are: interleaving 64 channels at
half the picture's size, the largest tensor of all, is not needed.

    conv_input_grad(max_pool_grad(g, x), w, image)  ->  first_layers_grad(g, x, w, image)
"""

from __future__ import annotations

import onnx_ir as ir

from ort_deepdream.export.composites import first_layers_grad, is_composite, pool_windows
from ort_deepdream.export.emit import operands
from ort_deepdream.export.passes.rewrite import never_negative, replace


def fuse_first_layers(model: ir.Model) -> int:
    """Join the gradients of the first layers into one composite; return how many."""
    return sum(_fuse(model.graph, node) for node in model.graph)


def _fuse(graph: ir.Graph, node: ir.Node) -> bool:
    if not is_composite(node, "ConvInputGrad"):
        return False
    gradient, weight, image = operands(node)
    pooled = gradient.producer()
    if pooled is None or not is_composite(pooled, "MaxPoolGrad") or len(gradient.uses()) != 1:
        return False
    grad, x = operands(pooled)
    if not (_is_first_convolution(node, weight) and _is_first_pool(pooled) and never_negative(x)):
        return False
    replace(graph, node, lambda emit: first_layers_grad(emit, grad, x, weight, image))
    return True


def _is_first_convolution(node: ir.Node, weight: ir.Value) -> bool:
    """7x7, stride 2, padding 3, from 3 channels to 64."""
    stride, padding = (list(node.attributes[key].as_ints()) for key in ("stride", "padding"))
    shape = list(weight.shape) if weight.shape is not None else []
    return (shape, stride, padding) == ([64, 3, 7, 7], [2, 2], [3, 3])


def _is_first_pool(pooled: ir.Node) -> bool:
    """3x3, stride 2, rounding up."""
    return all(
        (w.kernel, w.stride, w.padding, w.ceil_mode) == (3, 2, 0, True)
        for w in pool_windows(pooled)
    )
