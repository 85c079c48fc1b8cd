"""Max pooling and its gradient, without indices.

Few execution providers have a kernel for a maximum's indices or a fast scatter. A k x k window is
separated into rows and then columns, which the gradient will want:

    across = max over a row's k neighbours        (kernel [1, k])
    y      = max over a column's k of `across`    (kernel [k, 1])
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
import torch

from ort_deepdream.export import composites
from ort_deepdream.export.emit import Emitter
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
