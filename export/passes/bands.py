"""A convolution across neighbouring channels, as two grouped ones.

LRN sums over five neighbouring channels: a 1x1 convolution whose matrix is zero but for a band.
Cut into blocks along its diagonal, the matrix is a grouped convolution that misses only what lies
across the blocks' borders; a second one, with other borders, has that:

    conv(x, band)  ->  conv(x, blocks of 48) + conv(x, blocks of 64)        for 192 channels

It does three fifths of the products, and never walks through all channels at one pixel, which at
some picture sizes puts every channel into the same few lines of the cache.
"""

from __future__ import annotations

import itertools

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from export.emit import Emitter, operands
from export.passes.rewrite import BLOCK, constant, factors, is_plain_convolution, replace


def fold_factor_into_band(model: ir.Model) -> int:
    """(conv(x, band) * y) * a  ->  conv(x, a * band) * y"""
    return sum(_fold(model.graph, node) for node in model.graph)


def _fold(graph: ir.Graph, node: ir.Node) -> bool:
    for product, factor in factors(node):
        scalar = constant(factor)
        if scalar is None or scalar.size != 1 or len(product.uses()) != 1:
            continue
        for convolved, y in factors(product.producer()):
            convolution = convolved.producer()
            if convolution is None or len(convolved.uses()) != 1 or len(convolution.inputs) > 2:
                continue
            matrix = _matrix(convolution)
            if matrix is None:
                continue
            x, band = operands(convolution)[0], (matrix * np.float32(scalar))[:, :, None, None]
            _replace_scaled(graph, node, x, band, y)
            return True
    return False


def _replace_scaled(
    graph: ir.Graph, node: ir.Node, x: ir.Value, band: NDArray[np.float32], y: ir.Value
) -> None:
    replace(graph, node, lambda emit: emit.Mul(emit.Conv(x, emit.floats(band)), y))


def split_bands(model: ir.Model) -> int:
    return sum(_split(model.graph, node) for node in model.graph)


def _split(graph: ir.Graph, node: ir.Node) -> bool:
    matrix = _matrix(node)
    if matrix is None:
        return False
    groups = _two_partitions(matrix != 0)
    if groups is None:
        return False
    first, second = groups
    x, _, *bias = operands(node)
    rest = np.where(_within(len(matrix), first), 0, matrix)

    def write(emit: Emitter) -> ir.Value:
        blocks = emit.floats(_blocks(matrix, first))
        main = emit.Conv(x, blocks, *bias, group=len(matrix) // first)
        borders = emit.Conv(x, emit.floats(_blocks(rest, second)), group=len(matrix) // second)
        return emit.Add(borders, main)

    replace(graph, node, write)
    return True


def _matrix(node: ir.Node) -> NDArray[np.float32] | None:
    """The [out, in] matrix of a square 1x1 convolution with constant weights."""
    if not is_plain_convolution(node):
        return None
    weight = node.inputs[1]
    assert weight is not None
    producer = weight.producer()
    transposed = producer is not None and producer.op_type == "Transpose"
    values = constant(producer.inputs[0] if producer is not None and transposed else weight)
    if values is None or values.ndim != 4 or values.shape[2:] != (1, 1):
        return None
    matrix: NDArray[np.float32] = values[:, :, 0, 0].astype(np.float32)
    if matrix.shape[0] != matrix.shape[1] or np.count_nonzero(matrix) > matrix.size // 4:
        return None
    return matrix.T if transposed else matrix


def _two_partitions(used: NDArray[np.bool_]) -> tuple[int, int] | None:
    """The two cheapest block sizes that together cover every used entry, if there are any."""
    channels = len(used)
    sizes = [size for size in range(BLOCK, channels, BLOCK) if channels % size == 0]
    pairs = sorted(itertools.combinations(sizes, 2), key=sum)
    for first, second in pairs:
        if (used <= (_within(channels, first) | _within(channels, second))).all():
            return first, second
    return None


def _within(channels: int, size: int) -> NDArray[np.bool_]:
    """[channels, channels]: do two channels lie in the same block of `size`?"""
    block = np.arange(channels) // size
    return np.equal.outer(block, block)


def _blocks(matrix: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The diagonal blocks as a grouped convolution's weights [channels, size, 1, 1]."""
    starts = range(0, len(matrix), size)
    rows = [matrix[start : start + size, start : start + size] for start in starts]
    return np.concatenate(rows)[:, :, None, None]
