"""A gradient file's graph with some of its units left out, by an input that says which count.

    objective = sum(weight * 1/2 a^2)        becomes        sum(weight * 1/2 (own * a)^2)

`own` is 1 for the units of the layer that count and 0 for the others, [1, 1, rows, columns]; a file
of several layers has one for each. The gradient is that of the units that count, so what several
parts of a picture give for units of their own adds up to the whole picture's.

Where a guide leads (weights/nearest.py) it is the largest product of each unit, and the features
that go back from there, that are multiplied by `own`.

The graph is changed as it lies in the file (onnx.proto): the squares are found from the objective
back, and their `a` is multiplied by `own` where the objective and the beginning of its gradient
read it. Where the network goes on from `a` to a later layer, it stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ort_deepdream.engine.sessions.gradient_file import GradientFile
from ort_deepdream.errors import DreamError
from ort_deepdream.protobuf import bytes_field, field, fields, integer_field
from ort_deepdream.step import own_names
from ort_deepdream.weights.positions import led_values

GRAPH = 7  # in ModelProto
NODE, INPUT = 1, 11  # in GraphProto
NODE_INPUT, NODE_OUTPUT, NODE_NAME, OP_TYPE = 1, 2, 3, 4
FLOAT = 1

OWNED = "owned"  # begins the names of what is added
# How a layer's gradient begins where the network goes on from it: its own part of the sum.
BEGINNINGS = ("Mul", "Pad", "Add", "Sum")


@dataclass(frozen=True)
class _Node:
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    message: memoryview

    def reading(self, names: dict[str, str]) -> bytes:
        """Return the node's message with other inputs, by the names that they have now."""
        out = bytearray()
        for number, wire_type, value in fields(self.message):
            if number == NODE_INPUT and not isinstance(value, int):
                name = bytes(value).decode()
                out += bytes_field(number, names.get(name, name).encode())
            else:
                out += field(number, wire_type, value)
        return bytes(out)


def counting_own_units(file: GradientFile) -> bytes:
    """Return the file's graph with one more input for each layer of its objective.

    They have the `own_names`, in the order of `file.info.layers` as far as these are of different
    layers. Raise DreamError for an objective that is not known.
    """
    nodes = [_node(message) for number, _, message in _graph(file.content) if number == NODE]
    producers = {name: node for node in nodes for name in node.outputs}
    parts = list(dict.fromkeys(_parts("objective", producers)))
    if not parts:
        raise DreamError(
            f"{file.path}: its objective is not known, so a picture cannot be dreamt on in "
            f"tiles; make the picture smaller"
        )
    changes: dict[int, dict[str, str]] = {}  # by a node's place, its inputs' new names
    added: dict[str, str] = {}  # by a value, the input that it is multiplied by
    for part, own in zip(parts, own_names(len(parts)), strict=True):
        before_others = _ancestors([other for other in parts if other != part], producers)
        for value in led_values(part) or [part]:
            added[value] = own
            for place in _counted(value, nodes, before_others):
                changes.setdefault(place, {})[value] = _owned(value)
    return _written(file.content, nodes, changes, added)


def _graph(content: bytes) -> Iterator[tuple[int, int, memoryview]]:
    for number, _, graph in fields(memoryview(content)):
        if number == GRAPH and not isinstance(graph, int):
            for part, wire_type, value in fields(graph):
                assert not isinstance(value, int)  # GraphProto has no numbers
                yield part, wire_type, value


def _node(message: memoryview) -> _Node:
    inputs, outputs, kind = [], [], ""
    for number, _, value in fields(message):
        if isinstance(value, int):
            continue
        if number == NODE_INPUT:
            inputs.append(bytes(value).decode())
        elif number == NODE_OUTPUT:
            outputs.append(bytes(value).decode())
        elif number == OP_TYPE:
            kind = bytes(value).decode()
    return _Node(kind, tuple(inputs), tuple(outputs), message)


def _parts(name: str, producers: dict[str, _Node]) -> Iterator[str]:
    """Yield the values whose squares, or largest products, make up the sum `name`."""
    node = producers.get(name)
    if node is None:
        return
    if led_values(name):
        yield name
        return
    if node.kind == "Mul" and len(set(node.inputs)) == 1:
        yield node.inputs[0]
        return
    # Factors and axes are numbers of the file: nothing is found behind them.
    for one in node.inputs if node.kind in ("Add", "Sum", "Mul") else node.inputs[:1]:
        yield from _parts(one, producers)


def _ancestors(names: Iterable[str], producers: dict[str, _Node]) -> set[str]:
    """Return all values that `names` are computed from, and themselves."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += producers[name].inputs if name in producers else ()
    return found


def _counted(value: str, nodes: Sequence[_Node], before_others: set[str]) -> list[int]:
    """Return the places of the nodes that read `value` as a part of the objective.

    For the last layer those are all. From an earlier one the network goes on to others, whose
    gradients come back through it: its ReLUs and pools must be what they were.
    """
    readers = [place for place, node in enumerate(nodes) if value in node.inputs]
    if value not in before_others:
        return readers
    return [
        place
        for place in readers
        if before_others.isdisjoint(nodes[place].outputs) and nodes[place].kind in BEGINNINGS
    ]


def _written(
    content: bytes,
    nodes: Sequence[_Node],
    changes: dict[int, dict[str, str]],
    added: dict[str, str],
) -> bytes:
    """Return the file's bytes with the changes to its nodes, and the inputs that are added."""
    out = bytearray()
    for part, kind, value in fields(memoryview(content)):
        if part != GRAPH:
            out += field(part, kind, value)
    graph = bytearray()
    for number, wire_type, entry in _graph(content):
        if number != NODE:
            graph += field(number, wire_type, entry)
    for place, node in enumerate(nodes):
        names = changes.get(place)
        message = bytes(node.message) if names is None else node.reading(names)
        graph += bytes_field(NODE, message)
        for name in node.outputs:
            if name in added:
                graph += bytes_field(NODE, _product(name, added[name]))
    for own in dict.fromkeys(added.values()):
        graph += bytes_field(INPUT, _input(own))
    return bytes(out + bytes_field(GRAPH, bytes(graph)))


def _owned(value: str) -> str:
    """Return the name of a value as far as its units count."""
    return f"{OWNED}/{value}"


def _product(value: str, own: str) -> bytes:
    """Return the node `_owned(value) = value * own`."""
    owned = _owned(value).encode()
    return b"".join(
        [
            bytes_field(NODE_INPUT, value.encode()),
            bytes_field(NODE_INPUT, own.encode()),
            bytes_field(NODE_OUTPUT, owned),
            bytes_field(NODE_NAME, owned),
            bytes_field(OP_TYPE, b"Mul"),
        ]
    )


def _input(name: str) -> bytes:
    """Return the description of an input float[1, 1, NAME/rows, NAME/columns]."""
    one = bytes_field(1, integer_field(1, 1))  # a dimension's number
    sides = [bytes_field(1, bytes_field(2, f"{name}/{side}".encode())) for side in SIDES]
    tensor = integer_field(1, FLOAT) + bytes_field(2, one + one + b"".join(sides))
    return bytes_field(1, name.encode()) + bytes_field(2, bytes_field(1, tensor))


SIDES = ("rows", "columns")
