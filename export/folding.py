"""Fold batch normalisation, by learnt statistics, into the convolution before it.

    y = (W * x + c - mean) * s + beta          with s = gamma / sqrt(variance + eps)
      = (s W) * x + (beta + (c - mean) s)

The products of numbers are written into the trace: the file holds what a weights file does, and a
session computes s W once, when it is made. The gradient takes the same s W backwards.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from ort_deepdream.export.trace import Trace

aten = torch.ops.aten


def fold_batch_norms(trace: Trace) -> int:
    """Fold each batch normalisation that is the only reader of a convolution; return how many."""
    norms = [n for n in trace.graph.nodes if n.target is aten.native_batch_norm.default]
    folded = sum(_fold(trace.graph, norm) for norm in norms)
    trace.graph.eliminate_dead_code()
    return folded


def _fold(graph: fx.Graph, norm: fx.Node) -> bool:
    convolved, gamma, beta, mean, variance, training, _, eps = norm.args
    if training or not (_is_node(mean) and _is_node(variance) and _is_convolution(convolved)):
        return False
    assert isinstance(convolved, fx.Node)
    gradients = [
        user for user in convolved.users if user.target is aten.native_batch_norm_backward.default
    ]
    if len(convolved.users) != 1 + len(gradients):
        return False
    x, weight, bias, *geometry = convolved.args
    backward = [_convolution_behind(gradient, x, weight) for gradient in gradients]
    if None in backward:
        return False
    with graph.inserting_before(convolved):
        make = _maker(graph, weight.meta)  # type: ignore[union-attr]
        deviation = make(aten.sqrt.default, make(aten.add.Tensor, variance, eps))
        scale = (
            make(aten.div.Tensor, gamma, deviation)
            if gamma is not None
            else make(aten.pow.Tensor_Scalar, deviation, -1.0)
        )
        shape = weight.meta["shape"]  # type: ignore[union-attr]
        column = make(aten.view.default, scale, [shape[0]] + [1] * (len(shape) - 1))
        scaled = make(aten.mul.Tensor, weight, column)
        scaled.meta |= weight.meta  # type: ignore[union-attr]
        centre = mean if bias is None else make(aten.sub.Tensor, mean, bias)
        moved = make(aten.mul.Tensor, centre, scale)
        offset = (
            make(aten.neg.default, moved) if beta is None else make(aten.sub.Tensor, beta, moved)
        )
    convolved.args = (x, scaled, offset, *geometry)
    for value in _values(norm):
        value.replace_all_uses_with(convolved)
    for gradient, behind in zip(gradients, backward, strict=True):
        assert behind is not None
        behind.args = (gradient.args[0], *behind.args[1:2], scaled, *behind.args[3:])
    return True


def _is_node(value: Any) -> bool:
    return isinstance(value, fx.Node)


def _is_convolution(value: Any) -> bool:
    return _is_node(value) and value.target is aten.convolution.default and not value.args[6]


def _values(node: fx.Node) -> list[fx.Node]:
    """Return the readers that take the first of a node's values."""
    return [user for user in node.users if user.target is operator.getitem and user.args[1] == 0]


def _convolution_behind(gradient: fx.Node, x: Any, weight: Any) -> fx.Node | None:
    """Return the gradient of the convolution of x, if it alone reads that of the normalisation."""
    readers = [reader for value in _values(gradient) for reader in value.users]
    if len(readers) != 1 or readers[0].target is not aten.convolution_backward.default:
        return None
    _, its_x, its_weight, *_ = readers[0].args
    return readers[0] if (its_x, its_weight) == (x, weight) else None


def _maker(graph: fx.Graph, like: dict[str, Any]) -> Callable[..., fx.Node]:
    """Return what makes nodes of numbers of `like`'s type, their shapes left open."""

    def make(target: Any, *args: Any) -> fx.Node:
        node = graph.call_function(target, args)
        node.meta["val"] = like["val"]
        return node

    return make
