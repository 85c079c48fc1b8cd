"""Element by element: arithmetic, powers, ReLU and its gradient."""

from __future__ import annotations

import math

import onnx_ir as ir
import torch

from ort_deepdream.export import composites
from ort_deepdream.export.emit import Emitter
from ort_deepdream.export.lower import Lowering, lowers, refuse_picture_size
from ort_deepdream.export.trace import PictureSize

aten = torch.ops.aten
Operand = ir.Value | float


@lowers(aten.detach.default, aten.alias.default)
def detach(emit: Emitter, x: ir.Value) -> ir.Value:
    """detach(x), which PyTorch 2.14 traces as alias(x): a graph has no autograd to leave."""
    return x


@lowers(aten.clone.default)
def clone(emit: Emitter, x: ir.Value, *, memory_format: object = None) -> ir.Value:
    """x: a graph's values are never written over."""
    return x


@lowers(aten.add.Tensor)
def add(emit: Emitter, x: ir.Value, y: Operand, *, alpha: float = 1) -> ir.Value:
    """x + alpha * y"""
    refuse_picture_size(alpha)
    y = _value(emit, y)
    return emit.Add(x, y if alpha == 1 else emit.Mul(y, emit.floats(alpha)))


@lowers(aten.sub.Tensor)
def sub(emit: Emitter, x: ir.Value, y: Operand, *, alpha: float = 1) -> ir.Value:
    """x - alpha * y"""
    refuse_picture_size(alpha)
    y = _value(emit, y)
    return emit.Sub(x, y if alpha == 1 else emit.Mul(y, emit.floats(alpha)))


@lowers(aten.rsub.Scalar)
def rsub(emit: Emitter, x: ir.Value, y: float, alpha: float = 1) -> ir.Value:
    """y - alpha * x"""
    refuse_picture_size(alpha)
    return emit.Sub(_value(emit, y), x if alpha == 1 else emit.Mul(x, emit.floats(alpha)))


@lowers(aten.neg.default)
def neg(emit: Emitter, x: ir.Value) -> ir.Value:
    """-x"""
    return emit.Neg(x)


@lowers(aten.div.Tensor, aten.div.Scalar)
def div(emit: Lowering, x: ir.Value, y: Operand | PictureSize) -> ir.Value:
    """x / y; a mean's gradient is divided by the number of values of a layer."""
    if isinstance(y, PictureSize):
        count = emit.Squeeze(emit.Cast(emit.size(y), to=ir.DataType.FLOAT))
        return emit.Div(x, count)
    return emit.Div(x, _value(emit, y))


@lowers(aten.exp.default)
def exp(emit: Emitter, x: ir.Value) -> ir.Value:
    """e^x"""
    return emit.Exp(x)


@lowers(aten.sqrt.default)
def sqrt(emit: Emitter, x: ir.Value) -> ir.Value:
    """The square root of x."""
    return emit.Sqrt(x)


@lowers(aten.mul.Tensor, aten.mul.Scalar)
def mul(emit: Emitter, x: ir.Value, y: Operand) -> ir.Value:
    """x * y"""
    return emit.Mul(x, _value(emit, y))


@lowers(aten.pow.Tensor_Scalar)
def pow_(emit: Emitter, x: ir.Value, exponent: float) -> ir.Value:
    """x ** exponent.

    LRN's power -3/4 and its gradient's -7/4 are the fourth root divided by x, once or twice: a
    tenth of the time that Pow takes.
    """
    refuse_picture_size(exponent)
    whole, fraction = divmod(exponent, 1)
    if fraction != 0.25 or whole not in (-1, -2):
        return emit.Pow(x, emit.floats(exponent))
    power = emit.Sqrt(emit.Sqrt(x))
    for _ in range(-int(whole)):
        power = emit.Div(power, x)
    return power


@lowers(aten.relu.default)
def relu(emit: Emitter, x: ir.Value) -> ir.Value:
    """max(x, 0)"""
    return emit.Relu(x)


@lowers(aten.threshold_backward.default)
def threshold_backward(
    emit: Emitter, grad: ir.Value, result: ir.Value, threshold: float
) -> ir.Value:
    """grad where result > threshold, else 0. ReLU's `result` is never negative."""
    if threshold != 0:
        raise NotImplementedError(f"a threshold of {threshold}")
    return emit.Mul(grad, composites.positive_mask(emit, result))


def _value(emit: Emitter, operand: Operand) -> ir.Value:
    if isinstance(operand, ir.Value):
        return operand
    refuse_picture_size(operand)
    if not math.isfinite(operand):
        raise NotImplementedError(f"the constant {operand}")
    return emit.floats(operand)
