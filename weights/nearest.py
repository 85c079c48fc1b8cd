"""For each position of a layer the feature vector of a guide that is nearest: the nodes of it.

A guided dream climbs the notebook's objective. With x_i the activations at position i of the layer,
all channels of it, and y_j those of the guide at its position j:

    objective = sum_i max_j x_i . y_j
    gradient at x_i = y_j, j the first of those with the largest product

All products at once are a matrix [positions of the guide, positions of the picture]. Where that
may be large the guide's positions are taken in parts, one after the other, each compared with the
best so far (weights/positions.py has how many).

The largest product, and the number of the first position that has it, are found with ReduceMax,
Equal, Where and ReduceMin: what ArgMax and TopK do with equal values is up to a provider, and on
the CPU both take longer.

`export` puts these nodes into a graph that it makes, weights/guiding.py into a shipped one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.gradient_format import guide_input, order_input
from ort_deepdream.weights.positions import nearest_values

NUMBERED = 1e9  # more than the number of any position

Attributes = Mapping[str, int | tuple[int, ...]]


@dataclass(frozen=True)
class Node:
    """A node of an ONNX graph, its values by their names."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Attributes


@dataclass
class Nodes:
    """A row of nodes, and the constants that they read; all names begin with `prefix`."""

    prefix: str
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, NDArray[np.float32 | np.int64]] = field(default_factory=dict)

    def add(self, operator: str, *inputs: str, **attributes: int | tuple[int, ...]) -> str:
        """Append a node with one value and return that value's name."""
        (value,) = self.add_split(operator, *inputs, count=1, **attributes)
        return value

    def add_named(self, value: str, operator: str, *inputs: str) -> None:
        """Append a node whose value is called `value`."""
        self.nodes.append(Node(operator, inputs, (value,), {}))

    def add_split(
        self, operator: str, *inputs: str, count: int, **attributes: int | tuple[int, ...]
    ) -> tuple[str, ...]:
        """Append a node with `count` values and return their names."""
        outputs = tuple(f"{self.prefix}{len(self.nodes)}.{n}_{operator}" for n in range(count))
        self.nodes.append(Node(operator, inputs, outputs, attributes))
        return outputs

    def floats(self, value: float) -> str:
        """Return the name of a float32 constant."""
        return self._constant(np.array(value, np.float32))

    def ints(self, *values: int) -> str:
        """Return the name of an int64 constant, [n]."""
        return self._constant(np.array(values, np.int64))

    def _constant(self, value: NDArray[np.float32 | np.int64]) -> str:
        name = f"{self.prefix}{'_'.join(map(str, value.flat))}_{value.dtype}"
        self.constants[name] = value
        return name


def append_nearest(nodes: Nodes, x: str, layer: str, count: int) -> None:
    """Append what finds the nearest features, [1, C, h, w], and their products, [1, 1, h, w].

    `x` are the activations [1, C, h, w]; a guide's features at the layer are taken in `count`
    parts. The two values have the names of `nearest_values`.
    """
    guide, order = guide_input(layer), order_input(layer)
    flat = nodes.add("Squeeze", nodes.add("Reshape", x, nodes.ints(0, 0, -1)), nodes.ints(0))
    best, first = _nearest_of_parts(nodes, flat, guide, order, count)
    # No product equals the largest where that is not a number.
    limit = nodes.floats(NUMBERED)
    known = nodes.add("Where", nodes.add("Less", first, limit), first, nodes.floats(0))
    rows = nodes.add("Gather", guide, nodes.add("Cast", known, to=7), axis=0)  # [1, h * w, C]
    columns = nodes.add("Transpose", rows, perm=(0, 2, 1))
    size = nodes.add("Shape", x, start=2)
    features, products = nearest_values(layer)
    of_all = nodes.add("Concat", nodes.ints(0, 0), size, axis=0)
    nodes.add_named(features, "Reshape", columns, of_all)
    nodes.add_named(products, "Reshape", best, nodes.add("Concat", nodes.ints(1, 1), size, axis=0))


def _nearest_of_parts(
    nodes: Nodes, flat: str, guide: str, order: str, count: int
) -> tuple[str, str]:
    """Append the largest product of each position, [1, h * w], and the first that has it."""
    guides: tuple[str, ...] = (guide,)
    orders: tuple[str, ...] = (order,)
    if count > 1:
        guides = nodes.add_split("Split", guide, count=count, axis=0, num_outputs=count)
        orders = nodes.add_split("Split", order, count=count, axis=0, num_outputs=count)
    best, first = _nearest_of(nodes, flat, guides[0], orders[0])
    for part, numbers in zip(guides[1:], orders[1:], strict=True):
        other, other_first = _nearest_of(nodes, flat, _after(nodes, first, part), numbers)
        better = nodes.add("Greater", other, best)  # of equal ones the first stays
        best = nodes.add("Where", better, other, best)
        first = nodes.add("Where", better, other_first, first)
    return best, first


def _after(nodes: Nodes, first: str, part: str) -> str:
    """Append `part` as it is, once `first` is computed: else all products would be there at once.

    A provider runs nodes in an order of its own as long as none waits for another.
    """
    nothing = nodes.add("Mul", nodes.add("ReduceMin", first, keepdims=0), nodes.floats(0))
    return nodes.add("Add", part, nothing)


def _nearest_of(nodes: Nodes, flat: str, guide: str, order: str) -> tuple[str, str]:
    rows = nodes.ints(0)
    products = nodes.add("MatMul", guide, flat)
    best = nodes.add("ReduceMax", products, rows, keepdims=1)
    numbers = nodes.add("Where", nodes.add("Equal", products, best), order, nodes.floats(NUMBERED))
    return best, nodes.add("ReduceMin", numbers, rows, keepdims=1)


def rectified_features(nodes: Nodes, features: str, x: str) -> str:
    """Append features that are 0 where `x`, after its ReLU, is not above 0."""
    zero = nodes.floats(0)
    return nodes.add("Where", nodes.add("Greater", x, zero), features, zero)
