"""Activations and their gradients: what is between a network's convolutions but for the ReLU."""

from __future__ import annotations

import math

import onnx_ir as ir
import torch

from ort_deepdream.export.emit import Emitter
from ort_deepdream.export.lower import lowers

aten = torch.ops.aten


@lowers(aten.sigmoid.default)
def sigmoid(emit: Emitter, x: ir.Value) -> ir.Value:
    """1 / (1 + exp(-x))"""
    return emit.Sigmoid(x)


@lowers(aten.sigmoid_backward.default)
def sigmoid_backward(emit: Emitter, grad: ir.Value, result: ir.Value) -> ir.Value:
    """grad * y * (1 - y)"""
    return emit.Mul(grad, emit.Mul(result, emit.Sub(emit.floats(1.0), result)))


@lowers(aten.tanh.default)
def tanh(emit: Emitter, x: ir.Value) -> ir.Value:
    """tanh(x)"""
    return emit.Tanh(x)


@lowers(aten.tanh_backward.default)
def tanh_backward(emit: Emitter, grad: ir.Value, result: ir.Value) -> ir.Value:
    """grad * (1 - y^2)"""
    return emit.Mul(grad, emit.Sub(emit.floats(1.0), emit.Mul(result, result)))


@lowers(aten.silu.default)
def silu(emit: Emitter, x: ir.Value) -> ir.Value:
    """x * sigmoid(x)"""
    return emit.Mul(x, emit.Sigmoid(x))


@lowers(aten.silu_backward.default)
def silu_backward(emit: Emitter, grad: ir.Value, x: ir.Value) -> ir.Value:
    """grad * s * (1 + x * (1 - s)), with s = sigmoid(x)"""
    s, one = emit.Sigmoid(x), emit.floats(1.0)
    return emit.Mul(grad, emit.Mul(s, emit.Add(emit.Mul(x, emit.Sub(one, s)), one)))


@lowers(aten.hardsigmoid.default)
def hardsigmoid(emit: Emitter, x: ir.Value) -> ir.Value:
    """min(max(x / 6 + 1/2, 0), 1)"""
    return emit.HardSigmoid(x, alpha=1 / 6, beta=0.5)


@lowers(aten.hardsigmoid_backward.default)
def hardsigmoid_backward(emit: Emitter, grad: ir.Value, x: ir.Value) -> ir.Value:
    """grad / 6 where -3 < x < 3, else 0"""
    return emit.Where(_is_between(emit, x, -3, 3), _scaled(emit, grad, 1 / 6), emit.floats(0.0))


@lowers(aten.hardswish.default)
def hardswish(emit: Emitter, x: ir.Value) -> ir.Value:
    """x * hardsigmoid(x)"""
    return emit.Mul(x, hardsigmoid(emit, x))


@lowers(aten.hardswish_backward.default)
def hardswish_backward(emit: Emitter, grad: ir.Value, x: ir.Value) -> ir.Value:
    """0 where x <= -3, grad where x >= 3, between them grad * (x / 3 + 1/2)"""
    slope = emit.Add(_scaled(emit, x, 1 / 3), emit.floats(0.5))
    rising = emit.Where(emit.Less(x, emit.floats(3.0)), slope, emit.floats(1.0))
    return emit.Mul(grad, emit.Where(emit.Greater(x, emit.floats(-3.0)), rising, emit.floats(0.0)))


@lowers(aten.hardtanh.default)
def hardtanh(emit: Emitter, x: ir.Value, low: float = -1, high: float = 1) -> ir.Value:
    """min(max(x, low), high); ReLU6 from 0 to 6"""
    return emit.Clip(x, emit.floats(low), emit.floats(high))


@lowers(aten.hardtanh_backward.default)
def hardtanh_backward(
    emit: Emitter, grad: ir.Value, x: ir.Value, low: float, high: float
) -> ir.Value:
    """grad where low < x < high, else 0"""
    return emit.Where(_is_between(emit, x, low, high), grad, emit.floats(0.0))


@lowers(aten.clamp.default)
def clamp(
    emit: Emitter, x: ir.Value, low: float | None = None, high: float | None = None
) -> ir.Value:
    """min(max(x, low), high), or one of the two"""
    ends = [None if end is None else emit.floats(end) for end in (low, high)]
    return emit.Clip(x, *ends)


@lowers(aten.leaky_relu.default)
def leaky_relu(emit: Emitter, x: ir.Value, slope: float = 0.01) -> ir.Value:
    """x where x > 0, else slope * x"""
    return emit.LeakyRelu(x, alpha=slope)


@lowers(aten.leaky_relu_backward.default)
def leaky_relu_backward(
    emit: Emitter, grad: ir.Value, x: ir.Value, slope: float, is_result: bool
) -> ir.Value:
    """grad where x > 0, else slope * grad; the result has the sign of x"""
    is_positive = emit.Greater(x, emit.floats(0.0))
    return emit.Mul(grad, emit.Where(is_positive, emit.floats(1.0), emit.floats(slope)))


@lowers(aten.elu.default)
def elu(
    emit: Emitter, x: ir.Value, alpha: float = 1, scale: float = 1, input_scale: float = 1
) -> ir.Value:
    """scale * x where x > 0, else scale * alpha * (exp(input_scale * x) - 1)"""
    below = emit.Sub(emit.Exp(_scaled(emit, x, input_scale)), emit.floats(1.0))
    is_positive = emit.Greater(x, emit.floats(0.0))
    return emit.Where(
        is_positive, _scaled(emit, x, scale), emit.Mul(below, emit.floats(scale * alpha))
    )


@lowers(aten.elu_backward.default)
def elu_backward(
    emit: Emitter,
    grad: ir.Value,
    alpha: float,
    scale: float,
    input_scale: float,
    is_result: bool,
    x: ir.Value,
) -> ir.Value:
    """grad * scale where x > 0, else grad * input_scale * (y + scale * alpha)"""
    if is_result:
        slope = _scaled(emit, emit.Add(x, emit.floats(scale * alpha)), input_scale)
    else:
        slope = emit.Mul(
            emit.Exp(_scaled(emit, x, input_scale)), emit.floats(input_scale * scale * alpha)
        )
    is_positive = emit.Greater(x, emit.floats(0.0))
    return emit.Mul(grad, emit.Where(is_positive, emit.floats(scale), slope))


@lowers(aten.gelu.default)
def gelu(emit: Emitter, x: ir.Value, *, approximate: str = "none") -> ir.Value:
    """x * Phi(x), Phi the normal distribution's"""
    return emit.Mul(x, _normal(emit, x, approximate))


@lowers(aten.gelu_backward.default)
def gelu_backward(
    emit: Emitter, grad: ir.Value, x: ir.Value, *, approximate: str = "none"
) -> ir.Value:
    """grad * (Phi(x) + x * Phi'(x)), Phi'(x) = exp(-x^2 / 2) / sqrt(2 pi)"""
    density = emit.Mul(
        emit.Exp(_scaled(emit, emit.Mul(x, x), -0.5)), emit.floats(1 / math.sqrt(2 * math.pi))
    )
    return emit.Mul(grad, emit.Add(emit.Mul(x, density), _normal(emit, x, approximate)))


def _normal(emit: Emitter, x: ir.Value, approximate: str) -> ir.Value:
    """(1 + erf(x / sqrt(2))) / 2"""
    if approximate != "none":
        raise NotImplementedError(f"GELU's approximation by {approximate}")
    erf = emit.Erf(_scaled(emit, x, 1 / math.sqrt(2)))
    return _scaled(emit, emit.Add(erf, emit.floats(1.0)), 0.5)


def _scaled(emit: Emitter, x: ir.Value, factor: float) -> ir.Value:
    return x if factor == 1 else emit.Mul(x, emit.floats(factor))


def _is_between(emit: Emitter, x: ir.Value, low: float, high: float) -> ir.Value:
    return emit.And(emit.Greater(x, emit.floats(low)), emit.Less(x, emit.floats(high)))
