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
from ort_deepdream.protobuf import fields, text_of

Array = NDArray[np.float32]

FORMAT = "1"
PREFIX = "deepdream."

METADATA, KEY, VALUE = 14, 1, 2  # fields of ONNX's messages (onnx.proto)


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
    """A gradient file's bytes, and what it says of itself."""

    path: Path
    content: bytes
    info: ModelInfo

    @property
    def weights_folder(self) -> Path:
        """Where its weights are, if they are not in it."""
        return self.path.parent


def read_gradient_file(path: Path) -> GradientFile:
    """Read the gradient file at `path`. Raise DreamError when there is none, or it is damaged."""
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
    except DreamError as error:
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
    """Raise ValueError for numbers that a dream cannot work with."""
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


def _metadata(model: memoryview) -> Iterator[tuple[str, str]]:
    """Yield the entries of a serialised ModelProto's `metadata_props`. Raise DreamError."""
    for number, _, value in fields(model):
        if number == METADATA and not isinstance(value, int):
            yield text_of(value, KEY), text_of(value, VALUE)
