"""A convolution across neighbouring channels, as one along the axis of channels.

LRN sums over five neighbouring channels: a 1x1 convolution whose matrix is zero but for a band of
equal rows. With the channels as the depth of a volume it has five products for each value, not as
many as there are channels:

    conv(x, band)  ->  squeeze(conv(unsqueeze(x), row [1, 1, 5, 1, 1]))

It is not in ONNX Runtime's blocked layout; neither are the powers around it, and what is multiplied
before it is multiplied as a volume, so that only x itself leaves the blocks.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from ort_deepdream.export.emit import Emitter, operands
from ort_deepdream.export.passes.rewrite import constant, factors, is_plain_convolution, replace

SHAPES = (-1, 1, 1, 1), (1, -1, 1, 1)  # of what is for each row, and for each column


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


def convolve_along_channels(model: ir.Model) -> int:
    """Write products with a band matrix as convolutions along the channels; return how many."""
    return sum(_convolve(model.graph, node) for node in tuple(model.graph))


def _convolve(graph: ir.Graph, node: ir.Node) -> bool:
    matrix = _matrix(node)
    row = _row(matrix) if matrix is not None else None
    if row is None:
        return False
    x, _, *rest = operands(node)
    biases = [constant(bias) for bias in rest]
    if any(bias is None or np.ptp(bias) for bias in biases):
        return False
    axis, reach = 1, len(row) // 2

    def write(emit: Emitter) -> ir.Value:
        product = factors(x.producer())
        if product and len(x.uses()) == 1:
            volume = emit.Mul(*(emit.Unsqueeze(factor, emit.ints(axis)) for factor in product[0]))
        else:
            volume = emit.Unsqueeze(x, emit.ints(axis))
        bias = [emit.floats(values[:1]) for values in biases if values is not None]
        kernel = emit.floats(row.reshape(1, 1, -1, 1, 1))
        summed = emit.Conv(volume, kernel, *bias, pads=[reach, 0, 0, reach, 0, 0])
        return emit.Squeeze(summed, emit.ints(axis))

    replace(graph, node, write)
    return True


def compute_bands(model: ir.Model) -> int:
    """Have matrices that are one number along a band computed; return how many.

    Files are the smaller for it. The matrices are constants again by the time a session runs.
    """
    return sum(_compute(model.graph, node) for node in tuple(model.graph))


def _compute(graph: ir.Graph, node: ir.Node) -> bool:
    matrix = _matrix(node)
    row = _row(matrix) if matrix is not None else None
    if matrix is None or row is None or np.ptp(row):
        return False
    x, _, *bias = operands(node)
    channels, reach = len(matrix), len(row) // 2

    def write(emit: Emitter) -> ir.Value:
        numbers = np.arange(channels)
        down, across = (emit.floats(numbers.reshape(shape)) for shape in SHAPES)
        inside = emit.LessOrEqual(emit.Abs(emit.Sub(down, across)), emit.floats(reach))
        band = emit.Mul(emit.Cast(inside, to=ir.DataType.FLOAT), emit.floats(row[0]))
        band.shape = ir.Shape([channels, channels, 1, 1])
        band.type = ir.TensorType(ir.DataType.FLOAT)
        return emit.Conv(x, band, *bias)

    replace(graph, node, write)
    return True


def _matrix(node: ir.Node) -> NDArray[np.float32] | None:
    """Return the [out, in] matrix of a square 1x1 convolution with constant weights."""
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


def _row(matrix: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return the 2r + 1 numbers around the diagonal, if each row of the band has the same."""
    reach = int(max(abs(offset) for offset in np.subtract(*np.nonzero(matrix))))
    diagonals = [np.diagonal(matrix, offset) for offset in range(-reach, reach + 1)]
    if any(np.ptp(diagonal) for diagonal in diagonals):
        return None
    return np.array([diagonal[0] for diagonal in diagonals])
