"""Convolution and its gradient with respect to the input.

Forward, with x [N, C, H, W] and w [O, C, k, k]:  y[o] = sum_c w[o, c] * x[c]  (cross-correlation).
The input's gradient is the cross-correlation of y's gradient with w rotated by half a turn and its
two channel axes swapped; with a stride it is the transposed convolution.
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
    """x * weight + bias, of groups 1 and without dilation."""
    _refuse_exotic(dilation, transposed, groups)
    inputs = [x, weight] if bias is None else [x, weight, bias]
    return emit.Conv(*inputs, strides=list(stride), pads=[*padding, *padding])


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
    """The gradient with respect to x, of groups 1 and without dilation; of nothing else."""
    _refuse_exotic(dilation, transposed, groups)
    if list(output_mask) != [True, False, False]:
        raise NotImplementedError("gradients of weights and biases")
    kernel = _kernel(weight)
    pads = [k - 1 - p for k, p in zip(kernel, padding, strict=True)]
    if set(stride) == {1} and min(pads) >= 0:
        grad_x = emit.Conv(grad, _rotated(emit, weight, kernel), pads=[*pads, *pads])
    else:
        grad_x = composites.conv_input_grad(emit, grad, weight, x, stride, padding)
    return grad_x, None, None


def _kernel(weight: ir.Value) -> list[int]:
    assert weight.shape is not None  # a parameter's is known
    return list(weight.shape.numpy()[2:])


def _rotated(emit: Emitter, weight: ir.Value, kernel: Sequence[int]) -> ir.Value:
    """[O, C, k, k] -> [C, O, k, k], rotated by half a turn.

    In the graph, so that a file holds each weight once; folded when a session is made.
    """
    swapped = emit.Transpose(weight, perm=[1, 0, 2, 3])
    if set(kernel) == {1}:
        return swapped
    backwards, before_the_start = emit.ints([-1, -1]), emit.ints([-TO_THE_START] * 2)
    return emit.Slice(swapped, backwards, before_the_start, emit.ints([2, 3]), backwards)


def _refuse_exotic(dilation: Sequence[int], transposed: bool, groups: int) -> None:
    if transposed or groups != 1 or set(dilation) != {1}:
        raise NotImplementedError("transposed, grouped or dilated convolutions")
