"""Lower a traced graph of ATen operators to ONNX, one rule for each operator overload.

A rule is a function `(emit, *args, **kwargs)` with the operator's own arguments, tensors being
`ir.Value`s; it emits nodes and returns the operator's value (a tuple for several). Rules live in
`export/rules/`, one module for each family. What ONNX has no operator for, a rule may leave to the
graph's target as one of the composites of `export/composites.py`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from torch import Tensor, fx
from torch._ops import OpOverload

from ort_deepdream.errors import DreamError
from ort_deepdream.export.emit import OPSET, Emitter
from ort_deepdream.export.trace import PICTURE_SIZE, Trace

Rule = Callable[..., Any]

_RULES: dict[OpOverload, Rule] = {}


def lowers(*overloads: OpOverload) -> Callable[[Rule], Rule]:
    """Register the decorated function as the rule for `overloads`; ValueError for a second one."""

    def register(rule: Rule) -> Rule:
        for overload in overloads:
            if overload in _RULES:
                first = _RULES[overload].__name__
                raise ValueError(f"{overload} has two rules: {first} and {rule.__name__}")
            _RULES[overload] = rule
        return rule

    return register


def rule_for(overload: OpOverload) -> Rule:
    """Return the rule for `overload`. Raise DreamError when there is none."""
    if overload not in _RULES:
        raise DreamError(
            f"no lowering rule for {overload}; add one to the family it belongs to in "
            f"export/rules/ (CONTRIBUTING.md, 'Add a lowering rule')"
        )
    return _RULES[overload]


def rules() -> Mapping[OpOverload, Rule]:
    """Return every rule, by overload."""
    return _RULES


def lower(trace: Trace, names: Mapping[str, str], open_seed: bool = False) -> ir.Model:
    """Return the ONNX model of `trace`: image -> (objective, gradient), sizes symbolic.

    `names` maps the traced tensors' names to those of the initializers. With `open_seed` the model
    has a second input, a scalar that the backward pass starts with instead of 1.
    """
    image = _input("image", [1, 3, "height", "width"])
    inputs = [image, _input("seed", [])] if open_seed else [image]
    emit = Emitter(seed=inputs[1] if open_seed else None)
    values: dict[fx.Node, Any] = {}
    sources = iter(trace.tensors.items())
    for node in trace.graph.nodes:
        if node.op == "placeholder":
            name, tensor = next(sources, (None, None))
            if tensor is None:
                values[node] = image
            elif node.users:
                values[node] = emit.initializer(_tensor(tensor), names[str(name)])
        elif node.op == "call_function":
            values[node] = _lower_node(emit, node, values)
        elif node.op == "output":
            objective, gradient = (values[result] for result in node.args[0])
    outputs = [
        _named(emit, objective, "objective", []),
        _named(emit, gradient, "gradient", image.shape),
    ]
    graph = ir.Graph(
        inputs,
        outputs,
        nodes=emit.nodes,
        initializers=emit.initializers,
        opset_imports={"": OPSET},
        name="deepdream_gradient",
    )
    return ir.Model(graph, ir_version=10)


def _input(name: str, shape: Sequence[int | str]) -> ir.Value:
    return ir.Value(name=name, type=ir.TensorType(ir.DataType.FLOAT), shape=ir.Shape(shape))


def _lower_node(emit: Emitter, node: fx.Node, values: dict[fx.Node, Any]) -> Any:
    args: Any
    kwargs: Any
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: values[n])
    if node.target is operator.getitem:
        value = args[0][args[1]]
        _record_shape(value, node)
        return value
    assert isinstance(node.target, OpOverload), node.target
    before = len(emit.nodes)
    try:
        value = rule_for(node.target)(emit, *args, **kwargs)
    except NotImplementedError as error:
        raise DreamError(f"the rule for {node.target} does not cover {node}: {error}") from error
    for number, made in enumerate(emit.nodes[before:]):
        made.name = f"{node.name}/{number}_{made.op_type}"
    _record_shape(value, node)
    return value


def _record_shape(value: Any, node: fx.Node) -> None:
    shape = node.meta.get("shape")
    if isinstance(value, ir.Value) and shape is not None and value.shape is None:
        value.shape = ir.Shape(shape)
        value.type = ir.TensorType(ir.DataType.FLOAT)


def _tensor(tensor: Tensor) -> ir.TensorProtocol:
    return ir.tensor(np.ascontiguousarray(tensor.detach().numpy(), np.float32))


def _named(emit: Emitter, value: ir.Value, name: str, shape: Any) -> ir.Value:
    """Name `value` as an output, by a node of its own: it may be two outputs at once."""
    output = emit.Identity(value)
    output.name = name
    output.shape = ir.Shape(shape)
    output.type = ir.TensorType(ir.DataType.FLOAT)
    return output


def refuse_picture_size(*sizes: Any) -> None:
    """Raise NotImplementedError where a rule needs a size that is not known."""
    if PICTURE_SIZE in sizes:
        raise NotImplementedError("it needs a number that depends on the picture's size")
