"""Convolution and its gradient with respect to the input.

Forward, with x [N, C, H, W] and w [O, C, k, k]:  y[o] = sum_c w[o, c] * x[c]  (cross-correlation).
The input's gradient is the cross-correlation of y's gradient with w rotated by half a turn and its
two channel axes swapped; with a stride it is the transposed convolution. With groups each has its
own w [O/g, C/g, k, k].
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
import torch

from ort_deepdream.export import composites
from ort_deepdream.export.emit import Emitter
from ort_deepdream.export.lower import lowers

aten = torch.ops.aten
TO_THE_START = 2**31 - 1  # as the end of a slice that runs backwards


@lowers(aten.convolution.default)
def convolution(
    emit: Emitter,
    x: ir.Value,
    weight: ir.Value,
    bias: ir.Value | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> ir.Value:
    """x * weight + bias"""
    _refuse_exotic(weight, transposed)
    inputs = [x, weight] if bias is None else [x, weight, bias]
    more = composites.unusual(dilation, groups)
    return emit.Conv(*inputs, strides=list(stride), pads=[*padding, *padding], **more)


@lowers(aten.convolution_backward.default)
def convolution_backward(
    emit: Emitter,
    grad: ir.Value,
    x: ir.Value,
    weight: ir.Value,
    bias_sizes: Sequence[int] | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    output_mask: Sequence[bool],
) -> tuple[ir.Value, None, None]:
    """The gradient with respect to x; of nothing else."""
    _refuse_exotic(weight, transposed)
    if list(output_mask) != [True, False, False]:
        raise NotImplementedError("gradients of weights and biases")
    kernel = _kernel(weight)
    reach = [d * (k - 1) - p for d, k, p in zip(dilation, kernel, padding, strict=True)]
    if set(stride) == {1} and min(reach) >= 0:
        rotated = _rotated(emit, _swapped(emit, weight, groups), kernel)
        grad_x = emit.Conv(
            grad, rotated, pads=[*reach, *reach], **composites.unusual(dilation, groups)
        )
    else:
        grad_x = composites.conv_input_grad(
            emit, grad, weight, x, stride, padding, dilation, groups
        )
    return grad_x, None, None


def _kernel(weight: ir.Value) -> list[int]:
    assert weight.shape is not None  # a parameter's is known
    return list(weight.shape.numpy()[2:])


def _swapped(emit: Emitter, weight: ir.Value, groups: int) -> ir.Value:
    """[O, C/g, k, k] -> [C, O/g, k, k]"""
    if groups == 1:
        return emit.Transpose(weight, perm=[1, 0, 2, 3])
    assert weight.shape is not None
    outputs, inputs, *kernel = weight.shape.numpy()
    if outputs == groups and inputs == 1:
        return weight
    apart = emit.Reshape(weight, emit.ints([groups, outputs // groups, inputs, *kernel]))
    swapped = emit.Transpose(apart, perm=[0, 2, 1, 3, 4])
    return emit.Reshape(swapped, emit.ints([groups * inputs, outputs // groups, *kernel]))


def _rotated(emit: Emitter, weight: ir.Value, kernel: Sequence[int]) -> ir.Value:
    """Turn [.., .., k, k] by half a turn.

    In the graph, so that a file holds each weight once; folded when a session is made.
    """
    if set(kernel) == {1}:
        return weight
    backwards, before_the_start = emit.ints([-1, -1]), emit.ints([-TO_THE_START] * 2)
    return emit.Slice(weight, backwards, before_the_start, emit.ints([2, 3]), backwards)


def _refuse_exotic(weight: ir.Value, transposed: bool) -> None:
    if transposed:
        raise NotImplementedError("transposed convolutions")
    if weight.shape is None or len(weight.shape) != 4:
        raise NotImplementedError("convolutions along one axis, or three")
