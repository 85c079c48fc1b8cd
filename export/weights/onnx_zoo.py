"""GoogLeNet of the ONNX model zoo: "Caffe BVLC GoogLeNet => Caffe2 => ONNX".

https://github.com/onnx/models, validated/vision/classification/inception_and_googlenet/googlenet.
A convolution's weight is `conv1/7x7_s2_w_0`, its bias `conv1/7x7_s2_b_0`. They are initializers
in the zoo's files, and `ConstantOfShape` nodes in the small copy that onnx's own tests use.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper

from export.errors import ExportError
from export.googlenet import BVLC, Architecture
from export.weights.protobuf import LENGTH, VARINT

SUFFIXES = {"_w_0": ".weight", "_b_0": ".bias"}
FLOATS = (np.float16, np.float32, np.float64)
LARGEST_CONSTANT = 1 << 24  # elements; GoogLeNet's largest tensor, its classifier, has a million


def looks_like(wire_types: Mapping[int, int]) -> bool:
    """ModelProto: 1 is `ir_version`, an integer; 7 is `graph`, a message."""
    return wire_types.get(1) == VARINT and wire_types.get(7, LENGTH) == LENGTH


def read(content: bytes) -> tuple[dict[str, torch.Tensor], Architecture]:
    """The tensors whose names end like the zoo's weights and biases."""
    try:
        model = onnx.load_model_from_string(content)
    except DecodeError:
        raise ExportError("a truncated or damaged ONNX model") from None
    if not model.graph.node or not model.opset_import:
        # The opset follows the graph in a file: without it the end is missing.
        raise ExportError("a truncated ONNX model")
    graph = _Constants(model.graph)
    tensors = {}
    for name in graph.names:
        suffix = name[-4:]
        if suffix in SUFFIXES:
            array = graph.value(name)
            if array.dtype not in FLOATS:
                raise ExportError(f"{name} holds {array.dtype}, not floating-point numbers")
            tensors[name[:-4] + SUFFIXES[suffix]] = torch.from_numpy(np.array(array))
        elif name.endswith("_w_0_quantized"):
            raise ExportError("a quantised model: take googlenet-12.onnx, which is float32")
    return tensors, BVLC


class _Constants:
    """The values of a graph that depend on no input."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}
        self._filled: dict[str, onnx.NodeProto] = {}
        for node in graph.node:
            if node.op_type == "Constant" and node.output and node.attribute:
                self._tensors[node.output[0]] = node.attribute[0].t
            elif node.op_type == "ConstantOfShape" and node.output and node.input:
                self._filled[node.output[0]] = node
        # A name in a damaged file may be bytes that are no text.
        self.names = [name for name in (*self._tensors, *self._filled) if isinstance(name, str)]

    def value(self, name: str) -> np.ndarray:
        if name in self._tensors:
            return _to_array(self._tensors[name])
        node = self._filled[name]
        if node.input[0] not in self._tensors:
            raise ExportError(f"the shape of {name} is not a constant")
        shape = [int(size) for size in _to_array(self._tensors[node.input[0]]).ravel()]
        if min(shape, default=1) < 0 or math.prod(shape) > LARGEST_CONSTANT:
            raise ExportError(f"{name} has an impossible shape")
        fill = _to_array(node.attribute[0].t) if node.attribute else np.zeros(1, np.float32)
        if fill.size != 1:
            raise ExportError(f"{name} is filled with {fill.size} values")
        return np.full(shape, fill.item(), fill.dtype)


def _to_array(tensor: onnx.TensorProto) -> np.ndarray:
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ExportError(f"{tensor.name} is kept in another file, which is not supported")
    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, KeyError) as error:
        raise ExportError(f"{tensor.name} cannot be read: {str(error).splitlines()[0]}") from None
