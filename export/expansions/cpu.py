"""Composites for ONNX Runtime's CPU provider.

It runs convolutions in a blocked layout (NCHWc) that Conv, MaxPool, Concat, Add, Mul and
HardSigmoid keep, and that others leave and enter again at the cost of two copies. `Conv + Add +
HardSigmoid` is one kernel, depthwise convolutions included, so of a window's three elements

    below_maximum = hard_sigmoid(maximum - first)
    below_third   = hard_sigmoid(third - second)

cost one pass over memory each, with so steep a slope that any difference gives 1. A sum is added in
place if its operand has no later reader and the session knows the picture's size; else one thread
copies it first. So there are as few sums as can be, and each maximum is compared once.

An element is a depthwise convolution of x with a single weight in it. Outside the picture that
reads zero, which is no maximum of a positive window; in a window of zeros the gradient may go
anywhere, for whatever made the zero (a ReLU, at the last) stops it. So this is for rectified x;
other x takes the portable way.
"""

from __future__ import annotations

import onnx_ir as ir

from ort_deepdream.export.composites import pool_windows
from ort_deepdream.export.emit import Emitter, channels_of, operands
from ort_deepdream.export.expansions import portable
from ort_deepdream.export.passes.rewrite import never_negative
from ort_deepdream.export.windows import Window, pool, pool_pairs, recomputed_pool

STEEP = 1e38  # times the smallest difference of two float32 activations is still above 1


def positive_mask(emit: Emitter, node: ir.Node) -> ir.Value:
    """Write the mask by operators that keep ONNX Runtime's blocked layout."""
    return is_positive(emit, operands(node)[0])


def max_pool_grad(emit: Emitter, node: ir.Node) -> ir.Value:
    """Write it by pools again where no value is below zero, else as the portable target does."""
    grad, x = operands(node)
    row, column = pool_windows(node)
    if not never_negative(x):
        return portable.max_pool_grad(emit, node)
    if (row.kernel, row.stride, row.padding) == (3, 1, 1):
        across = recomputed_pool(emit, x, row)
        return route(emit, route(emit, grad, across, column, x), x, row, x)
    if (row.kernel, row.stride, row.padding, row.ceil_mode) == (3, 2, 0, True):
        return interleave(emit, phases(emit, grad, x, row, column), x)
    return portable.max_pool_grad(emit, node)


def tap(
    emit: Emitter,
    x: ir.Value,
    weights: list[list[float]],
    channels: int,
    *,
    stride: tuple[int, int] = (1, 1),
    pads: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> ir.Value:
    """Return the depthwise convolution of x with one small kernel for every channel."""
    # Repeated in the graph, and folded when a session is made, to keep files small.
    size = emit.ints([channels, 1, len(weights), len(weights[0])])
    kernel = emit.Expand(emit.floats(weights), size)
    return emit.Conv(x, kernel, group=channels, strides=list(stride), pads=list(pads))


def is_positive(emit: Emitter, x: ir.Value) -> ir.Value:
    """Return 1 where x > 0, else 0."""
    return emit.HardSigmoid(x, alpha=STEEP, beta=0.0)


def is_not_negative(emit: Emitter, x: ir.Value) -> ir.Value:
    """Return 1 where x >= 0, else 0."""
    return emit.HardSigmoid(x, alpha=STEEP, beta=1.0)


def along(window: Window, weights: list[float]) -> list[list[float]]:
    """Return a kernel along the window's axis."""
    return [[w] for w in weights] if window.axis == 2 else [weights]


def route(emit: Emitter, grad: ir.Value, x: ir.Value, window: Window, like: ir.Value) -> ir.Value:
    """Return the gradient of x from that of its maxima over three neighbours, stride 1.

    Those are maxima of two neighbouring `pairs`, which are maxima of two neighbouring elements.
    The latter of two takes the gradient if it is greater, so the former takes it in a tie.
    """
    channels = channels_of(like)
    top, left = window.on_axis(1, 0)
    pairs = pool_pairs(emit, x, window)

    def with_before(value: ir.Value, before: float, here: float) -> ir.Value:
        """Return before * value[j - 1] + here * value[j]."""
        return tap(emit, value, along(window, [before, here]), channels, pads=(top, left, 0, 0))

    def with_after(value: ir.Value, here: float, after: float) -> ir.Value:
        """Return here * value[j] + after * value[j + 1]."""
        return tap(emit, value, along(window, [here, after]), channels, pads=(0, 0, top, left))

    to_latter = emit.Mul(grad, is_positive(emit, with_after(pairs, -1, 1)))
    of_pairs = emit.Add(with_before(to_latter, 1, -1), grad)
    to_former = emit.Mul(of_pairs, is_not_negative(emit, with_before(x, 1, -1)))
    return emit.Add(with_after(to_former, -1, 1), of_pairs)


def phases(
    emit: Emitter, grad: ir.Value, x: ir.Value, row: Window, column: Window
) -> list[list[ir.Value]]:
    """Return the gradient of x [N, C, H, W] from that of its 3x3 stride-2 pool, in four phases.

    `phases[p][q]` has the elements of x at rows 2i + p and columns 2j + q. Along an axis of x whose
    size is odd, or open, all four are one longer than the pool's output; they are zero where x has
    no such element.
    """
    channels = channels_of(x)
    more = one_more(x, 2), one_more(x, 3)
    across = recomputed_pool(emit, x, row)
    y = pool(emit, pool(emit, x, row), column)  # the forward pass has it

    def of_column(value: ir.Value, weights: list[float]) -> ir.Value:
        """Return the weighted rows 2i, 2i + 1, ... of each window."""
        pads = (0, 0, len(weights) - 1 + more[0], more[1])
        return tap(emit, value, along(column, weights), channels, stride=(2, 1), pads=pads)

    def longer(value: ir.Value) -> ir.Value:
        return tap(emit, value, [[1.0]], channels, pads=(0, 0, *more))

    below_maximum = is_positive(emit, emit.Add(of_column(across, FIRST), longer(y)))
    below_third = is_positive(emit, of_column(across, SECOND_AND_THIRD))
    parts = split_by_parity(emit, longer(grad), column, channels, below_maximum, below_third)
    result = []
    for rows, pick in zip(parts, ([1.0], [0.0, 1.0]), strict=True):  # even rows, odd rows

        def of_row(weights: list[float], pick: list[float] = pick) -> ir.Value:
            kernel = [[of_rows * w for w in weights] for of_rows in pick]
            pads = (0, 0, len(pick) - 1 + more[0], len(weights) - 1 + more[1])
            return tap(emit, x, kernel, channels, stride=(2, 2), pads=pads)

        below_maximum = is_positive(emit, emit.Add(of_row(FIRST), of_column(across, pick)))
        below_third = is_positive(emit, of_row(SECOND_AND_THIRD))
        result.append(split_by_parity(emit, rows, row, channels, below_maximum, below_third))
    return result


def one_more(x: ir.Value, axis: int) -> int:
    """Return 1 where a pool's output, twice, may be less than the size of x; 0 elsewhere."""
    assert x.shape is not None
    size = x.shape[axis]
    return 0 if isinstance(size, int) and size % 2 == 0 else 1


# Kernels on a stride-2 window: minus its first element, and its third less its second.
FIRST = [-1.0]
SECOND_AND_THIRD = [0.0, -1.0, 1.0]


def split_by_parity(
    emit: Emitter,
    grad: ir.Value,
    window: Window,
    channels: int,
    below_maximum: ir.Value,
    below_third: ir.Value,
) -> list[ir.Value]:
    """Return the gradient of a stride-2 window's elements: at even positions, and at odd ones.

    Window j has the elements 2j, 2j + 1, 2j + 2. `below_maximum` says whether the first is, and
    `below_third` whether the second is below the third. The last window may be one too many.
    """
    top, left = window.on_axis(1, 0)
    second = emit.Mul(grad, below_maximum)
    third = emit.Mul(second, below_third)
    first = emit.Add(tap(emit, second, [[-1.0]], channels), grad)
    before = tap(emit, third, along(window, [1.0, 0.0]), channels, pads=(top, left, 0, 0))
    return [emit.Add(before, first), emit.Add(tap(emit, third, [[-1.0]], channels), second)]


def interleave(emit: Emitter, parts: list[list[ir.Value]], x: ir.Value) -> ir.Value:
    """Return the four phases as one tensor, cut to the size of x."""
    rows = []
    for even, odd in parts:
        pairs = emit.Concat(
            emit.Unsqueeze(even, emit.ints(4)), emit.Unsqueeze(odd, emit.ints(4)), axis=4
        )
        rows.append(emit.Reshape(pairs, emit.ints([0, 0, 0, 1, -1])))
    whole = emit.Concat(*rows, axis=3)  # [N, C, h, 2, 2w]
    flat = emit.Reshape(
        whole,
        emit.Concat(
            emit.ints([0, channels_of(x), -1]),
            emit.Mul(emit.Shape(parts[0][0], start=3), emit.ints(2)),
            axis=0,
        ),
    )
    return crop(emit, flat, x, 2)


def crop(emit: Emitter, value: ir.Value, like: ir.Value, times: int) -> ir.Value:
    """Return the upper left of `value`, as large as `like`: all if `times` divides both sides."""
    assert like.shape is not None
    if all(isinstance(side, int) and side % times == 0 for side in like.shape[2:]):
        return value
    return emit.Slice(value, emit.ints([0, 0]), emit.Shape(like, start=2), emit.ints([2, 3]))


def first_layers_grad(emit: Emitter, node: ir.Node) -> ir.Value:
    """Return the gradient through the 3x3 stride-2 pool, then the 7x7 convolution of the image.

    The pool's four phases have a quarter of the image's rows and columns. From each, a small
    convolution makes the image's 4 x 4 phases as channels (row phase, column phase, colour); their
    sum is spread out over the image. The odd rows have two convolutions, for the image's upper two
    row phases and for its lower two: together they would look at three rows, each at two.
    """
    grad, x, weight, image = operands(node)
    row, column = Window(3, 3, 2, 0, True), Window(2, 3, 2, 0, True)
    padded = emit.Pad(weight, emit.ints([0] * 6 + [1, 1]), emit.floats(0.0))
    even, odd = phases(emit, grad, x, row, column)

    def gradient(p: int, q: int, rows: range, offsets: tuple[int, ...]) -> ir.Value:
        kernel, pads = _phase_kernel(emit, padded, (p, q), rows, offsets)
        return emit.Conv((even, odd)[p][q], kernel, pads=pads)

    halves = []
    for rows, offsets in ((range(2), (-1, 0)), (range(2, 4), (0, 1))):
        first, second = (gradient(1, q, rows, offsets) for q in (0, 1))
        halves.append(emit.Add(second, first))
    total = emit.Concat(*halves, axis=1)
    for q in (0, 1):
        total = emit.Add(gradient(0, q, range(4), (0, 1)), total)
    return crop(emit, emit.DepthToSpace(total, blocksize=4, mode="DCR"), image, 4)


# The image's row 4i + a is read by the convolution's row 2k + p through its kernel's row
# 4i + a - 2(2k + p) + 3 = a - 2p + 3 - 4(k - i). For each p: the offsets k - i that occur.
_OFFSETS = {0: (0, 1), 1: (-1, 0, 1)}
_OUTSIDE = 7  # the row and column of zeros that pad the 7x7 kernel


def _phase_kernel(
    emit: Emitter, padded: ir.Value, phase: tuple[int, int], rows: range, down: tuple[int, ...]
) -> tuple[ir.Value, list[int]]:
    """Return weights [len(rows) * 4 * 3, 64, len(down), offsets] of a phase, and the padding."""
    p, q = phase
    along = _OFFSETS[q]
    row_numbers = [[_kernel_row(a, p, offset) for offset in down] for a in rows]
    column_numbers = [[_kernel_row(b, q, offset) for offset in along] for b in range(4)]
    by_row = emit.Gather(padded, emit.ints(row_numbers), axis=2)  # [64, 3, a, offset, 8]
    by_both = emit.Gather(by_row, emit.ints(column_numbers), axis=4)  # [64, 3, a, off, b, off]
    swapped = emit.Transpose(by_both, perm=[2, 4, 1, 0, 3, 5])  # [a, b, 3, 64, off, off]
    kernel = emit.Reshape(swapped, emit.ints([len(rows) * 12, 64, len(down), len(along)]))
    return kernel, [-down[0], -along[0], down[-1], along[-1]]


def _kernel_row(phase: int, parity: int, offset: int) -> int:
    row = phase - 2 * parity + 3 - 4 * offset
    return row if 0 <= row < 7 else _OUTSIDE


EXPANSIONS = {
    "FirstLayersGrad": first_layers_grad,
    "PositiveMask": positive_mask,
    "MaxPoolGrad": max_pool_grad,
    "ConvInputGrad": portable.conv_input_grad,
}
