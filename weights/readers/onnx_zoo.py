"""GoogLeNet of the ONNX model zoo: "Caffe BVLC GoogLeNet => Caffe2 => ONNX".

https://github.com/onnx/models, validated/vision/classification/inception_and_googlenet/googlenet.
A convolution's weight is `conv1/7x7_s2_w_0`, its bias `conv1/7x7_s2_b_0`. They are initializers
in the zoo's files, and `ConstantOfShape` nodes in the small copy that onnx's own tests use.

The messages and their field numbers are those of onnx/onnx.proto in github.com/onnx/onnx.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from ort_deepdream.errors import DreamError
from ort_deepdream.protobuf import FIXED32, FIXED64, LENGTH, VARINT, fields, varints
from ort_deepdream.weights.readers.fit import MOST_DIMENSIONS, MOST_TENSORS, Tensors, times

SUFFIXES = {"_w_0": ".weight", "_b_0": ".bias"}
LARGEST_CONSTANT = 1 << 24  # elements; GoogLeNet's largest tensor, its classifier, has a million

MODEL_IR_VERSION, MODEL_GRAPH, MODEL_OPSET_IMPORT = 1, 7, 8
GRAPH_NODE, GRAPH_INITIALIZER = 1, 5
NODE_INPUT, NODE_OUTPUT, NODE_OP_TYPE, NODE_ATTRIBUTE = 1, 2, 4, 5
ATTRIBUTE_TENSOR = 5
TENSOR_DIMS, TENSOR_DATA_TYPE, TENSOR_NAME, TENSOR_RAW_DATA, TENSOR_LOCATION = 1, 2, 8, 9, 14
FLOAT_DATA, INT32_DATA, INT64_DATA, DOUBLE_DATA = 4, 5, 7, 10
EXTERNAL = 1

FLOAT, INT64, FLOAT16, DOUBLE = 1, 7, 10, 11
DTYPES = {FLOAT: "<f4", INT64: "<i8", FLOAT16: "<f2", DOUBLE: "<f8"}
WIRE_TYPES = {FLOAT_DATA: FIXED32, DOUBLE_DATA: FIXED64, INT32_DATA: VARINT, INT64_DATA: VARINT}
# Others of TensorProto.DataType, for messages.
TYPE_NAMES = {2: "uint8", 3: "int8", 6: "int32", 8: "text", 9: "bool", 16: "bfloat16"}


def looks_like(wire_types: Mapping[int, int]) -> bool:
    """Return whether this is a ModelProto: 1 is `ir_version`, an integer; 7, `graph`, a message."""
    has_graph = wire_types.get(MODEL_GRAPH, LENGTH) == LENGTH
    return wire_types.get(MODEL_IR_VERSION) == VARINT and has_graph


def read(content: bytes) -> Tensors:
    """Return the tensors whose names end like the zoo's weights and biases.

    Raise DreamError for a damaged or quantised model.
    """
    constants = _Constants()
    finished = False
    for number, value in _messages(memoryview(content)):
        if number == MODEL_GRAPH:
            constants.collect(value)
        finished = finished or number == MODEL_OPSET_IMPORT
    if not constants.nodes or not finished:
        # The opset follows the graph in a file: without it the end is missing.
        raise DreamError("a truncated ONNX model")
    tensors = {}
    for name in constants.names():
        suffix = name[-4:]
        if suffix in SUFFIXES:
            tensors[name[:-4] + SUFFIXES[suffix]] = _floats(name, constants.value(name))
        elif name.endswith("_w_0_quantized"):
            raise DreamError("a quantised model: take googlenet-12.onnx, which is float32")
    return tensors


def _floats(name: str, array: np.ndarray) -> np.ndarray:
    if not np.issubdtype(array.dtype, np.floating):
        raise _not_floats(name, str(array.dtype))
    return array


def _not_floats(name: str, held: str) -> DreamError:
    return DreamError(
        f"{name} holds {held}, not floating-point numbers (float16, float32 or float64)"
    )


def _messages(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield a message's fields that are messages, texts or bytes."""
    for number, wire_type, value in fields(message):
        if wire_type == LENGTH and not isinstance(value, int):
            yield number, value


def _text(value: memoryview) -> str:
    return bytes(value).decode("utf-8", "replace")


@dataclass
class _Constants:
    """The values of a graph that depend on no input, understood when they are asked for."""

    nodes: int = 0
    tensors: dict[str, memoryview] = field(default_factory=dict)  # TensorProto messages
    filled: dict[str, tuple[str, memoryview]] = field(default_factory=dict)  # shape's name, fill

    def collect(self, graph: memoryview) -> None:
        for number, value in _messages(graph):
            if number == GRAPH_INITIALIZER:
                self.tensors[_tensor_name(value)] = value
            elif number == GRAPH_NODE:
                self.nodes += 1
                self._collect_node(value)
            if len(self.tensors) + len(self.filled) > MOST_TENSORS:
                raise DreamError(f"more than {MOST_TENSORS:,} tensors, so no network known here")

    def _collect_node(self, node: memoryview) -> None:
        first: dict[int, memoryview] = {}
        for number, value in _messages(node):
            first.setdefault(number, value)
        kind = _text(first.get(NODE_OP_TYPE, memoryview(b"")))
        output, attribute = first.get(NODE_OUTPUT), first.get(NODE_ATTRIBUTE)
        if kind == "Constant" and output is not None and attribute is not None:
            self.tensors[_text(output)] = _attribute_tensor(attribute)
        elif kind == "ConstantOfShape" and output is not None and NODE_INPUT in first:
            fill = memoryview(b"") if attribute is None else _attribute_tensor(attribute)
            self.filled[_text(output)] = _text(first[NODE_INPUT]), fill

    def names(self) -> list[str]:
        return [*self.tensors, *self.filled]

    def value(self, name: str) -> np.ndarray:
        if name in self.tensors:
            return _to_array(self.tensors[name], name)
        shape_name, message = self.filled[name]
        if shape_name not in self.tensors:
            raise DreamError(f"the shape of {name} is not a constant")
        sizes = _to_array(self.tensors[shape_name], shape_name).ravel()
        if not np.issubdtype(sizes.dtype, np.integer):
            raise DreamError(f"{name} has a shape of {sizes.dtype}, not of whole numbers")
        shape = [int(size) for size in sizes[: MOST_DIMENSIONS + 1]]
        impossible = min(shape, default=1) < 0 or len(shape) > MOST_DIMENSIONS
        if impossible or math.prod(shape) > LARGEST_CONSTANT:
            raise DreamError(f"{name} has an impossible shape")
        fill = _to_array(message, name) if message else np.zeros(1, np.float32)
        if fill.size != 1:
            raise DreamError(f"{name} is filled with {fill.size} values")
        return np.broadcast_to(fill.reshape(()), shape)  # takes no memory, however many there are


def _tensor_name(tensor: memoryview) -> str:
    return next((_text(value) for number, value in _messages(tensor) if number == TENSOR_NAME), "")


def _attribute_tensor(attribute: memoryview) -> memoryview:
    found = (value for number, value in _messages(attribute) if number == ATTRIBUTE_TENSOR)
    return next(found, memoryview(b""))


def _to_array(tensor: memoryview, name: str) -> np.ndarray:
    """Return a TensorProto's numbers, in its shape, from `raw_data` or its type's own field."""
    shape: list[int] = []
    data_type = 0
    raw: memoryview | None = None
    external = False
    for number, wire_type, value in fields(tensor):
        if number == TENSOR_DIMS:
            _add_dimensions(shape, value, name)
        elif isinstance(value, int):
            if number == TENSOR_DATA_TYPE:
                data_type = value
            elif number == TENSOR_LOCATION:
                external = value == EXTERNAL
        elif number == TENSOR_RAW_DATA and wire_type == LENGTH:
            raw = value
    if external:
        raise DreamError(f"{name} is kept in another file, which is not supported")
    if data_type not in DTYPES:
        raise _not_floats(name, TYPE_NAMES.get(data_type, f"numbers of type {data_type}"))
    dtype = np.dtype(DTYPES[data_type])
    held = _typed_data(tensor, data_type) if raw is None else raw
    if len(held) != math.prod(shape) * dtype.itemsize:
        raise DreamError(
            f"{name} cannot be read: it is {times(shape)} of {dtype.itemsize} bytes each, "
            f"but holds {len(held):,} bytes"
        )
    return np.frombuffer(held, dtype).reshape(shape)


def _add_dimensions(shape: list[int], value: int | memoryview, name: str) -> None:
    """Add `dims`, packed or one at a time; a negative one is a number beyond what files hold."""
    for size in (value,) if isinstance(value, int) else varints(value):
        shape.append(size)
        if len(shape) > MOST_DIMENSIONS:
            raise DreamError(
                f"{name} cannot be read: it has more than {MOST_DIMENSIONS} dimensions"
            )


def _typed_data(tensor: memoryview, data_type: int) -> bytes | bytearray:
    """Return the bytes of `float_data` and its like, packed or each number a field of its own."""
    numbers = {FLOAT: FLOAT_DATA, DOUBLE: DOUBLE_DATA, FLOAT16: INT32_DATA, INT64: INT64_DATA}
    wanted = numbers[data_type]
    size = np.dtype(DTYPES[data_type]).itemsize
    gathered = bytearray()
    for number, wire_type, value in fields(tensor):
        if number != wanted or wire_type not in (LENGTH, WIRE_TYPES[wanted]):
            continue
        if WIRE_TYPES[wanted] == VARINT:
            mask = (1 << 8 * size) - 1  # a float16's bits stand in an int32
            for integer in (value,) if isinstance(value, int) else varints(value):
                gathered += (integer & mask).to_bytes(size, "little")
        elif not isinstance(value, int):
            gathered += value
    return gathered
