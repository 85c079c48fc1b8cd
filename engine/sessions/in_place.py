"""Names for the shapes in an optimised graph, so that ONNX Runtime computes in place.

ONNX Runtime lets a node write into the memory of what it reads where both have one shape, by number
or by name. In the CPU provider's blocked layout its own inference keeps neither of a size that is
open: a convolution that adds a sum then has the sum copied first, by one thread. But the operators
there take nothing but equal shapes, whatever they are. So they get names that say no more.

    Conv(x, w, b, sum) -> y     shape(sum) = shape(y), as the kernel demands
    Mul(a, b) -> c              shape(a) = shape(b) = shape(c), else it would not be in blocks
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ort_deepdream.protobuf import LENGTH, bytes_field, fields, integer_field

BLOCKED = "com.microsoft.nchwc"
LEAVES_BLOCKS = "ReorderOutput"
# Of ONNX's own operators, those that the CPU provider leaves in blocks; the latter joins channels.
ELEMENTWISE = {"Add", "Mul", "Relu", "Sigmoid", "Tanh", "HardSigmoid"}
CONCAT = "Concat"
SUM = 3  # the place of a blocked convolution's sum among its inputs

# Fields of ONNX's messages (onnx.proto).
GRAPH, NODE, VALUE_INFO = 7, 1, 13
INPUT, OUTPUT, OP_TYPE, DOMAIN = 1, 2, 4, 7
NAME, TYPE, TENSOR_TYPE, ELEMENT_TYPE, SHAPE, DIMENSION, PARAMETER = 1, 2, 1, 1, 2, 1, 2
FLOAT = 1
RANK = 4


class _Node(NamedTuple):
    inputs: list[str]
    outputs: list[str]
    op_type: str
    domain: str


def shape_names(model: bytes) -> bytes:
    """Return what is to be appended to a serialised ModelProto, for values of equal shapes.

    Raise DreamError where the model is damaged.
    """
    entries = [
        _value_info(value, f"blocks_{number}")
        for number, values in enumerate(_equal_shapes(_nodes(memoryview(model))))
        for value in values
    ]
    return bytes_field(GRAPH, b"".join(entries))  # a message given twice is both, merged


def _equal_shapes(nodes: Iterator[_Node]) -> list[list[str]]:
    """Return groups of blocked values of one shape, each value in one group."""
    groups: dict[str, list[str]] = {}

    def join(one: str, other: str) -> None:
        ours, theirs = groups.setdefault(one, [one]), groups.setdefault(other, [other])
        if ours is not theirs:
            ours += theirs
            groups.update(dict.fromkeys(theirs, ours))

    blocked: set[str] = set()
    for node in nodes:
        if node.domain == BLOCKED:
            if node.op_type != LEAVES_BLOCKS:
                blocked.update(node.outputs)
            if node.op_type == "Conv" and len(node.inputs) > SUM and node.inputs[SUM]:
                join(node.inputs[SUM], node.outputs[0])
        elif node.op_type in {*ELEMENTWISE, CONCAT} and blocked.issuperset(node.inputs):
            blocked.update(node.outputs)
            if node.op_type != CONCAT:
                for value in node.inputs:
                    join(value, node.outputs[0])
    return list({id(group): group for group in groups.values()}.values())


def _nodes(model: memoryview) -> Iterator[_Node]:
    for number, wire_type, graph in fields(model):
        if number == GRAPH and wire_type == LENGTH:
            assert not isinstance(graph, int)
            for part, _, message in fields(graph):
                if part == NODE and not isinstance(message, int):
                    yield _node(message)


def _node(message: memoryview) -> _Node:
    texts: dict[int, list[str]] = {INPUT: [], OUTPUT: [], OP_TYPE: [""], DOMAIN: [""]}
    for number, _, value in fields(message):
        if number in texts and not isinstance(value, int):
            texts[number].append(bytes(value).decode("utf-8", "replace"))
    return _Node(texts[INPUT], texts[OUTPUT], texts[OP_TYPE][-1], texts[DOMAIN][-1])


def _value_info(value: str, shape: str) -> bytes:
    dimensions = [
        bytes_field(DIMENSION, bytes_field(PARAMETER, f"{shape}_{axis}".encode()))
        for axis in range(RANK)
    ]
    tensor = integer_field(ELEMENT_TYPE, FLOAT) + bytes_field(SHAPE, b"".join(dimensions))
    kind = bytes_field(TENSOR_TYPE, tensor)
    return bytes_field(VALUE_INFO, bytes_field(NAME, value.encode()) + bytes_field(TYPE, kind))
