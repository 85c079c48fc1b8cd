"""Apply ReLU's mask where it is cheapest.

A block's output is a concatenation of rectified branches, so autograd slices the gradient and masks
each slice. One mask before slicing does the same in one piece:

    slice(g) * mask(branch)  ->  slice(g * mask(concat))

What has a factor that is zero wherever the mask is needs no mask, such as the activation itself,
which is what a dream's gradient begins with:

    (a * y) * mask(y)  ->  a * y

A pool's gradient goes to elements that equal the maximum, so ReLU's mask may as well be taken of
the maxima, of which there are four times fewer:

    pool_grad(g, x) * mask(x)  ->  pool_grad(g * mask(pool(x)), x)

LRN may lie between the two: each term of its gradient has a factor that is zero where x is.

Where kernels are dear, masks of what is joined are one as well:

    concat(g * mask(x), h * mask(y))  ->  concat(g, h) * mask(concat(x, y))
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.convenience import replace_all_uses_with

from ort_deepdream.export.composites import is_composite, max_pool_grad, pool_windows, positive_mask
from ort_deepdream.export.emit import Emitter, channels_of, operands
from ort_deepdream.export.passes.rewrite import constant, factors, replace
from ort_deepdream.export.windows import pool


def mask_before_slice(model: ir.Model) -> int:
    """Mask a gradient before it is cut into parts, once for all of them; return how many."""
    return sum(_mask_before_slice(model.graph, node) for node in model.graph)


def _mask_before_slice(graph: ir.Graph, node: ir.Node) -> bool:
    for gradient, mask in factors(node):
        cut, masked = gradient.producer(), mask.producer()
        if cut is None or cut.op_type != "Slice" or not is_composite(masked, "PositiveMask"):
            continue
        assert masked is not None
        concat = _concat_of(operands(masked)[0], cut)
        if concat is not None:
            _slice_masked(graph, node, cut, concat)
            return True
    return False


def _slice_masked(graph: ir.Graph, node: ir.Node, cut: ir.Node, concat: ir.Value) -> None:
    whole, *limits = operands(cut)
    replace(
        graph,
        node,
        lambda emit: emit.Slice(emit.Mul(whole, positive_mask(emit, concat)), *limits),
    )


def _concat_of(branch: ir.Value, cut: ir.Node) -> ir.Value | None:
    """Return the concatenation in which `branch` lies just where `cut` slices its channels."""
    starts, ends, axes, steps = (constant(value) for value in cut.inputs[1:])
    if starts is None or ends is None or axes is None or steps is None:
        return None
    if axes.tolist() != [1] or steps.tolist() != [1]:
        return None
    for consumer in branch.consumers():
        if consumer.op_type != "Concat" or consumer.attributes["axis"].as_int() != 1:
            continue
        before = 0
        for part in operands(consumer):
            channels = channels_of(part)
            if part is branch and [before, before + channels] == [int(starts[0]), int(ends[0])]:
                return consumer.outputs[0]
            before += channels
    return None


def mask_after_concat(model: ir.Model) -> int:
    """Mask a concatenation of masked gradients as a whole; return how many."""
    return sum(_mask_after_concat(model.graph, node) for node in tuple(model.graph))


def _mask_after_concat(graph: ir.Graph, node: ir.Node) -> bool:
    if node.op_type != "Concat" or node.attributes["axis"].as_int() != 1:
        return False
    parts = [_masked(value) for value in operands(node)]
    gradients, rectified = zip(*(part or (None, None) for part in parts), strict=True)
    if None in gradients:
        return False

    def write(emit: Emitter) -> ir.Value:
        mask = positive_mask(emit, emit.Concat(*rectified, axis=1))
        return emit.Mul(emit.Concat(*gradients, axis=1), mask)

    replace(graph, node, write)
    return True


def _masked(value: ir.Value) -> tuple[ir.Value, ir.Value] | None:
    """(g, x) when `value` is g * mask(x)."""
    for gradient, mask in factors(value.producer()):
        masked = mask.producer()
        if masked is not None and is_composite(masked, "PositiveMask"):
            return gradient, operands(masked)[0]
    return None


def drop_idle_masks(model: ir.Model) -> int:
    """Leave out masks of gradients that are zero there anyhow; return how many."""
    return sum(_drop_idle_mask(node) for node in tuple(model.graph))


def _drop_idle_mask(node: ir.Node) -> bool:
    for gradient, mask in factors(node):
        masked = mask.producer()
        if not is_composite(masked, "PositiveMask"):
            continue
        assert masked is not None
        if _is_zero_with(gradient, operands(masked)[0], {}, through_pools=False):
            replace_all_uses_with(node.outputs[0], gradient)
            return True
    return False


def mask_before_pool(model: ir.Model) -> int:
    """Mask a gradient before it goes through a pool; return how many."""
    return sum(_mask_before_pool(model.graph, node) for node in tuple(model.graph))


def _mask_before_pool(graph: ir.Graph, node: ir.Node) -> bool:
    for gradient, mask in factors(node):
        masked = mask.producer()
        if not is_composite(masked, "PositiveMask"):
            continue
        assert masked is not None
        x = operands(masked)[0]
        pools: dict[ir.Node, None] = {}
        if not _is_zero_with(gradient, x, pools):
            continue
        if pools and all(_serves_only(pooled.outputs[0], node, x) for pooled in pools):
            for pooled in pools:
                _pool_masked(graph, pooled)
            (zero_already,) = (factor for factor in operands(node) if factor is not mask)
            replace_all_uses_with(node.outputs[0], zero_already)
            return True
    return False


def _is_zero_with(
    value: ir.Value, x: ir.Value, pools: dict[ir.Node, None], through_pools: bool = True
) -> bool:
    """Return whether `value` is zero wherever x is, once the gradients of `pools` are masked.

    A masked pool's gradient goes to positive elements alone.
    """
    node = value.producer()
    if value is x or node is None:
        return value is x
    if node.op_type == "Mul":
        return any(_is_zero_with(factor, x, pools, through_pools) for factor in operands(node))
    if node.op_type == "Add":
        return all(_is_zero_with(term, x, pools, through_pools) for term in operands(node))
    if (
        through_pools
        and is_composite(node, "MaxPoolGrad")
        and _is_zero_with(operands(node)[1], x, {})
    ):
        pools[node] = None
        return True
    return False


def _serves_only(value: ir.Value, goal: ir.Node, x: ir.Value) -> bool:
    """Return whether what `value` is where x is zero reaches nothing but `goal`."""

    def stops(consumer: ir.Node) -> bool:
        if consumer is goal:
            return True
        if consumer.op_type == "Mul":
            others = [factor for factor in operands(consumer) if factor is not value]
            if any(_is_zero_with(other, x, {}) for other in others):
                return True
        return consumer.op_type in ("Add", "Mul") and _serves_only(consumer.outputs[0], goal, x)

    return not value.is_graph_output() and all(map(stops, value.consumers()))


def _pool_masked(graph: ir.Graph, pooled: ir.Node) -> None:
    grad, x = operands(pooled)
    row, column = pool_windows(pooled)

    def write(emit: Emitter) -> ir.Value:
        maxima = pool(emit, pool(emit, x, row), column)
        masked = emit.Mul(grad, positive_mask(emit, maxima))
        return max_pool_grad(emit, masked, x, row, column)

    replace(graph, pooled, write)
