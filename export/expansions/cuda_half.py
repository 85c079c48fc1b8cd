"""Composites for CUDA in float16: what is scattered is placed, not added up.

ONNX Runtime's CPU provider, where a file is checked, adds no float16 to what it scatters, so an
addition would be in float32 and want casts on both of its sides. Placed in a layer of its own, each
value keeps its type, and the layers' sum is the same whatever order they are placed in.

The maxima are looked for in x as [C, 1, H, W]. With one channel the elements have the same numbers
whether channels come first or last, so the graph is right with `prefer_nhwc` too.
"""

from __future__ import annotations

import onnx_ir as ir

from ort_deepdream.export.composites import pool_windows
from ort_deepdream.export.emit import Emitter, channels_of, operands
from ort_deepdream.export.expansions import cuda
from ort_deepdream.export.expansions.cuda import (
    count_of,
    flat,
    layered,
    pool_with_indices,
    scatter,
    window_remainders,
)


def max_pool_grad(emit: Emitter, node: ir.Node) -> ir.Value:
    """Append the gradient of a max pool: its windows' gradients where their maxima are."""
    grad, x, *more = operands(node)
    row, column = pool_windows(node)
    channels = channels_of(x)
    across, from_row = pool_with_indices(emit, one_channel(emit, x, channels), row)
    maxima, from_column = pool_with_indices(emit, across, column)
    if grad.shape is not None and 1 in list(grad.shape)[2:]:  # arithmetic would have broadcast it
        each = emit.Concat(emit.ints([1, channels]), emit.Shape(maxima, start=2, end=4), axis=0)
        grad = emit.Expand(grad, each)
    if (row.stride, column.stride) == (1, 1):
        elements = emit.Gather(flat(emit, from_row), flat(emit, from_column))
        places = emit.Reshape(elements, emit.Shape(maxima))
        return place_apart(emit, grad, places, x, maxima, (row.kernel, column.kernel), more)
    total = scatter(emit, grad, from_column, across, channels)
    total = scatter(emit, total, from_row, x, channels)
    for value in more:
        total = emit.Add(total, value)
    return total


def one_channel(emit: Emitter, x: ir.Value, channels: int) -> ir.Value:
    """Append x [1, C, H, W] as [C, 1, H, W]."""
    return emit.Reshape(x, emit.ints([channels, 1, 0, 0]))


def place_apart(
    emit: Emitter,
    grad: ir.Value,
    elements: ir.Value,
    like: ir.Value,
    windows: ir.Value,
    kernel: tuple[int, int],
    more: list[ir.Value],
) -> ir.Value:
    """Return the sum of `more`, and of `grad` at `elements`, in the shape of `like`.

    `elements` is in the shape of `windows` [C, 1, h, w]. Of the windows with an element in common
    no two are equal modulo the kernel's width and height: each remainder has a layer of its own.
    """
    width, height = kernel
    shape = emit.Shape(like)
    size = count_of(emit, like, channels_of(like))
    first, layers = len(more), len(more) + height * width
    layer = emit.Add(window_remainders(emit, windows, height, width), emit.ints(first))
    places = emit.Add(elements, emit.Mul(layer, size))
    ground = layered(emit, more, size, layers)
    placed = emit.ScatterElements(ground, flat(emit, places), flat(emit, grad), axis=0)
    apart = emit.Reshape(placed, emit.Concat(emit.ints(layers), shape, axis=0))
    return emit.ReduceSum(apart, emit.ints(0), keepdims=0)


EXPANSIONS = {**cuda.EXPANSIONS, "MaxPoolGrad": max_pool_grad}
