"""The network in float16, what float16 cannot hold in float32.

float16 ends at 65504 and has 11 significant bits. Therefore in float32:

    the picture and its gradient      as the file's contract has it
    squares, and LRN around them      an activation of 300 squared is 90000
    sums and maxima over a layer      the objective, and the seed below

The gradient is linear in the seed of the backward pass. Autograd sets it to 1, and the pass starts
with a layer's own activations; here it starts with values of at most `START`, whatever the
activations are, and the gradient is multiplied back at the end:

    peak     = sum over terms of |weight| * max |activation|
    seed     = START / peak
    gradient = float32(what comes out) * peak / START
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir
from onnx_ir.convenience import replace_all_uses_with
from onnx_ir.passes.common import RemoveUnusedNodesPass

from ort_deepdream.errors import DreamError
from ort_deepdream.export.emit import LOWEST, Emitter, operands
from ort_deepdream.export.passes.fusions import merge_relus, split_relu
from ort_deepdream.export.passes.rewrite import constant, factors

FLOAT, HALF = ir.DataType.FLOAT, ir.DataType.FLOAT16
LARGEST = float(np.finfo(np.float16).max)

# On its way to the picture a gradient grew up to 50 times in most networks that were looked at, in
# one 16000 times; in the picture its mean was down to 1/17000 of its start. float16 ends at 6e-8.
START = 4.0
NOTHING = 1e-30  # so that a layer that is silent throughout divides by something

# Always in float32: their range, or that of what they read, needs it; or CUDA alone can add in
# float16 to what is scattered. Not what is placed without adding, and the sum of its layers.
WIDE = {"Sqrt", "Div", "Pow", "Reciprocal", "ReduceSum", "ReduceMax", "ScatterElements"}
# In float32 if something they read is, but for a mask.
ARITHMETIC = {"Add", "Sub", "Mul", "Abs", "Neg", "Squeeze", "Identity", "Transpose", "Reshape"}
COMPARISONS = {"Equal", "Greater", "Less"}
LRN_WEIGHTS = (".band", ".offset")  # of LocalResponseNorm in export/network.py


def compute_in_half(model: ir.Model) -> None:
    """Rewrite a float32 graph whose second input is the seed, as said above.

    Raise DreamError when a weight does not fit into float16.
    """
    if split_relu(model):  # for float16 there is no such kernel
        merge_relus(model)
    graph = model.graph
    _scale_seed(graph)
    graph.sort()
    _Converter(graph).convert()
    RemoveUnusedNodesPass()(model)


def _scale_seed(graph: ir.Graph) -> None:
    seed = graph.inputs.pop()
    emit = Emitter(graph)
    peak = emit.floats(NOTHING)
    for activation, weight in _terms(seed, 1.0):
        largest = emit.Squeeze(emit.ReduceMax(emit.Abs(activation), keepdims=1))
        peak = emit.Add(peak, emit.Mul(largest, emit.floats(abs(weight))))
    replace_all_uses_with(seed, emit.Div(emit.floats(START), peak))
    (last,) = (node for node in graph if node.outputs[0].name == "gradient")
    scale = emit.Mul(peak, emit.floats(1 / START))
    last.replace_input_with(0, emit.Mul(operands(last)[0], scale))
    for number, node in enumerate(emit.nodes):
        node.name = f"seed/{number}_{node.op_type}"
    graph.insert_before(last, emit.nodes)
    for made in emit.initializers:
        graph.register_initializer(made)


def _terms(seed: ir.Value, weight: float) -> Iterator[tuple[ir.Value, float]]:
    """Return the tensors that the seed is multiplied with, and the constants that join in."""
    for node, _ in tuple(seed.uses()):
        for factor, other in factors(node):
            if factor is not seed:
                continue
            scalar = constant(other)
            if scalar is not None and scalar.size == 1:
                yield from _terms(node.outputs[0], weight * float(scalar))
            else:
                yield other, weight * _constant_after(node.outputs[0])


def _constant_after(value: ir.Value) -> float:
    """c where all that becomes of `value` is value * c."""
    uses = tuple(value.uses())
    if len(uses) != 1:
        return 1.0
    for factor, other in factors(uses[0].node):
        scalar = constant(other)
        if factor is value and scalar is not None and scalar.size == 1:
            return float(scalar)
    return 1.0


class _Converter:
    """What gives every node its precision, and casts where two meet."""

    def __init__(self, graph: ir.Graph) -> None:
        self.graph = graph
        (image,) = graph.inputs
        self.precision: dict[ir.Value, ir.DataType] = {image: FLOAT}
        self.constants: dict[ir.Value, ir.DataType] = {}
        self.fixed: set[ir.Value] = set()  # computed of constants alone
        self.casts: dict[tuple[ir.Value, ir.DataType], ir.Value] = {}

    def convert(self) -> None:
        self._weights()
        for node in tuple(self.graph):
            if self._is_constant(node):  # such as the band of LRN
                self.precision[node.outputs[0]] = FLOAT
            elif node.op_type in COMPARISONS:
                self._read_in(node, HALF)
            elif self._is_float(node):
                wanted = self._of(node)
                self._read_in(node, wanted)
                self._write_in(node, wanted)

    def _weights(self) -> None:
        for name, value in tuple(self.graph.initializers.items()):
            if value.dtype != FLOAT:
                continue
            if name.startswith("constant_"):
                self.constants[value] = FLOAT
            elif name.endswith(LRN_WEIGHTS):
                self.precision[value] = FLOAT
            else:
                _narrow(value)
                self.precision[value] = HALF

    def _is_constant(self, node: ir.Node) -> bool:
        """Return whether it computes with float32 constants alone; it is folded into one."""
        if node.inputs[0] in self.fixed or node.inputs[0] in self.constants:
            known = {*self.fixed, *self.constants}
            if all(value in known for value in node.inputs):
                self.fixed.update(node.outputs)
                return True
        return False

    def _is_float(self, node: ir.Node) -> bool:
        if node.op_type == "Shape":
            return False
        if node.op_type == "ConstantOfShape":
            return True
        if node.op_type == "Cast":
            return node.attributes["to"].as_int() == FLOAT
        first = node.inputs[0]
        return first in self.precision or first in self.constants

    def _of(self, node: ir.Node) -> ir.DataType:
        read = [value for value in node.inputs if value in self.precision]
        wide = any(self.precision[value] == FLOAT for value in read)
        if _is_placed(node):
            return HALF
        if node.op_type in WIDE or _is_ground(node):
            return FLOAT
        if node.op_type == "Conv":  # its weights say
            return self.precision.get(operands(node)[1], FLOAT)
        if node.op_type == "Mul" and node.inputs[0] is node.inputs[1]:
            return FLOAT
        if node.op_type in ARITHMETIC and not any(_is_mask(value) for value in read):
            return FLOAT if wide else HALF
        return HALF

    def _read_in(self, node: ir.Node, wanted: ir.DataType) -> None:
        for index, value in enumerate(node.inputs):
            if value is None:
                continue
            if value in self.constants:
                node.replace_input_with(index, self._constant(value, wanted))
            elif self.precision.get(value, wanted) != wanted:
                node.replace_input_with(index, self._cast(value, wanted, node))

    def _write_in(self, node: ir.Node, wanted: ir.DataType) -> None:
        if node.op_type == "Cast":
            node.attributes["to"] = ir.AttrInt64("to", wanted)
        value = node.outputs[0]
        value.type = ir.TensorType(wanted)
        self.precision[value] = wanted

    def _constant(self, value: ir.Value, wanted: ir.DataType) -> ir.Value:
        if wanted == FLOAT:
            return value
        if (value, wanted) not in self.casts:
            assert value.const_value is not None
            numbers = value.const_value.numpy()
            half = np.where(numbers == LOWEST, -LARGEST, numbers).astype(np.float16)
            name = f"{value.name}_half"
            made = ir.Value(
                name=name,
                shape=value.shape,
                type=ir.TensorType(HALF),
                const_value=ir.tensor(half, name=name),
            )
            self.graph.register_initializer(made)
            self.casts[value, wanted] = made
        return self.casts[value, wanted]

    def _cast(self, value: ir.Value, wanted: ir.DataType, before: ir.Node) -> ir.Value:
        if (value, wanted) not in self.casts:
            emit = Emitter(self.graph)
            made = emit.Cast(value, to=wanted)
            made.shape, made.type = value.shape, ir.TensorType(wanted)
            emit.nodes[0].name = f"{before.name}/to_{wanted.name.lower()}_{value.name}"
            self.graph.insert_before(before, emit.nodes)
            self.precision[made] = wanted
            self.casts[value, wanted] = made
        return self.casts[value, wanted]


def _narrow(weight: ir.Value) -> None:
    assert weight.const_value is not None
    numbers = weight.const_value.numpy()
    if not (np.abs(numbers) <= LARGEST).all():
        raise DreamError(
            f"the weights {weight.name} reach {np.abs(numbers).max():.3g}, and float16 ends at "
            f"{LARGEST:.0f}; export with --precision float32"
        )
    weight.const_value = ir.tensor(numbers.astype(np.float16), name=weight.name)
    weight.type = ir.TensorType(HALF)


def _is_ground(node: ir.Node) -> bool:
    """Return whether all that becomes of it is that a pool's gradient is added to it."""
    readers = list(node.outputs[0].consumers())
    return bool(readers) and all(
        reader.op_type == "ScatterElements" and "reduction" in reader.attributes
        for reader in readers
    )


def _is_placed(node: ir.Node | None) -> bool:
    """Return whether it places values, or adds up the layers that they are placed in."""
    if node is None:
        return False
    if node.op_type == "ScatterElements":
        return "reduction" not in node.attributes
    if node.op_type in ("ReduceSum", "Reshape"):
        return _is_placed(operands(node)[0].producer())
    return False


def _is_mask(value: ir.Value | None) -> bool:
    """Return whether it is 0/1 from a comparison or a sign, or made of such and of constants."""
    node = value.producer() if value is not None else None
    if node is None:
        return False
    if node.op_type == "Sign":
        return True
    if node.op_type == "Cast":
        compared = operands(node)[0].producer()
        return compared is not None and compared.op_type in COMPARISONS
    if node.op_type not in ("Mul", "Sub"):
        return False
    return all(_is_mask(part) for part in node.inputs if constant(part) is None)
