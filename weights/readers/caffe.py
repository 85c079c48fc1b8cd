"""Caffe's `.caffemodel`: a NetParameter message (BVLC/caffe, src/caffe/proto/caffe.proto).

Both layer formats are read: V1LayerParameter (2014; bvlc_googlenet.caffemodel has it) and
LayerParameter. Weights are [out, in, k, k] for cross-correlation, as in PyTorch; the second blob
is the bias. The training's side branches `loss1`, `loss2` and the classifier are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ort_deepdream.errors import DreamError
from ort_deepdream.protobuf import (
    FIXED32,
    FIXED64,
    LENGTH,
    VARINT,
    fields,
    varints,
)
from ort_deepdream.weights.readers.fit import MOST_DIMENSIONS, MOST_TENSORS, Tensors, times


@dataclass(frozen=True)
class LayerFormat:
    """Field numbers of a layer's message."""

    name: int
    blobs: int


# By the layer's field number in NetParameter.
LAYER_FORMATS = {2: LayerFormat(name=4, blobs=6), 100: LayerFormat(name=1, blobs=7)}

DATA, BLOB_SHAPE, DOUBLE_DATA = 5, 7, 8  # in BlobProto; 1 to 4 are num, channels, height, width
IGNORED = ("loss1/", "loss2/", "loss3/")


def looks_like(wire_types: Mapping[int, int]) -> bool:
    """Return whether this is a NetParameter: 1 is `name`, a string; layers are messages."""
    has_layers = any(wire_types.get(number) == LENGTH for number in LAYER_FORMATS)
    return has_layers and wire_types.get(1, LENGTH) == LENGTH


def read(content: bytes) -> Tensors:
    """Return the weight and bias of every layer that has blobs. Raise DreamError for damage."""
    tensors: Tensors = {}
    for number, wire_type, value in fields(memoryview(content)):
        if number in LAYER_FORMATS and wire_type == LENGTH:
            assert isinstance(value, memoryview)
            tensors |= _read_layer(value, LAYER_FORMATS[number])
            if len(tensors) > MOST_TENSORS:
                raise DreamError(f"more than {MOST_TENSORS:,} tensors, so no network known here")
    return tensors


def _read_layer(message: memoryview, layer_format: LayerFormat) -> Tensors:
    name = ""
    blobs: list[memoryview] = []
    for number, _, value in fields(message):
        if isinstance(value, int):
            continue
        if number == layer_format.name:
            name = bytes(value).decode("utf-8", "replace")
        elif number == layer_format.blobs:
            blobs.append(value)
    if name.startswith(IGNORED):
        return {}
    parts = zip(("weight", "bias"), blobs, strict=False)  # other layers may have other counts
    return {f"{name}.{part}": _read_blob(blob, f"{name}.{part}") for part, blob in parts}


def _read_blob(message: memoryview, name: str) -> np.ndarray:
    old_shape = [0, 0, 0, 0]
    shape: list[int] = []
    # Numbers that are fields of their own are gathered as bytes: millions of arrays would not do.
    singles, doubles = bytearray(), bytearray()
    for number, wire_type, value in fields(message):
        if isinstance(value, int):
            if 1 <= number <= 4 and wire_type == VARINT:
                old_shape[number - 1] = value
        elif number == BLOB_SHAPE:
            shape = _read_shape(value, name)
        elif number == DATA and wire_type in (LENGTH, FIXED32):  # packed, or one number
            singles += value
        elif number == DOUBLE_DATA and wire_type in (LENGTH, FIXED64):
            doubles += value
    if not shape:
        # A bias is 1x1x1xN in the old form.
        shape = old_shape[3:] if old_shape[:3] == [1, 1, 1] else old_shape
    data = _numbers(doubles, "<f8", name) if doubles else _numbers(singles, "<f4", name)
    if math.prod(shape) != data.size:
        raise DreamError(f"damaged: {name} is {times(shape)} but holds {data.size:,} numbers")
    return data.reshape(shape)


def _read_shape(message: memoryview, name: str) -> list[int]:
    """Read a BlobShape: `dim`, field 1, packed or not."""
    shape: list[int] = []
    for number, _, value in fields(message):
        if number == 1:
            for size in (value,) if isinstance(value, int) else varints(value):
                shape.append(size)
                if len(shape) > MOST_DIMENSIONS:
                    raise DreamError(f"damaged: {name} has more than {MOST_DIMENSIONS} dimensions")
    return shape


def _numbers(raw: bytearray, dtype: str, name: str) -> np.ndarray:
    if len(raw) % np.dtype(dtype).itemsize:
        raise DreamError(f"damaged: {name} holds a broken number")
    return np.frombuffer(raw, dtype)
