"""Give a shipped gradient file a guide: its bytes with other nodes at the layer.

A shipped file multiplies a layer's activations by a factor for each channel and takes that back
through the network. With a guide it is the nearest features that go back (weights/nearest.py). All
nodes before and after are as they were shipped, so neither PyTorch nor another file is needed.

The messages are those of onnx.proto, as in weights/rewriting.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.errors import DreamError
from ort_deepdream.gradient_format import (
    features_output,
    guide_input,
    order_input,
)
from ort_deepdream.protobuf import (
    LENGTH,
    bytes_field,
    field,
    fields,
    integer_field,
    text_of,
)
from ort_deepdream.weights.architecture import LayerShape
from ort_deepdream.weights.nearest import Node, Nodes, append_nearest, rectified_features
from ort_deepdream.weights.positions import nearest_values, parts
from ort_deepdream.weights.rewriting import (
    CHANNELS,
    DATA_TYPE,
    DIMS,
    FLOAT,
    GRAPH,
    INITIALIZER,
    INT64,
    NAME,
    RAW_DATA,
    described,
)
from ort_deepdream.weights.terms import Term

NODE, INPUT, OUTPUT, VALUE_INFO = 1, 11, 12, 13  # in GraphProto
NODE_INPUT, NODE_OUTPUT, NODE_NAME, OP_TYPE, ATTRIBUTE = 1, 2, 3, 4, 5  # in NodeProto
ATTRIBUTE_NAME, INTEGER, INTEGERS, ATTRIBUTE_TYPE = 1, 3, 8, 20  # in AttributeProto
IS_INTEGER, IS_INTEGERS = 2, 7  # its types
INFO_NAME, INFO_TYPE, TENSOR_TYPE, ELEMENT_TYPE, SHAPE, DIM = 1, 2, 1, 1, 2, 1  # in ValueInfoProto
DIM_VALUE, DIM_PARAM = 1, 2
TYPES = {np.dtype(np.float32): FLOAT, np.dtype(np.int64): INT64}
PREFIX = "guide/"


@dataclass(frozen=True)
class _Part:
    """A field of a graph; of a node also what it reads, gives and does."""

    number: int
    content: bytes
    reads: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    operator: str = ""


def guided(content: bytes, term: Term, shape: LayerShape) -> bytes:
    """Return the gradient file `content`, of one whole layer, for dreams with a guide.

    `shape` is the layer's. Raise DreamError for a term of a single channel.
    """
    if term.channel is not None:
        raise DreamError(
            f"{term}: a guide leads a whole layer; name {term.layer} without a channel"
        )
    pieces = []
    for number, wire, value in fields(memoryview(content)):
        if number == GRAPH and not isinstance(value, int):
            pieces.append(bytes_field(GRAPH, _guided_graph(value, term, shape)))
        else:
            pieces.append(field(number, wire, value))
    entry = guided_entry(term, shape)
    return described(b"".join(pieces), {"layers": json.dumps([entry])})


def guided_entry(term: Term, shape: LayerShape) -> dict[str, object]:
    """Return how a layer that a guide leads is described among a gradient file's layers."""
    guide = {"channels": shape.channels, "stride": shape.stride, "parts": parts(shape.stride)}
    return {"layer": term.layer, "channel": None, "weight": term.weight, "guide": guide}


def _guided_graph(graph: memoryview, term: Term, layer_shape: LayerShape) -> bytes:
    whole = [_part(number, bytes(value)) for number, value in _messages(graph)]
    stride, channels = layer_shape.stride, layer_shape.channels
    activation, seed = _seed(whole)
    rectified = f"{term.layer}.weight" not in _names(whole, INITIALIZER)
    made = Nodes(PREFIX)
    features = _features(made, activation, term, stride, rectified)
    renamed = {activation: features_output(term.layer), features: seed}
    added = [_node_part(node, renamed) for node in made.nodes]
    kept = []
    for part in whole:
        if seed in part.gives:  # here, for the nodes are in the order that they run in
            kept += added
        elif "objective" not in part.gives:
            kept.append(_renamed(part, renamed))
    shape = (1, channels, "guided_height", "guided_width")
    positions = f"positions/{term.layer}"
    constants = (_part(INITIALIZER, _tensor(*pair)) for pair in made.constants.items())
    ends = [
        _Part(INPUT, _value_info(guide_input(term.layer), (positions, channels))),
        _Part(INPUT, _value_info(order_input(term.layer), (positions, 1))),
        _Part(OUTPUT, _value_info(features_output(term.layer), shape)),
    ]
    needed = _needed([*kept, *constants, *ends])
    return b"".join(bytes_field(part.number, part.content) for part in needed)


def _features(made: Nodes, x: str, term: Term, stride: int, rectified: bool) -> str:
    """Append what finds the features that go back; return their name."""
    append_nearest(made, x, term.layer, parts(stride))
    found, products = nearest_values(term.layer)
    total = made.add("ReduceSum", products, keepdims=0)
    made.add_named("objective", "Mul", total, made.floats(term.weight))
    if rectified:  # of the factor's own zeros there was no need to
        found = rectified_features(made, found, x)
    if term.weight != 1:
        found = made.add("Mul", found, made.floats(term.weight))
    return found


def _messages(graph: memoryview) -> Iterator[tuple[int, memoryview]]:
    for number, wire, value in fields(graph):
        if wire == LENGTH and not isinstance(value, int):
            yield number, value


def _part(number: int, content: bytes) -> _Part:
    if number != NODE:
        return _Part(number, content)
    texts: dict[int, list[str]] = {NODE_INPUT: [], NODE_OUTPUT: [], OP_TYPE: []}
    for part, value in _messages(memoryview(content)):
        if part in texts:
            texts[part].append(bytes(value).decode())
    (operator,) = texts[OP_TYPE]
    return _Part(number, content, tuple(texts[NODE_INPUT]), tuple(texts[NODE_OUTPUT]), operator)


def _seed(whole: Iterable[_Part]) -> tuple[str, str]:
    """Return the names of the layer's activations, and of what goes back from them."""
    operators = {name: part.operator for part in whole for name in part.gives}
    for part in whole:
        if part.operator == "Mul" and CHANNELS in part.reads:
            (x,) = (name for name in part.reads if name != CHANNELS)
            if operators[x] != "ReduceSum":  # which is of the objective
                return x, part.gives[0]
    raise DreamError("this gradient file has no choice of channels, and so no place for a guide")


def _name(part: _Part) -> str:
    """Return the name of an initializer, or of a value's description."""
    return text_of(memoryview(part.content), NAME if part.number == INITIALIZER else INFO_NAME)


def _names(whole: Iterable[_Part], number: int) -> set[str]:
    return {_name(part) for part in whole if part.number == number}


def _renamed(part: _Part, names: dict[str, str]) -> _Part:
    """Return a node with other names for some values; anything else as it is."""
    if names.keys().isdisjoint((*part.reads, *part.gives)):
        return part
    pieces = []
    for number, wire, value in fields(memoryview(part.content)):
        if number in (NODE_INPUT, NODE_OUTPUT) and not isinstance(value, int):
            name = bytes(value).decode()
            pieces.append(bytes_field(number, names.get(name, name).encode()))
        else:
            pieces.append(field(number, wire, value))
    return _part(part.number, b"".join(pieces))


def _needed(whole: list[_Part]) -> list[_Part]:
    """Return the parts without nodes, constants and descriptions of what no output needs."""
    needed = _names(whole, OUTPUT)
    kept = []
    for part in reversed(whole):
        if part.number == NODE and not needed.isdisjoint(part.gives):
            needed.update(part.reads)
            kept.append(part)
    nodes = kept[::-1]
    values = needed | {name for part in nodes for name in part.gives}
    ends = _names(whole, OUTPUT) | _names(whole, INPUT)
    others = [
        part
        for part in whole
        if part.number not in (NODE, INITIALIZER, VALUE_INFO)
        or (part.number == INITIALIZER and _name(part) in needed)
        or (part.number == VALUE_INFO and _name(part) in values - ends)
    ]
    return [*nodes, *others]


# --- writing ONNX's messages ----------------------------------------------------------------------


def _node_part(node: Node, names: dict[str, str]) -> _Part:
    values = [
        *((NODE_INPUT, names.get(name, name)) for name in node.inputs),
        *((NODE_OUTPUT, names.get(name, name)) for name in node.outputs),
        (NODE_NAME, node.outputs[0]),
        (OP_TYPE, node.operator),
    ]
    content = b"".join(bytes_field(number, text.encode()) for number, text in values)
    for key, value in node.attributes.items():
        content += bytes_field(ATTRIBUTE, _attribute(key, value))
    return _part(NODE, content)


def _attribute(name: str, value: int | tuple[int, ...]) -> bytes:
    written = bytes_field(ATTRIBUTE_NAME, name.encode())
    if isinstance(value, int):
        return written + integer_field(INTEGER, value) + integer_field(ATTRIBUTE_TYPE, IS_INTEGER)
    numbers = b"".join(integer_field(INTEGERS, number) for number in value)
    return written + numbers + integer_field(ATTRIBUTE_TYPE, IS_INTEGERS)


def _tensor(name: str, value: NDArray[np.float32 | np.int64]) -> bytes:
    sizes = b"".join(integer_field(DIMS, size) for size in value.shape)
    kind = integer_field(DATA_TYPE, TYPES[value.dtype])
    little = value.astype(value.dtype.newbyteorder("<"))
    return sizes + kind + bytes_field(NAME, name.encode()) + bytes_field(RAW_DATA, little.tobytes())


def _value_info(name: str, sizes: Iterable[int | str]) -> bytes:
    """Return the description of a float32 value; a text is the name of a size that is open."""
    dims = b"".join(
        bytes_field(
            DIM,
            integer_field(DIM_VALUE, size)
            if isinstance(size, int)
            else bytes_field(DIM_PARAM, size.encode()),
        )
        for size in sizes
    )
    tensor = integer_field(ELEMENT_TYPE, FLOAT) + bytes_field(SHAPE, dims)
    kind = bytes_field(INFO_TYPE, bytes_field(TENSOR_TYPE, tensor))
    return bytes_field(INFO_NAME, name.encode()) + kind
