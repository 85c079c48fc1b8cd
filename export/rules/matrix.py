"""Products of matrices, and attention's softmax."""

from __future__ import annotations

import onnx_ir as ir
import torch

from ort_deepdream.export.emit import Emitter
from ort_deepdream.export.lower import lowers

aten = torch.ops.aten


@lowers(aten.mm.default, aten.bmm.default)
def matmul(emit: Emitter, x: ir.Value, y: ir.Value) -> ir.Value:
    """x @ y"""
    return emit.MatMul(x, y)


@lowers(aten.addmm.default)
def addmm(
    emit: Emitter, bias: ir.Value, x: ir.Value, y: ir.Value, *, beta: float = 1, alpha: float = 1
) -> ir.Value:
    """x @ y + bias"""
    if (alpha, beta) != (1, 1):
        raise NotImplementedError("factors of the product and the bias")
    return emit.Add(emit.MatMul(x, y), bias)


@lowers(aten._softmax.default)
def softmax(emit: Emitter, x: ir.Value, dim: int, half_to_float: bool) -> ir.Value:
    """exp(x) / sum(exp(x)) along axis dim"""
    return emit.Softmax(x, axis=dim)


@lowers(aten._softmax_backward_data.default)
def softmax_backward(
    emit: Emitter, grad: ir.Value, result: ir.Value, dim: int, dtype: torch.dtype
) -> ir.Value:
    """y * (grad - sum(grad * y))"""
    product = emit.Mul(grad, result)
    total = emit.ReduceSum(product, emit.ints(dim), keepdims=1)
    return emit.Sub(product, emit.Mul(result, total))
