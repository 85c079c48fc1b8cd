"""Element by element: arithmetic, powers, ReLU and its gradient."""

from __future__ import annotations

import math
from fractions import Fraction

import onnx_ir as ir
import torch

from export import composites
from export.emit import Emitter
from export.lower import lowers

aten = torch.ops.aten
Operand = ir.Value | float


@lowers(aten.detach.default)
def detach(emit: Emitter, x: ir.Value) -> ir.Value:
    """detach(x): a graph has no autograd to leave."""
    return x


@lowers(aten.add.Tensor)
def add(emit: Emitter, x: ir.Value, y: Operand, *, alpha: float = 1) -> ir.Value:
    """x + alpha * y"""
    y = _value(emit, y)
    return emit.Add(x, y if alpha == 1 else emit.Mul(y, emit.floats(alpha)))


@lowers(aten.mul.Tensor, aten.mul.Scalar)
def mul(emit: Emitter, x: ir.Value, y: Operand) -> ir.Value:
    return emit.Mul(x, _value(emit, y))


@lowers(aten.pow.Tensor_Scalar)
def pow_(emit: Emitter, x: ir.Value, exponent: float) -> ir.Value:
    """x ** exponent; in quarters by square roots, which cost a twentieth of Pow.

    LRN's powers are -3/4 and, in its gradient, -7/4.
    """
    quarters = Fraction(exponent).limit_denominator(4) * 4
    if quarters != exponent * 4 or not 0 < abs(quarters) <= 8:
        return emit.Pow(x, emit.floats(exponent))
    whole, rest = divmod(abs(int(quarters)), 4)
    factors = [x] * whole
    if rest >= 2:
        factors.append(emit.Sqrt(x))
    if rest % 2:
        factors.append(emit.Sqrt(emit.Sqrt(x)))
    product = factors[0]
    for factor in factors[1:]:
        product = emit.Mul(product, factor)
    return emit.Reciprocal(product) if exponent < 0 else product


@lowers(aten.relu.default)
def relu(emit: Emitter, x: ir.Value) -> ir.Value:
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
    if not math.isfinite(operand):
        raise NotImplementedError(f"the constant {operand}")
    return emit.floats(operand)
