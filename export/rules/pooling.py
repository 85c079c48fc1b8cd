"""Pooling and its gradient, without indices.

Few execution providers have a kernel for a maximum's indices or a fast scatter. A k x k window is
separated into rows and then columns, which the gradient will want:

    across = max over a row's k neighbours        (kernel [1, k])
    y      = max over a column's k of `across`    (kernel [k, 1])

A mean's gradient is that of a convolution with equal weights, for each channel alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import onnx_ir as ir
import torch

from ort_deepdream.export import composites
from ort_deepdream.export.emit import Emitter, channels_of
from ort_deepdream.export.lower import lowers, refuse_picture_size
from ort_deepdream.export.windows import Window, pool

aten = torch.ops.aten


@lowers(aten.max_pool2d_with_indices.default)
def max_pool2d_with_indices(
    emit: Emitter,
    x: ir.Value,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    ceil_mode: bool = False,
) -> tuple[ir.Value, None]:
    """Return the maxima and no indices, for the gradient does not want them."""
    row, column = windows(kernel, stride, padding, dilation, ceil_mode)
    return pool(emit, pool(emit, x, row), column), None


@lowers(aten.max_pool2d_with_indices_backward.default)
def max_pool2d_with_indices_backward(
    emit: Emitter,
    grad: ir.Value,
    x: ir.Value,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
    indices: None,
) -> ir.Value:
    """The gradient with respect to x; a tie's goes to the first of a window, as PyTorch's does."""
    row, column = windows(kernel, stride, padding, dilation, ceil_mode)
    if row.stride > row.kernel or column.stride > column.kernel:
        raise NotImplementedError("gaps between windows")
    return composites.max_pool_grad(emit, grad, x, row, column)


def windows(
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
) -> tuple[Window, Window]:
    """Return the row's and the column's window of a 2-D pool."""
    refuse_picture_size(*kernel, *stride)
    if set(dilation) != {1}:
        raise NotImplementedError("dilated pooling")
    down, along = (
        Window(2 + i, kernel[i], (stride or kernel)[i], padding[i], ceil_mode) for i in (0, 1)
    )
    return along, down


@lowers(aten.avg_pool2d.default)
def avg_pool2d(
    emit: Emitter,
    x: ir.Value,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> ir.Value:
    """Return the means over windows."""
    _refuse_uneven(kernel, padding, ceil_mode, count_include_pad, divisor_override)
    return emit.AveragePool(
        x,
        kernel_shape=list(kernel),
        strides=list(stride or kernel),
        pads=[*padding, *padding],
        count_include_pad=1,
    )


@lowers(aten.avg_pool2d_backward.default)
def avg_pool2d_backward(
    emit: Emitter,
    grad: ir.Value,
    x: ir.Value,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> ir.Value:
    """The gradient with respect to x: each window's, in equal parts."""
    _refuse_uneven(kernel, padding, ceil_mode, count_include_pad, divisor_override)
    reach = [k - 1 - p for k, p in zip(kernel, padding, strict=True)]
    if set(stride or kernel) == {1}:
        return emit.AveragePool(
            grad, kernel_shape=list(kernel), pads=[*reach, *reach], count_include_pad=1
        )
    channels = channels_of(x)
    size = emit.ints([channels, 1, *kernel])
    weight = emit.Expand(emit.floats(1 / math.prod(kernel)), size)
    weight.shape = ir.Shape([channels, 1, *kernel])
    weight.type = ir.TensorType(ir.DataType.FLOAT)
    return composites.conv_input_grad(
        emit, grad, weight, x, list(stride or kernel), padding, groups=channels
    )


def _refuse_uneven(
    kernel: Sequence[int],
    padding: Sequence[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> None:
    refuse_picture_size(*kernel)
    if ceil_mode or divisor is not None or (any(padding) and not count_include_pad):
        raise NotImplementedError("means of windows that are not all of the same size")
