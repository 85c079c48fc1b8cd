"""A sum of 1x1 convolutions as one convolution of what they read.

A block's branches each give a gradient to the block's input, all but the pool's by a 1x1
convolution of few channels to many. As one convolution they write the many channels once:

    conv(a, u) + conv(b, v)  ->  conv(concat(a, b), concat(u, v))
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import onnx_ir as ir

from ort_deepdream.export.emit import Emitter, channels_of, operands
from ort_deepdream.export.passes.dimensions import weight_shape
from ort_deepdream.export.passes.rewrite import BLOCK, is_plain_convolution, replace


def merge_pointwise_sums(model: ir.Model) -> int:
    """Join the 1x1 convolutions of a sum, by concatenating their inputs; return how many.

    Only those of values in full blocks: they can be joined without leaving the blocked layout.
    """
    return sum(_merge(model.graph, node, _in_blocks) for node in reversed(tuple(model.graph)))


def merge_all_pointwise_sums(model: ir.Model) -> int:
    """Join them all, for a provider without blocks; return how many."""
    return sum(_merge(model.graph, node, lambda x: True) for node in reversed(tuple(model.graph)))


def _merge(graph: ir.Graph, node: ir.Node, may_join: Callable[[ir.Value], bool]) -> bool:
    if node.op_type != "Add" or _is_term(node.outputs[0]):
        return False
    terms = list(_terms(node))
    merged = [term for term in terms if _is_pointwise(term, may_join)]
    if len(merged) < 2:
        return False
    rest = [term for term in terms if term not in merged]
    producers = [producer for term in merged if (producer := term.producer()) is not None]
    inputs, weights = zip(*(operands(producer) for producer in producers), strict=True)

    def write(emit: Emitter) -> ir.Value:
        one = emit.Conv(emit.Concat(*inputs, axis=1), emit.Concat(*weights, axis=1))
        # ONNX Runtime fuses a sum into a convolution that has none yet: those come last.
        ordered = sorted([*rest, one], key=_is_convolution)
        return functools.reduce(lambda total, term: emit.Add(term, total), ordered)

    replace(graph, node, write)
    return True


def _terms(node: ir.Node) -> Iterator[ir.Value]:
    """Return what a sum of sums adds up."""
    for value in operands(node):
        producer = value.producer()
        if producer is not None and producer.op_type == "Add" and _is_term(value):
            yield from _terms(producer)
        else:
            yield value


def _is_term(value: ir.Value) -> bool:
    """Return whether a sum is the only reader of `value`."""
    return [consumer.op_type for consumer in value.consumers()] == ["Add"]


def _is_convolution(value: ir.Value) -> bool:
    node = value.producer()
    return node is not None and node.op_type == "Conv"


def _is_pointwise(value: ir.Value, may_join: Callable[[ir.Value], bool]) -> bool:
    """Return whether this is a 1x1 convolution, for this sum alone, of what may be joined."""
    node = value.producer()
    if node is None or len(value.uses()) != 1 or not is_plain_convolution(node):
        return False
    x, weight, *bias = operands(node)
    return may_join(x) and not bias and weight_shape(weight)[2:] == [1, 1]


def _in_blocks(x: ir.Value) -> bool:
    # A slice has left the blocked layout, and a concatenation with it would take the others along.
    producer = x.producer()
    return channels_of(x) % BLOCK == 0 and producer is not None and producer.op_type != "Slice"
