"""A gradient file as it lies on disk: its bytes, and what it says of itself.

The contract is in docs/model-file.md. The description is read here and not by ONNX Runtime, which
would have to make a session first; on some backends a session is for one size of picture, and
which sizes those are follows from the description.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.errors import DreamError

Array = NDArray[np.float32]

FORMAT = "1"
PREFIX = "deepdream."

# Numbers of ONNX's messages (onnx.proto) and types of protobuf's wire format.
METADATA, KEY, VALUE = 14, 1, 2
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class ModelInfo:
    """What a gradient file says of itself."""

    architecture: str
    layers: tuple[str, ...]  # each `LAYER[:CHANNEL][=WEIGHT]`
    stride: int  # pixels of the picture for one step in the deepest layer
    order: tuple[int, ...]  # channels of RGB, in the network's order
    mean: Array  # [3, 1, 1], in 0..255, after reordering
    scale: Array  # [3, 1, 1]
    weights: str  # their identity, such as `googlenet-12.onnx`
    weights_sha256: str
    target: str
    precision: str  # of the network: float32 or float16
    size: tuple[int, int] | None  # (height, width) of the only pictures it is for; None: of any


@dataclass(frozen=True)
class GradientFile:
    path: Path
    content: bytes
    info: ModelInfo

    @property
    def weights_folder(self) -> Path:
        """Where its weights are, if they are not in it."""
        return self.path.parent


def read_gradient_file(path: Path) -> GradientFile:
    """Raises DreamError when there is no gradient file at `path`."""
    if not path.is_file():
        raise DreamError(f"{path}: there is no such model file; `dream export` makes one")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DreamError(f"{path}: cannot be read ({error.strerror})") from error
    return GradientFile(path, content, _describe(content, path))


def _describe(content: bytes, path: Path) -> ModelInfo:
    try:
        properties = dict(_metadata(memoryview(content)))
    except (IndexError, ValueError) as error:
        raise DreamError(f"{path}: is not an ONNX file, or is truncated ({error})") from error
    if PREFIX + "format" not in properties:
        raise DreamError(f"{path}: is an ONNX file, but not one that `dream export` made")
    found = properties[PREFIX + "format"]
    if found != FORMAT:
        raise DreamError(
            f"{path} has format {found}, and this version reads {FORMAT}; export it again"
        )

    def structured(key: str) -> Any:
        return json.loads(properties[PREFIX + key])

    try:
        preprocessing, weights = structured("preprocessing"), structured("weights")
        info = ModelInfo(
            architecture=properties[PREFIX + "architecture"],
            layers=tuple(_name_layer(layer) for layer in structured("layers")),
            stride=int(structured("stride")),
            order=tuple(preprocessing["order"]),
            mean=_per_channel(preprocessing["mean"]),
            scale=_per_channel(preprocessing["scale"]),
            weights=weights["identity"],
            weights_sha256=weights["sha256"],
            target=properties[PREFIX + "target"],
            precision=properties.get(PREFIX + "precision", "float32"),
            size=_one_size(json.loads(properties.get(PREFIX + "size", "null"))),
        )
        _check(info)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DreamError(
            f"{path}: its description is damaged ({error!r}); export it again"
        ) from error
    return info


def _check(info: ModelInfo) -> None:
    """Raises ValueError for numbers that a dream cannot work with."""
    if not info.layers or info.stride < 1 or sorted(info.order) != [0, 1, 2]:
        raise ValueError(f"layers {info.layers}, stride {info.stride}, order {info.order}")
    if info.size is not None and min(info.size) < info.stride:
        raise ValueError(f"size {info.size} is below the stride")
    if not (np.isfinite(info.mean).all() and np.isfinite(info.scale).all()):
        raise ValueError("mean or scale is not finite")
    if not (info.scale > 0).all():
        raise ValueError("a scale is not above zero")


def _one_size(sides: list[int] | None) -> tuple[int, int] | None:
    if sides is None:
        return None
    height, width = map(int, sides)
    return height, width


def _name_layer(layer: dict[str, Any]) -> str:
    channel = "" if layer["channel"] is None else f":{layer['channel']}"
    number = repr(float(layer["weight"])).removesuffix(".0")  # every digit
    weight = "" if number == "1" else f"={number}"
    return f"{layer['layer']}{channel}{weight}"


def _per_channel(values: list[float]) -> Array:
    return np.array(values, np.float32).reshape(3, 1, 1)


# --- the wire format: https://protobuf.dev/programming-guides/encoding/ ---------------------------


def _metadata(model: memoryview) -> Iterator[tuple[str, str]]:
    """The entries of a serialised ModelProto's `metadata_props`."""
    for number, value in _fields(model):
        if number == METADATA:
            entry = dict(_fields(value))
            yield bytes(entry.get(KEY, b"")).decode(), bytes(entry.get(VALUE, b"")).decode()


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield number and bytes of each field. Raises IndexError or ValueError for anything else."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        start, at = _extent(message, at, tag & 7)
        if at > len(message):
            raise ValueError("a field runs beyond its end")
        yield tag >> 3, message[start:at]


def _extent(message: memoryview, at: int, wire_type: int) -> tuple[int, int]:
    """Where the value of a field begins and ends."""
    if wire_type == VARINT:
        return at, _varint(message, at)[1]
    if wire_type == LENGTH:
        size, at = _varint(message, at)
        return at, at + size
    if wire_type in (FIXED32, FIXED64):
        return at, at + (4 if wire_type == FIXED32 else 8)
    raise ValueError(f"a field of wire type {wire_type}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A base-128 number, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
