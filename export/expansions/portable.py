"""Composites in plain operators that every execution provider has and computes right."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from ort_deepdream.export.composites import convolved, pool_windows, unusual
from ort_deepdream.export.emit import LOWEST, Emitter, operands
from ort_deepdream.export.windows import Window, pool


def positive_mask(emit: Emitter, node: ir.Node) -> ir.Value:
    """Write the mask as a comparison, cast."""
    return emit.Cast(emit.Greater(node.inputs[0], emit.floats(0.0)), to=ir.DataType.FLOAT)


def conv_input_grad(emit: Emitter, node: ir.Node) -> ir.Value:
    """Write the transposed convolution.

    Several sizes of x give one size of y; asking for the largest and cutting it to x's size fits
    them all.
    """
    grad, weight, x = operands(node)
    of = convolved(node)
    largest = emit.ConvTranspose(
        grad,
        weight,
        strides=list(of.stride),
        pads=[*of.padding, *of.padding],
        output_padding=[s - 1 for s in of.stride],
        **unusual(of.dilation, of.groups),
    )
    size = emit.Shape(x, start=2)
    return emit.Slice(largest, emit.ints([0, 0]), size, emit.ints([2, 3]))


def max_pool_grad(emit: Emitter, node: ir.Node) -> ir.Value:
    """Route down each column and then along each row, to the *first* element that is the maximum.

    That is PyTorch's choice too: it scans a window row by row and keeps the first largest. Ties are
    common (neighbouring windows of a stride-1 pool share one maximum), so one element, and no
    more, must get the gradient.
    """
    grad, x = operands(node)
    row, column = pool_windows(node)
    across = pool(emit, x, row)
    y = pool(emit, across, column)
    return route(emit, route(emit, grad, across, y, column), x, across, row)


def route(emit: Emitter, grad: ir.Value, x: ir.Value, y: ir.Value, window: Window) -> ir.Value:
    """Return the gradient of x [N, C, H, W] from that of y = pool(x, window).

    Element t of window j is x[j * stride + t - padding]. Its share of the gradient of y[j] is 1 if
    it is the first in its window to equal y[j], else 0.
    """
    k, s = window.kernel, window.stride
    # Enough after the end for the last window, however far ceil_mode lets it reach.
    padded = _pad(emit, x, window.axis, window.padding, window.padding + k + s, LOWEST)
    count = emit.Shape(y, start=window.axis, end=window.axis + 1)
    shares = []
    for t in range(k):
        end = emit.Add(emit.Mul(count, emit.ints(s)), emit.ints(t))
        element = _slice(emit, padded, window.axis, emit.ints(t), end, s)
        shares.append(emit.Cast(emit.Equal(element, y), to=ir.DataType.FLOAT))
    given = [emit.Mul(grad, share) for share in first_only(emit, shares)]
    return _place(emit, given, x, window)


def first_only(emit: Emitter, shares: Sequence[ir.Value]) -> list[ir.Value]:
    """Keep of several 0/1 masks, at each element, the first 1."""
    kept, free = [shares[0]], emit.Sub(emit.floats(1.0), shares[0])
    for share in shares[1:]:
        kept.append(emit.Mul(share, free))
        free = emit.Sub(free, kept[-1])
    return kept


def _place(emit: Emitter, given: Sequence[ir.Value], x: ir.Value, window: Window) -> ir.Value:
    """Add up `given[t][j]` at x's element j * stride + t - padding.

    Elements of one residue modulo the stride make a phase; the phases interleave.
    """
    k, s, axis = window.kernel, window.stride, window.axis
    longest = (k - 1) // s
    phases = []
    for residue in range(s):
        parts = [
            _pad(emit, given[t], axis, t // s, longest - t // s, 0.0) for t in range(residue, k, s)
        ]
        total = parts[0]
        for part in parts[1:]:
            total = emit.Add(total, part)
        phases.append(total)
    if s == 1:
        whole = phases[0]
    else:
        columns = [emit.Unsqueeze(phase, emit.ints(axis + 1)) for phase in phases]
        side_by_side = emit.Concat(*columns, axis=axis + 1)
        whole = emit.Reshape(side_by_side, _interleaved(emit, phases[0], axis))
    # Zeros for an element of x past the last window (no ceil_mode), then x's own range.
    whole = _pad(emit, whole, axis, 0, k + s, 0.0)
    start = emit.ints(window.padding)
    end = emit.Add(emit.Shape(x, start=axis, end=axis + 1), start)
    return _slice(emit, whole, axis, start, end, 1)


def _interleaved(emit: Emitter, phase: ir.Value, axis: int) -> ir.Value:
    """Return the shape of a phase with `axis` left open: [N, C, h, -1] or [N, C, -1, w]."""
    lengths = [emit.Shape(phase, start=i, end=i + 1) for i in range(4)]
    lengths[axis] = emit.ints(-1)
    return emit.Concat(*lengths, axis=0)


def _pad(emit: Emitter, x: ir.Value, axis: int, before: int, after: int, fill: float) -> ir.Value:
    if before == after == 0:
        return x
    pads = [0] * 8
    pads[axis], pads[4 + axis] = before, after
    return emit.Pad(x, emit.ints(pads), emit.floats(fill))


def _slice(
    emit: Emitter, x: ir.Value, axis: int, start: ir.Value, end: ir.Value, step: int
) -> ir.Value:
    return emit.Slice(x, start, end, emit.ints(axis), emit.ints(step))


EXPANSIONS = {
    "PositiveMask": positive_mask,
    "MaxPoolGrad": max_pool_grad,
    "ConvInputGrad": conv_input_grad,
}
