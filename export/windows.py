"""Pooling windows along one axis."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from ort_deepdream.export.emit import Emitter


@dataclass(frozen=True)
class Window:
    """A window of a pool along one axis: 2 for a column's, 3 for a row's."""

    axis: int
    kernel: int
    stride: int
    padding: int
    ceil_mode: bool

    def on_axis(self, value: int, other: int) -> list[int]:
        """Return [value, other] in the order of the axes 2 and 3."""
        return [value, other] if self.axis == 2 else [other, value]


def pool(emit: Emitter, x: ir.Value, window: Window) -> ir.Value:
    """Return the maxima of x [N, C, H, W] over `window` alone."""
    return emit.MaxPool(
        x,
        kernel_shape=window.on_axis(window.kernel, 1),
        strides=window.on_axis(window.stride, 1),
        pads=window.on_axis(window.padding, 0) * 2,
        ceil_mode=int(window.ceil_mode),
    )


def pool_pairs(emit: Emitter, x: ir.Value, window: Window) -> ir.Value:
    """Return the maxima of each element and the one before it."""
    before = window.on_axis(1, 0)
    return emit.MaxPool(x, kernel_shape=window.on_axis(2, 1), pads=[*before, 0, 0])


def recomputed_pool(emit: Emitter, x: ir.Value, window: Window) -> ir.Value:
    """Return what `pool` gives if `window.ceil_mode`, by a node that is not equal to that one.

    Equal nodes are computed once, and the value kept from the forward to the backward pass; this
    one is computed where it is wanted. One stride less one more of padding rounds up as well.
    """
    before = window.on_axis(window.padding, 0)
    after = window.on_axis(window.padding + window.stride - 1, 0)
    return emit.MaxPool(
        x,
        kernel_shape=window.on_axis(window.kernel, 1),
        strides=window.on_axis(window.stride, 1),
        pads=[*before, *after],
    )
