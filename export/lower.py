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
import torch
from torch import Tensor, fx
from torch._ops import OpOverload

from ort_deepdream.errors import DreamError
from ort_deepdream.export.emit import OPSET, Emitter
from ort_deepdream.export.trace import PictureSize, Trace

aten = torch.ops.aten

Rule = Callable[..., Any]

TYPES = {
    torch.float32: ir.DataType.FLOAT,
    torch.int64: ir.DataType.INT64,
    torch.bool: ir.DataType.BOOL,
}

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
    emit = Lowering(seed=inputs[1] if open_seed else None)
    values: dict[fx.Node, Any] = {}
    sources = iter(trace.tensors.items())
    for node in trace.graph.nodes:
        if node.op == "placeholder":
            name, tensor = next(sources, (None, None))
            if tensor is None:
                values[node] = image
                emit.note_sizes(node, image)
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


# Operators whose values have their sizes in the graph as in the trace. Not every gradient has: one
# number for each channel is not repeated over a layer where arithmetic broadcasts it.
MEASURED = {aten.convolution.default, aten.max_pool2d_with_indices.default}


# By a number, or by another tensor.
SCALED = {aten.mul.Scalar, aten.div.Scalar, aten.mul.Tensor, aten.div.Tensor}


def is_whole(node: fx.Node) -> bool:
    """Return whether a value has its shape in the graph: it is no number yet to be repeated."""
    values = [value for value in node.args if isinstance(value, fx.Node)]
    if node.target in SCALED and len(values) == 1:
        return is_whole(values[0])
    return node.target is not aten.expand.default


class Lowering(Emitter):
    """An emitter that knows which operator of the trace it is at, and sizes when it runs."""

    node: fx.Node  # what is lowered now

    def __init__(self, seed: ir.Value | None = None) -> None:
        super().__init__(seed=seed)
        self._measured: dict[PictureSize, tuple[ir.Value, int, int]] = {}

    def note_sizes(self, node: fx.Node, value: ir.Value) -> None:
        """Remember a value [N, C, H, W] as one whose sizes can be asked for."""
        sizes = node.meta.get("sizes", ())
        if len(sizes) != 4:
            return
        for axis in (2, 3):
            if isinstance(sizes[axis], PictureSize):
                self._measured.setdefault(sizes[axis], (value, axis, axis + 1))
        if all(isinstance(size, PictureSize) for size in sizes[2:]):
            height, width = sizes[2:]
            area = PictureSize(height.first * width.first, height.second * width.second)
            self._measured.setdefault(area, (value, 2, 4))

    def size(self, size: int | PictureSize) -> ir.Value:
        """Append a size as int64 [1]: one of a layer's sides, or their product.

        Raise NotImplementedError for another number that depends on the picture's size.
        """
        if not isinstance(size, PictureSize):
            return self.ints(size)
        if size not in self._measured:
            refuse_picture_size(size)
        value, start, end = self._measured[size]
        sides = self.Shape(value, start=start, end=end)
        return sides if end - start == 1 else self.ReduceProd(sides, keepdims=1)

    def shape(self, sizes: Sequence[int | PictureSize]) -> ir.Value:
        """Append a shape as Reshape wants it; one size that is not known may follow from the rest.

        Raise NotImplementedError where two of them are other numbers than sides of a layer.
        """
        open_ones = [n for n, size in enumerate(sizes) if isinstance(size, PictureSize)]
        left = next((n for n in open_ones if sizes[n] not in self._measured), None)
        left = open_ones[-1] if left is None and open_ones else left
        lengths: list[int | PictureSize] = [
            -1 if n == left else size for n, size in enumerate(sizes)
        ]
        if all(type(length) is int for length in lengths):
            return self.ints(lengths)
        return self.Concat(*(self.size(length) for length in lengths), axis=0)


def _lower_node(emit: Lowering, node: fx.Node, values: dict[fx.Node, Any]) -> Any:
    args: Any
    kwargs: Any
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: values[n])
    if node.target is operator.getitem:
        value = args[0][args[1]]
        _record_shape(value, node)
        if node.args[0].target in MEASURED:  # type: ignore[union-attr, operator]
            emit.note_sizes(node, value)
        return value
    assert isinstance(node.target, OpOverload), node.target
    before = len(emit.nodes)
    emit.node = node
    try:
        value = rule_for(node.target)(emit, *args, **kwargs)
    except NotImplementedError as error:
        raise DreamError(f"the rule for {node.target} does not cover {node}: {error}") from error
    for number, made in enumerate(emit.nodes[before:]):
        made.name = f"{node.name}/{number}_{made.op_type}"
    if is_whole(node):
        _record_shape(value, node)
    if node.target in MEASURED:
        emit.note_sizes(node, value)
    return value


def _record_shape(value: Any, node: fx.Node) -> None:
    shape = node.meta.get("shape")
    if isinstance(value, ir.Value) and shape is not None and value.shape is None:
        value.shape = ir.Shape(shape)
        value.type = ir.TensorType(TYPES[node.meta["val"].dtype])


def _tensor(tensor: Tensor) -> ir.TensorProtocol:
    numbers = np.ascontiguousarray(tensor.detach().numpy())
    return ir.tensor(numbers.astype(np.float32) if tensor.is_floating_point() else numbers)


def _named(emit: Emitter, value: ir.Value, name: str, shape: Any) -> ir.Value:
    """Name `value` as an output, by a node of its own: it may be two outputs at once."""
    output = emit.Identity(value)
    output.name = name
    output.shape = ir.Shape(shape)
    output.type = ir.TensorType(ir.DataType.FLOAT)
    return output


def refuse_picture_size(*sizes: Any) -> None:
    """Raise NotImplementedError where a rule needs a size that is not known."""
    if any(isinstance(size, PictureSize) for size in sizes):
        raise NotImplementedError("it needs a number that depends on the picture's size")
