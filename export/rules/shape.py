"""Moving, joining and reducing: no arithmetic but sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
import torch

from ort_deepdream.export.emit import Emitter
from ort_deepdream.export.lower import lowers, refuse_picture_size
from ort_deepdream.export.trace import PICTURE_SIZE

aten = torch.ops.aten
TO_THE_END = 2**31 - 1  # both PyTorch and ONNX take any large number for it


@lowers(aten.cat.default)
def cat(emit: Emitter, tensors: Sequence[ir.Value], dim: int = 0) -> ir.Value:
    """tensors, one after the other on axis dim."""
    return emit.Concat(*tensors, axis=dim)


@lowers(aten.slice.Tensor)
def slice_(
    emit: Emitter, x: ir.Value, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> ir.Value:
    """x[..., start:end:step, ...] on axis dim"""
    refuse_picture_size(start, end)
    first, last = start or 0, TO_THE_END if end is None else min(end, TO_THE_END)
    return emit.Slice(x, emit.ints(first), emit.ints(last), emit.ints(dim), emit.ints(step))


@lowers(aten.slice_backward.default)
def slice_backward(
    emit: Emitter, grad: ir.Value, sizes: Sequence[Any], dim: int, start: Any, end: Any, step: int
) -> ir.Value:
    """Return zeros of shape `sizes` with grad at [start:end] of axis dim."""
    refuse_picture_size(sizes[dim], start, end)
    if step != 1:
        raise NotImplementedError(f"a step of {step}")
    axis = dim % len(sizes)
    first, last, _ = slice(start, end).indices(sizes[axis])
    pads = [0] * (2 * len(sizes))
    pads[axis], pads[len(sizes) + axis] = first, sizes[axis] - last
    return emit.Pad(grad, emit.ints(pads), emit.floats(0.0))


@lowers(aten.sum.default)
def sum_(emit: Emitter, x: ir.Value) -> ir.Value:
    """Sum in two steps, for OpenVINO leaves a sum without dimensions to the CPU."""
    return emit.Squeeze(emit.ReduceSum(x, keepdims=1))


@lowers(aten.sum.dim_IntList)
def sum_along(emit: Emitter, x: ir.Value, dim: Sequence[int], keepdim: bool = False) -> ir.Value:
    """Return the sum over the axes dim, which stay with a length of 1."""
    if not keepdim:
        raise NotImplementedError("axes that go")
    return emit.ReduceSum(x, emit.ints(dim), keepdims=1)


@lowers(aten.ones_like.default)
def ones_like(emit: Emitter, x: ir.Value, **_: Any) -> ir.Value:
    """Return autograd's seed: ones in the shape of the objective, a scalar."""
    if x.shape is None or len(x.shape) != 0:
        raise NotImplementedError("ones in any shape but a scalar's")
    return emit.floats(1.0) if emit.seed is None else emit.seed


@lowers(aten.expand.default)
def expand(emit: Emitter, x: ir.Value, size: Sequence[Any]) -> ir.Value:
    """Return x itself, repeated along axes of length 1 only: ONNX's arithmetic broadcasts."""
    shape = [] if x.shape is None else list(x.shape)
    kept = [wanted for have, wanted in zip(shape, size, strict=False) if have != 1]
    if x.shape is None or (shape and len(shape) != len(size)) or PICTURE_SIZE in kept:
        raise NotImplementedError("axes that are not of length 1")
    return x
