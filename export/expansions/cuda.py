"""Composites for ONNX Runtime's CUDA provider: few kernels, each of which starts at a price.

A pool's gradient is scattered to where its maxima came from, which `MaxPool` tells as numbers of
elements. Its kernel looks at a window column by column, and PyTorch row by row, so where several
elements are the maximum they would choose another; rows first and columns then, each along one
axis, choose as PyTorch does.

Atomic additions come in any order. A sum of three floats depends on it, one of two does not; so no
place is given more than two, and the same picture gives the same gradient, to the bit.
"""

from __future__ import annotations

import onnx_ir as ir

from ort_deepdream.export.composites import convolved, pool_windows
from ort_deepdream.export.emit import Emitter, channels_of, operands
from ort_deepdream.export.expansions import portable
from ort_deepdream.export.expansions.cpu import crop
from ort_deepdream.export.windows import Window


def positive_mask(emit: Emitter, node: ir.Node) -> ir.Value:
    """Append the sign, which is 1 or 0 of what is never negative."""
    return emit.Sign(operands(node)[0])


def max_pool_grad(emit: Emitter, node: ir.Node) -> ir.Value:
    """Append the gradient of a max pool: its windows' gradients where their maxima are."""
    grad, x, *more = operands(node)
    row, column = pool_windows(node)
    across, from_row = pool_with_indices(emit, x, row)
    _, from_column = pool_with_indices(emit, across, column)
    if grad.shape is not None and 1 in list(grad.shape)[2:]:  # arithmetic would have broadcast it
        grad = emit.Expand(grad, emit.Shape(from_column))
    if (row.stride, column.stride) == (1, 1):
        maxima = emit.Gather(flat(emit, from_row), from_column)
        return scatter_apart(emit, grad, maxima, x, row.kernel, column.kernel, more)
    channels = channels_of(x)
    total = scatter(emit, grad, from_column, across, channels)
    total = scatter(emit, total, from_row, x, channels)
    for value in more:
        total = emit.Add(total, value)
    return total


def pool_with_indices(emit: Emitter, x: ir.Value, window: Window) -> tuple[ir.Value, ir.Value]:
    """Return the maxima of x over `window`, and the number of each in all of x."""
    maxima, indices = emit.op_multi_out(
        "MaxPool",
        [x],
        attributes={
            "kernel_shape": window.on_axis(window.kernel, 1),
            "strides": window.on_axis(window.stride, 1),
            "pads": window.on_axis(window.padding, 0) * 2,
            "ceil_mode": int(window.ceil_mode),
        },
        num_outputs=2,
    )
    return maxima, indices


def flat(emit: Emitter, x: ir.Value) -> ir.Value:
    """Append x with all of its elements along one axis."""
    return emit.Reshape(x, emit.ints(-1))


def count_of(emit: Emitter, x: ir.Value, channels: int) -> ir.Value:
    """Append how many elements x [1, C, H, W] has."""
    height, width = (emit.Shape(x, start=axis, end=axis + 1) for axis in (2, 3))
    return emit.Mul(emit.Mul(height, width), emit.ints(channels))


def scatter(
    emit: Emitter, grad: ir.Value, indices: ir.Value, like: ir.Value, channels: int
) -> ir.Value:
    """Return zeros in the shape of `like` [1, C, H, W] with `grad` added at `indices`.

    No place is given more than two values where windows overlap by less than half of their width,
    as those of a strided pool do.
    """
    shape = emit.Shape(like)
    zeros = emit.ConstantOfShape(count_of(emit, like, channels))
    added = emit.ScatterElements(
        zeros, flat(emit, indices), flat(emit, grad), axis=0, reduction="add"
    )
    return emit.Reshape(added, shape)


def scatter_apart(
    emit: Emitter,
    grad: ir.Value,
    indices: ir.Value,
    like: ir.Value,
    width: int,
    height: int,
    more: list[ir.Value],
) -> ir.Value:
    """Return the sum of `more`, and of `grad` at `indices`, in the shape of `like`.

    An element may be the maximum of up to height * width windows, no two of which are equal modulo
    height and width. So each two remainders have a layer of their own, and the layers are summed.
    """
    shape = emit.Shape(like)
    size = count_of(emit, like, channels_of(like))
    first = len(more)
    layers = first + (height * width + 1) // 2
    # By the shape of `indices`, not of the gradient: as deep as that, the places would be computed
    # before it (passes/order.py).
    pair = emit.Div(window_remainders(emit, indices, height, width), emit.ints(2))
    layer = emit.Add(pair, emit.ints(first))
    places = emit.Add(indices, emit.Mul(layer, size))
    ground = layered(emit, more, size, layers)
    placed = emit.ScatterElements(
        ground, flat(emit, places), flat(emit, grad), axis=0, reduction="add"
    )
    apart = emit.Reshape(placed, emit.Concat(emit.ints(layers), shape, axis=0))
    return emit.ReduceSum(apart, emit.ints(0), keepdims=0)


def layered(emit: Emitter, more: list[ir.Value], size: ir.Value, layers: int) -> ir.Value:
    """Append `more`, each in a layer of `size` elements, and zeros in the rest of the layers."""
    if not more:
        return emit.ConstantOfShape(emit.Mul(size, emit.ints(layers)))
    given = flat(emit, emit.Concat(*more, axis=0))
    spare = emit.Mul(size, emit.ints(layers - len(more)))
    return emit.Pad(given, emit.Concat(emit.ints(0), spare, axis=0), emit.floats(0.0))


def window_remainders(emit: Emitter, like: ir.Value, height: int, width: int) -> ir.Value:
    """Return [h, w] with (row modulo height) * width + column modulo width."""
    down, across = (_remainders(emit, like, axis, by) for axis, by in ((2, height), (3, width)))
    return emit.Add(emit.Unsqueeze(emit.Mul(down, emit.ints(width)), emit.ints(1)), across)


def _remainders(emit: Emitter, like: ir.Value, axis: int, by: int) -> ir.Value:
    zero, one = (emit.Squeeze(emit.ints(number)) for number in (0, 1))
    count = emit.Squeeze(emit.Shape(like, start=axis, end=axis + 1))
    return emit.Mod(emit.Range(zero, count, one), emit.ints(by))


def conv_input_grad(emit: Emitter, node: ir.Node) -> ir.Value:
    """Return the gradient of x from that of its convolution with a stride s, by one convolution.

    x's element s * i + a is read by the window i - j through the kernel's element a + p + s * j,
    along each axis. So each of the s x s phases of x is a plain convolution; together they are one
    with s * s times as many channels, which is then spread out. The transposed convolution, which
    PyTorch asks cuDNN for, may add in any order.
    """
    grad, weight, x = operands(node)
    of = convolved(node)
    assert weight.shape is not None
    outputs, inputs, *kernels = (int(size) for size in weight.shape)  # type: ignore[arg-type]
    is_square = all(len(set(sizes)) == 1 for sizes in (of.stride, of.padding, kernels))
    if not (of.is_usual and is_square):
        return portable.conv_input_grad(emit, node)
    stride, padding, kernel = of.stride[0], of.padding[0], kernels[0]
    if padding >= kernel:
        return portable.conv_input_grad(emit, node)
    last, first = (kernel - 1 - padding) // stride, -((stride - 1 + padding) // stride)
    rows = [
        [_element(a + padding + stride * j, kernel) for j in range(last, first - 1, -1)]
        for a in range(stride)
    ]
    padded = emit.Pad(weight, emit.ints([0] * 6 + [1, 1]), emit.floats(0.0))
    by_row = emit.Gather(padded, emit.ints(rows), axis=2)  # [O, C, a, j, k + 1]
    by_both = emit.Gather(by_row, emit.ints(rows), axis=4)  # [O, C, a, j, a, j]
    swapped = emit.Transpose(by_both, perm=[2, 4, 1, 0, 3, 5])  # [a, a, C, O, j, j]
    taps = last - first + 1
    shape = emit.ints([stride * stride * inputs, outputs, taps, taps])
    # With half of the kernel as padding there are as many windows as elements of the first phase.
    more = 0 if 2 * padding == kernel - 1 else max(last, 0) + 1
    phases = emit.Conv(grad, emit.Reshape(swapped, shape), pads=[last] * 2 + [more - first] * 2)
    return crop(emit, emit.DepthToSpace(phases, blocksize=stride, mode="DCR"), x, stride)


def _element(number: int, kernel: int) -> int:
    """Return the kernel's element of this number; outside of it, that of a zero after the last."""
    return number if 0 <= number < kernel else kernel


EXPANSIONS = {
    "PositiveMask": positive_mask,
    "MaxPoolGrad": max_pool_grad,
    "ConvInputGrad": conv_input_grad,
}
