"""Moving, joining and reducing: no arithmetic but sums and means."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
import torch
from torch import fx

from ort_deepdream.export.emit import Emitter
from ort_deepdream.export.lower import SCALED, Lowering, is_whole, lowers, refuse_picture_size
from ort_deepdream.export.trace import PictureSize

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
    return _padded(emit, grad, sizes, axis, first, last)


def _padded(
    emit: Emitter, grad: ir.Value, sizes: Sequence[Any], axis: int, first: int, last: int = 0
) -> ir.Value:
    """Return zeros of shape `sizes` with grad at [first:last] of an axis."""
    pads = [0] * (2 * len(sizes))
    pads[axis], pads[len(sizes) + axis] = first, sizes[axis] - (last or first + 1)
    return emit.Pad(grad, emit.ints(pads), emit.floats(0.0))


@lowers(aten.sum.default)
def sum_(emit: Emitter, x: ir.Value) -> ir.Value:
    """Sum in two steps, for OpenVINO leaves a sum without dimensions to the CPU."""
    return emit.Squeeze(emit.ReduceSum(x, keepdims=1))


@lowers(aten.sum.dim_IntList)
def sum_along(emit: Emitter, x: ir.Value, dim: Sequence[int], keepdim: bool = False) -> ir.Value:
    """Return the sum over the axes dim, which stay with a length of 1 by choice."""
    return emit.ReduceSum(x, emit.ints(dim), keepdims=int(keepdim))


@lowers(aten.mean.dim)
def mean_along(emit: Emitter, x: ir.Value, dim: Sequence[int], keepdim: bool = False) -> ir.Value:
    """Return the mean over the axes dim, which stay with a length of 1 by choice."""
    return emit.ReduceMean(x, emit.ints(dim), keepdims=int(keepdim))


@lowers(aten.zeros.default)
def zeros(emit: Lowering, size: Sequence[Any], **_: Any) -> ir.Value:
    """Return zeros: the gradient of a part that nothing reads."""
    return emit.ConstantOfShape(emit.Concat(*(emit.size(side) for side in size), axis=0))


@lowers(aten.ones_like.default)
def ones_like(emit: Emitter, x: ir.Value, **_: Any) -> ir.Value:
    """Return autograd's seed: ones in the shape of the objective, a scalar."""
    if x.shape is None or len(x.shape) != 0:
        raise NotImplementedError("ones in any shape but a scalar's")
    return emit.floats(1.0) if emit.seed is None else emit.seed


@lowers(aten.expand.default)
def expand(emit: Lowering, x: ir.Value, size: Sequence[Any], *, implicit: bool = False) -> ir.Value:
    """Return x repeated along axes of length 1; x itself where arithmetic does that anyway."""
    assert x.shape is not None
    before = emit.node.args[0]
    if isinstance(before, fx.Node) and before.meta.get("sizes") == tuple(size):
        return x
    pairs = zip(reversed(list(x.shape)), reversed(size), strict=False)
    if any(have != 1 and isinstance(wanted, PictureSize) for have, wanted in pairs):
        raise NotImplementedError("axes that are not of length 1")
    if _is_broadcast(emit.node):
        return x
    if any(isinstance(side, PictureSize) for side in size):
        return emit.Expand(x, emit.Concat(*(emit.size(side) for side in size), axis=0))
    return emit.Expand(x, emit.ints(list(size)))


def _is_broadcast(node: fx.Node) -> bool:
    """Return whether each reader of a value is arithmetic with a whole one, which repeats it."""
    return all(_broadcasts(user, node) for user in node.users)


def _broadcasts(user: fx.Node, node: fx.Node) -> bool:
    values = [value for value in user.args if isinstance(value, fx.Node)]
    if len(values) == 1:
        return user.target in SCALED and _is_broadcast(user)
    others = [value for value in values if value is not node]
    if user.target not in (aten.mul.Tensor, aten.add.Tensor) or len(others) != 1:
        return False
    return is_whole(others[0]) and others[0].meta["shape"] == user.meta["shape"]


@lowers(aten.view.default, aten._unsafe_view.default)
def view(emit: Lowering, x: ir.Value, size: Sequence[Any]) -> ir.Value:
    """Return the same numbers in another shape."""
    return emit.Reshape(x, emit.shape(size))


@lowers(aten.permute.default)
def permute(emit: Emitter, x: ir.Value, dims: Sequence[int]) -> ir.Value:
    """Return x with its axes in the order dims."""
    return emit.Transpose(x, perm=[dim % len(dims) for dim in dims])


@lowers(aten.transpose.int)
def transpose(emit: Emitter, x: ir.Value, one: int, other: int) -> ir.Value:
    """Return x with two axes exchanged."""
    axes = list(range(_rank(x)))
    axes[one], axes[other] = axes[other], axes[one]
    return emit.Transpose(x, perm=axes)


@lowers(aten.t.default)
def t(emit: Emitter, x: ir.Value) -> ir.Value:
    """The transpose of a matrix."""
    return emit.Transpose(x, perm=[1, 0])


@lowers(aten.unsqueeze.default)
def unsqueeze(emit: Emitter, x: ir.Value, dim: int) -> ir.Value:
    """Return x with another axis, of length 1."""
    return emit.Unsqueeze(x, emit.ints(dim))


@lowers(aten.squeeze.dim)
def squeeze(emit: Emitter, x: ir.Value, dim: int) -> ir.Value:
    """Return x without the axis dim, if its length is 1."""
    assert x.shape is not None
    return emit.Squeeze(x, emit.ints(dim)) if x.shape[dim] == 1 else x


@lowers(aten.select.int)
def select(emit: Emitter, x: ir.Value, dim: int, index: int) -> ir.Value:
    """x[..., index, ...] on axis dim"""
    refuse_picture_size(index)
    last = TO_THE_END if index == -1 else index + 1
    one = emit.Slice(x, emit.ints(index), emit.ints(last), emit.ints(dim))
    return emit.Squeeze(one, emit.ints(dim))


@lowers(aten.select_backward.default)
def select_backward(
    emit: Emitter, grad: ir.Value, sizes: Sequence[Any], dim: int, index: int
) -> ir.Value:
    """Return zeros of shape `sizes` with grad at index of axis dim."""
    axis = dim % len(sizes)
    refuse_picture_size(sizes[axis], index)
    return _padded(emit, emit.Unsqueeze(grad, emit.ints(axis)), sizes, axis, index % sizes[axis])


@lowers(aten.split.Tensor)
def split(emit: Emitter, x: ir.Value, size: int, dim: int = 0) -> list[ir.Value]:
    """Return the pieces of x, each `size` long on axis dim; the last may be shorter."""
    assert x.shape is not None
    length = x.shape[dim]
    if not isinstance(length, int):
        raise NotImplementedError("an axis whose length depends on the picture's size")
    refuse_picture_size(size)
    pieces: list[ir.Value] = split_with_sizes(
        emit, x, [min(size, length - n) for n in range(0, length, size)], dim
    )
    return pieces


@lowers(aten.split_with_sizes.default)
def split_with_sizes(
    emit: Emitter, x: ir.Value, sizes: Sequence[int], dim: int = 0
) -> list[ir.Value]:
    """Return the pieces of x, as long as `sizes` say on axis dim."""
    refuse_picture_size(*sizes)
    ends = list(itertools.accumulate(sizes))
    axis, step = emit.ints(dim), emit.ints(1)
    return [
        emit.Slice(x, emit.ints(end - size), emit.ints(end), axis, step)
        for size, end in zip(sizes, ends, strict=True)
    ]


@lowers(aten.constant_pad_nd.default)
def constant_pad(emit: Emitter, x: ir.Value, pad: Sequence[int], value: float = 0) -> ir.Value:
    """Return x with `value` around it; a negative number of them cuts. The last axis is first."""
    refuse_picture_size(*pad)
    rank = _rank(x)
    pads = [0] * (2 * rank)
    for n in range(len(pad) // 2):
        pads[rank - 1 - n], pads[2 * rank - 1 - n] = pad[2 * n], pad[2 * n + 1]
    return emit.Pad(x, emit.ints(pads), emit.floats(value))


@lowers(aten.roll.default)
def roll(emit: Emitter, x: ir.Value, shifts: Sequence[int], dims: Sequence[int] = ()) -> ir.Value:
    """Return x moved by shifts along the axes dims; what leaves at one end enters at the other."""
    refuse_picture_size(*shifts)
    if not dims:
        raise NotImplementedError("all axes as one")
    for shift, dim in zip(shifts, dims, strict=True):
        axis, start, end = emit.ints(dim), emit.ints(-shift), emit.ints(TO_THE_END)
        last = emit.Slice(x, start, end, axis)
        x = emit.Concat(last, emit.Slice(x, emit.ints(0), start, axis), axis=dim)
    return x


def _rank(x: ir.Value) -> int:
    assert x.shape is not None
    return len(x.shape)
