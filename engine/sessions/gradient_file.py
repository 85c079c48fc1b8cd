"""A gradient file as it lies on disk: its bytes, and what it says of itself.

The contract is in docs/model-file.md. The description is read here and not by ONNX Runtime, which
would have to make a session first; on some backends a session is for one size of picture, and
which sizes those are follows from the description.

A file may come from anywhere. So each entry of the description is of its type and within its
limits, or the file is refused; what a session is made of is checked in engine/sessions/checking.py.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.errors import DreamError
from ort_deepdream.files import read_limited
from ort_deepdream.gradient_format import (
    FORMAT,
    KEY,
    METADATA,
    PREFIX,
    VALUE,
    features_output,
    guide_input,
    order_input,
)
from ort_deepdream.protobuf import fields, text_of

Array = NDArray[np.float32]

LARGEST_FILE = 1 << 30  # bytes; GoogLeNet's with weights in it have 28 million
LARGEST_DESCRIPTION = 100_000  # bytes; they have 800
LONGEST_NAME = 1100  # characters: a file's name, each byte of it as four
LARGEST_STRIDE = 1 << 16  # pixels
LARGEST_SIDE = 1 << 31
LARGEST_CHANNELS = 1 << 16
MOST_PARTS = 1 << 12  # that a guide's positions are taken in
LARGEST_UNIT = 1e6  # of mean, scale and 1 / scale, so that no picture overflows
MOST_WORDS = 200  # characters of what is wrong with a description
SHA256 = re.compile("[0-9a-f]{64}")


class GuidedLayer(NamedTuple):
    """A layer at which a guide leads the dream."""

    name: str
    channels: int
    stride: int  # pixels of the picture for one step in it
    parts: int  # that the number of a guide's positions must be a multiple of

    @property
    def inputs(self) -> tuple[str, str]:
        """The names of the inputs that a guide is fed to: its features, and their order."""
        return guide_input(self.name), order_input(self.name)

    @property
    def output(self) -> str:
        """The name of the output with a picture's features."""
        return features_output(self.name)


@dataclass(frozen=True)
class ModelInfo:
    """What a gradient file says of itself."""

    architecture: str
    layers: tuple[str, ...]  # each `LAYER[:CHANNEL][=WEIGHT]`
    stride: int  # pixels of the picture for one step in the deepest layer
    least_side: int  # pixels of the shorter side of the smallest picture
    order: tuple[int, ...]  # channels of RGB, in the network's order
    mean: Array  # [3, 1, 1], in 0..255, after reordering
    scale: Array  # [3, 1, 1]
    weights: str  # their identity, such as `googlenet-12.onnx`
    weights_sha256: str
    beside_sha256: str  # of the file beside it with the weights, if they are not in it
    target: str
    precision: str  # of the network: float32 or float16
    size: tuple[int, int] | None  # (height, width) of the only pictures it is for; None: of any
    guides: tuple[GuidedLayer, ...] = ()  # those of its layers that a guide leads
    any_layout: bool = False  # right with the channels last too, though it asks where maxima are


@dataclass(frozen=True)
class GradientFile:
    """A gradient file's bytes, and what it says of itself."""

    path: Path
    content: bytes
    info: ModelInfo

    @property
    def weights_folder(self) -> Path:
        """Where its weights are, if they are not in it.

        Some install a package as links, file by file; both files are together where these lead.
        """
        return self.path.resolve().parent


def read_gradient_file(path: Path) -> GradientFile:
    """Read the gradient file at `path`. Raise DreamError when there is none, or it is damaged."""
    content = read_limited(path, LARGEST_FILE, "a model file, as `dream export` makes it")
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
            f"{path} has format {found[:10]}, and this version reads {FORMAT}; export it again"
        )
    try:
        return _info(properties)
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DreamError(
            f"{path}: its description is damaged ({error!r:.{MOST_WORDS}}); export it again"
        ) from error


def _metadata(model: memoryview) -> Iterator[tuple[str, str]]:
    """Yield the entries of a serialised ModelProto's `metadata_props`. Raise DreamError."""
    left = LARGEST_DESCRIPTION
    for number, _, value in fields(model):
        if number == METADATA and not isinstance(value, int):
            left -= len(value)
            if left < 0:
                raise DreamError(f"its description has more than {LARGEST_DESCRIPTION:,} bytes")
            yield text_of(value, KEY), text_of(value, VALUE)


# --- the description: each value of its type, or ValueError ---------------------------------------


def _info(properties: dict[str, str]) -> ModelInfo:
    """Return what the entries say. Raise what a wrong one leads to: KeyError, ValueError, ..."""

    def plain(key: str, otherwise: str | None = None) -> str:
        if otherwise is not None and PREFIX + key not in properties:
            return otherwise
        return _name(properties[PREFIX + key])

    def structured(key: str) -> Any:
        return json.loads(properties[PREFIX + key])

    preprocessing, weights = _table(structured("preprocessing")), _table(structured("weights"))
    stride = _whole(structured("stride"), 1, LARGEST_STRIDE)
    terms = _row(structured("layers"), range(1, 1000))
    sha256 = _sha256(weights["sha256"])
    mean, scale = _per_channel(preprocessing["mean"]), _per_channel(preprocessing["scale"])
    if not (scale * LARGEST_UNIT >= 1).all():
        raise ValueError("a scale is too small, or not above zero")
    return ModelInfo(
        architecture=plain("architecture"),
        layers=tuple(map(_term, terms)),
        stride=stride,
        least_side=_whole(
            json.loads(properties.get(PREFIX + "least_side", str(stride))), stride, LARGEST_STRIDE
        ),
        order=_order(preprocessing["order"]),
        mean=mean,
        scale=scale,
        weights=_name(weights["identity"]),
        weights_sha256=sha256,
        beside_sha256=_sha256(weights.get("beside_sha256", sha256)),
        target=plain("target"),
        precision=plain("precision", "float32"),
        size=_one_size(structured("size"), stride) if PREFIX + "size" in properties else None,
        guides=tuple(_guided(term) for term in terms if "guide" in term),
        any_layout=plain("any_layout", "false") == "true",
    )


def _name(value: Any) -> str:
    """Return a text that can be printed anywhere."""
    if not isinstance(value, str) or not value.isprintable() or len(value) > LONGEST_NAME:
        raise ValueError(f"{value!r:.60} is no name")
    return value


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r:.60} is no JSON object")
    return value


def _row(value: Any, lengths: range) -> list[Any]:
    if not isinstance(value, list) or len(value) not in lengths:
        raise ValueError(f"{value!r:.60} is no list of {lengths.start} or more")
    return value


def _whole(value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:  # JSON's `true` is an int, too
        raise ValueError(f"{value!r:.60} is not a whole number from {least} to {most}")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not abs(value) <= LARGEST_UNIT:
        raise ValueError(f"{value!r:.60} is not a number up to {LARGEST_UNIT:,.0f}")
    return float(value)


def _sha256(value: Any) -> str:
    if not isinstance(value, str) or not SHA256.fullmatch(value):
        raise ValueError(f"{value!r:.60} is no sha256")
    return value


def _order(value: Any) -> tuple[int, ...]:
    order = tuple(_whole(channel, 0, 2) for channel in _row(value, range(3, 4)))
    if len(set(order)) != 3:
        raise ValueError(f"order {order}")
    return order


def _per_channel(value: Any) -> Array:
    numbers = [_number(number) for number in _row(value, range(3, 4))]
    return np.array(numbers, np.float32).reshape(3, 1, 1)


def _one_size(value: Any, stride: int) -> tuple[int, int]:
    height, width = (_whole(side, stride, LARGEST_SIDE) for side in _row(value, range(2, 3)))
    return height, width


def _term(value: Any) -> str:
    """Return a layer as it is written on the command line."""
    entry = _table(value)
    layer, channel, weight = _name(entry["layer"]), entry["channel"], entry["weight"]
    if not layer or any(mark in layer for mark in " :="):
        raise ValueError(f"{layer!r:.60} is no layer's name")
    if type(weight) not in (int, float) or not math.isfinite(weight):
        raise ValueError(f"{weight!r:.60} is no weight")
    shown = "" if channel is None else f":{_whole(channel, 0, 1 << 31)}"
    number = repr(float(weight)).removesuffix(".0")  # every digit
    return f"{layer}{shown}" + ("" if number == "1" else f"={number}")


def _guided(entry: dict[str, Any]) -> GuidedLayer:
    guide = _table(entry["guide"])
    return GuidedLayer(
        name=_name(entry["layer"]),
        channels=_whole(guide["channels"], 1, LARGEST_CHANNELS),
        stride=_whole(guide["stride"], 1, LARGEST_STRIDE),
        parts=_whole(guide["parts"], 1, MOST_PARTS),
    )
