"""A guide in a graph that is exported: the nearest features, at the layers that it leads.

In the trace a stand-in has their place, a constant that the activations are multiplied with: the
gradient of that product is the stand-in, as it is the nearest features with a guide. They replace
it in the lowered graph, before it is shaped for its target.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.convenience import replace_all_uses_with

from ort_deepdream.export.emit import channels_of, operands
from ort_deepdream.export.objective import stand_in_name
from ort_deepdream.gradient_format import PREFIX, features_output, guide_input, order_input
from ort_deepdream.weights.nearest import Nodes, append_nearest
from ort_deepdream.weights.positions import Array, guide_rows, nearest_values, parts
from ort_deepdream.weights.terms import Term


def insert_guides(model: ir.Model, guides: Sequence[tuple[Term, int]]) -> None:
    """Put the nearest features where the trace has stand-ins; each term has its layer's stride.

    The model has two more inputs for each of them: the guide's features and their numbers.
    """
    for number, (term, stride) in enumerate(guides):
        _insert(model.graph, number, term, stride)


def _insert(graph: ir.Graph, number: int, term: Term, stride: int) -> None:
    stand_in = graph.initializers.pop(stand_in_name(number))
    (objective,) = (node for node in stand_in.consumers() if _activations(node, stand_in))
    x = _activations(objective, stand_in)
    assert x is not None
    positions = f"positions/{term.layer}"
    inputs = [
        _input(guide_input(term.layer), [positions, channels_of(x)]),
        _input(order_input(term.layer), [positions, 1]),
    ]
    graph.inputs.extend(inputs)
    made = Nodes(f"{_prefix(number)}/")
    append_nearest(made, _X, term.layer, parts(stride))
    found, products = nearest_values(term.layer)
    values = {_X: x, **{str(value.name): value for value in inputs}}
    graph.insert_before(objective, _written(graph, made, values))
    values[found].shape = ir.Shape([1, channels_of(x), None, None])
    values[found].type = ir.TensorType(ir.DataType.FLOAT)
    replace_all_uses_with(stand_in, values[found])
    # Their sum is that of the activations' products with the features, and there are fewer.
    replace_all_uses_with(objective.outputs[0], values[products])
    graph.remove(objective, safe=True)


_X = "x"  # stands for the activations' name, which is not known yet


def _prefix(number: int) -> str:
    return f"guide_{number}"


def _activations(node: ir.Node, stand_in: ir.Value) -> ir.Value | None:
    """x where `node` is x * stand_in in the objective; None for the product on the way back."""
    if node.op_type != "Mul":
        return None
    others = [value for value in operands(node) if value is not stand_in]
    sums = [consumer.op_type for consumer in node.outputs[0].consumers()]
    return others[0] if others and sums == ["ReduceSum"] else None


def _input(name: str, shape: list[int | str]) -> ir.Value:
    return ir.Value(name=name, type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(shape))


def _written(graph: ir.Graph, made: Nodes, values: dict[str, ir.Value]) -> list[ir.Node]:
    """Return nodes for the graph; `values` has what they read by name, and gets what they give."""
    for name, constant in made.constants.items():
        tensor = ir.tensor(constant, name=name)
        shape, kind = ir.Shape(constant.shape), ir.TensorType(tensor.dtype)
        value = ir.Value(name=name, shape=shape, type=kind, const_value=tensor)
        graph.register_initializer(value)
        values[name] = value
    nodes = []
    for node in made.nodes:
        written = ir.node(
            node.operator,
            [values[name] for name in node.inputs],
            dict(node.attributes),
            num_outputs=len(node.outputs),
            name=node.outputs[0],
        )
        for name, value in zip(node.outputs, written.outputs, strict=True):
            value.name = name
            values[name] = value
        nodes.append(written)
    return nodes


def trial_feed(description: Mapping[str, str]) -> dict[str, Array]:
    """Return what a gradient file wants of a guide, noise, by what it says of itself."""
    feed: dict[str, Array] = {}
    for entry in json.loads(description.get(PREFIX + "layers", "[]")):
        if "guide" in entry:
            shape = 1, entry["guide"]["channels"], 3, 5
            noise = np.random.default_rng(1).uniform(0, 1, shape).astype(np.float32)
            rows, numbers = guide_rows(noise, entry["guide"]["parts"])
            feed |= {guide_input(entry["layer"]): rows, order_input(entry["layer"]): numbers}
    return feed


def give_features(model: ir.Model, guides: Sequence[Term]) -> None:
    """Make the activations at the layers that a guide leads outputs, to compute its features."""
    for number, term in enumerate(guides):
        (first,) = (node for node in model.graph if node.name == f"{_prefix(number)}/0.0_Reshape")
        x = operands(first)[0]
        x.name = features_output(term.layer)
        model.graph.outputs.append(x)
