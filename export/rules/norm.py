"""Normalisations whose statistics are the network's own, or those of each value's channels."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
import torch

from ort_deepdream.export.emit import Emitter
from ort_deepdream.export.lower import lowers, refuse_picture_size

aten = torch.ops.aten


@lowers(aten.native_batch_norm.default)
def native_batch_norm(
    emit: Emitter,
    x: ir.Value,
    weight: ir.Value | None,
    bias: ir.Value | None,
    mean: ir.Value | None,
    variance: ir.Value | None,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[ir.Value, None, None]:
    """(x - mean) / sqrt(variance + eps) * weight + bias, by the statistics that were learnt."""
    mean, variance = _learnt(mean, variance, training)
    one_each = emit.Shape(mean)
    gamma = emit.Expand(emit.floats(1.0), one_each) if weight is None else weight
    beta = emit.Expand(emit.floats(0.0), one_each) if bias is None else bias
    return emit.BatchNormalization(x, gamma, beta, mean, variance, epsilon=eps), None, None


@lowers(aten.native_batch_norm_backward.default)
def native_batch_norm_backward(
    emit: Emitter,
    grad: ir.Value,
    x: ir.Value,
    weight: ir.Value | None,
    mean: ir.Value | None,
    variance: ir.Value | None,
    saved_mean: None,
    saved_deviation: None,
    training: bool,
    eps: float,
    output_mask: Sequence[bool],
) -> tuple[ir.Value, None, None]:
    """grad * weight / sqrt(variance + eps)"""
    _, variance = _learnt(mean, variance, training)
    if list(output_mask) != [True, False, False]:
        raise NotImplementedError("gradients of weights and biases")
    deviation = emit.Sqrt(emit.Add(variance, emit.floats(eps)))
    scale = emit.Div(emit.floats(1.0) if weight is None else weight, deviation)
    return emit.Mul(grad, emit.Reshape(scale, emit.ints([1, -1, 1, 1]))), None, None


def _learnt(
    mean: ir.Value | None, variance: ir.Value | None, training: bool
) -> tuple[ir.Value, ir.Value]:
    if training or mean is None or variance is None:
        raise NotImplementedError("batch normalisation by the picture's own statistics")
    return mean, variance


@lowers(aten.native_layer_norm.default)
def native_layer_norm(
    emit: Emitter,
    x: ir.Value,
    sizes: Sequence[int],
    weight: ir.Value | None,
    bias: ir.Value | None,
    eps: float,
) -> tuple[ir.Value, ir.Value, ir.Value]:
    """((x - mean) * r * weight + bias, mean, r) over the last axes, r = 1 / sqrt(variance + eps)"""
    refuse_picture_size(*sizes)
    gamma = emit.floats(torch.ones(*sizes).numpy()) if weight is None else weight
    inputs = [x, gamma] if bias is None else [x, gamma, bias]
    attributes: dict[str, float] = {"axis": -len(sizes), "epsilon": eps}
    result, mean, deviation = emit.op_multi_out(
        "LayerNormalization", inputs, attributes=attributes, num_outputs=3
    )
    return result, mean, deviation


@lowers(aten.native_layer_norm_backward.default)
def native_layer_norm_backward(
    emit: Emitter,
    grad: ir.Value,
    x: ir.Value,
    sizes: Sequence[int],
    mean: ir.Value,
    deviation: ir.Value,
    weight: ir.Value | None,
    bias: ir.Value | None,
    output_mask: Sequence[bool],
) -> tuple[ir.Value, None, None]:
    """r * (g - mean(g) - z * mean(g * z)), with g = grad * weight and z = (x - mean) * r"""
    if list(output_mask) != [True, False, False]:
        raise NotImplementedError("gradients of weights and biases")
    axes = emit.ints(range(-len(sizes), 0))
    g = grad if weight is None else emit.Mul(grad, weight)
    z = emit.Mul(emit.Sub(x, mean), deviation)
    along = emit.Mul(z, emit.ReduceMean(emit.Mul(g, z), axes, keepdims=1))
    centred = emit.Sub(g, emit.ReduceMean(g, axes, keepdims=1))
    return emit.Mul(emit.Sub(centred, along), deviation), None, None
