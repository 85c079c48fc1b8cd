"""Max pooling and its gradient, without indices.

Few execution providers have a kernel for a maximum's indices or a fast scatter, so the gradient is
made of comparisons. A k x k window is separated into rows and then columns:

    across = max over a row's k neighbours        (kernel [1, k])
    y      = max over a column's k of `across`    (kernel [k, 1])

and the gradient of y goes down the column and then along the row, each time to the *first* of the k
that equals the maximum. That is PyTorch's choice too: it scans a window row by row and keeps the
first largest. Ties are common (neighbouring windows of a stride-1 pool share one maximum), so one
element, and no more, must get the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir
import torch

from export.emit import LOWEST, Emitter
from export.lower import lowers

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
    """The maxima; no indices, for the gradient does not want them."""
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
    """grad of y -> grad of x, through the row maxima between them."""
    row, column = windows(kernel, stride, padding, dilation, ceil_mode)
    across = pool(emit, x, row)
    y = pool(emit, across, column)
    return route(emit, route(emit, grad, across, y, column), x, across, row)


@dataclass(frozen=True)
class Window:
    """A pooling window along one axis (2 for a column, 3 for a row)."""

    axis: int
    kernel: int
    stride: int
    padding: int
    ceil_mode: bool


def windows(
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
) -> tuple[Window, Window]:
    """The row's and the column's window of a 2-D pool."""
    if set(dilation) != {1}:
        raise NotImplementedError("dilated pooling")
    down, along = (
        Window(2 + i, kernel[i], (stride or kernel)[i], padding[i], ceil_mode) for i in (0, 1)
    )
    return along, down


def pool(emit: Emitter, x: ir.Value, window: Window) -> ir.Value:
    """The maxima of x over `window` alone."""

    def on_axis(value: int, other: int) -> list[int]:
        return [value, other] if window.axis == 2 else [other, value]

    return emit.MaxPool(
        x,
        kernel_shape=on_axis(window.kernel, 1),
        strides=on_axis(window.stride, 1),
        pads=on_axis(window.padding, 0) * 2,
        ceil_mode=int(window.ceil_mode),
    )


def route(emit: Emitter, grad: ir.Value, x: ir.Value, y: ir.Value, window: Window) -> ir.Value:
    """The gradient of x [N, C, H, W] from that of y = pool(x, window).

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
        whole = emit.Reshape(emit.Concat(*columns, axis=axis + 1), _interleaved(emit, phases[0], axis))
    # Zeros for an element of x past the last window (no ceil_mode), then x's own range.
    whole = _pad(emit, whole, axis, 0, k + s, 0.0)
    start = emit.ints(window.padding)
    end = emit.Add(emit.Shape(x, start=axis, end=axis + 1), start)
    return _slice(emit, whole, axis, start, end, 1)


def _interleaved(emit: Emitter, phase: ir.Value, axis: int) -> ir.Value:
    """The shape of a phase with `axis` left open: [N, C, h, -1] or [N, C, -1, w]."""
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
