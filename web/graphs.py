"""The gradient files of the page: which there are, their paths, and what the page knows of each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import ort_deepdream.engine
from ort_deepdream.engine.sessions.gradient_file import read_gradient_file
from ort_deepdream.gradient_format import KEY, VALUE
from ort_deepdream.protobuf import fields as fields_of
from ort_deepdream.protobuf import text_of
from ort_deepdream.weights.architectures import ARCHITECTURES
from ort_deepdream.weights.builtin import WEIGHTS_ARCHITECTURE, shipped_file, shipped_layers
from ort_deepdream.weights.guiding import guided
from ort_deepdream.weights.positions import parts
from ort_deepdream.weights.rewriting import (
    CHANNELS,
    EXTERNAL_DATA,
    GRAPH,
    INITIALIZER,
    NAME,
    RAW_DATA,
)
from ort_deepdream.weights.terms import Term

FRAGMENTS = Path(ort_deepdream.engine.__path__[0]) / "graphs"

TARGET = "cpu"  # the graph target that is quickest in WebAssembly, and smallest in memory
WEBGPU_TARGET = "portable"  # the one whose every node has a kernel there

# The order of the network, and what the layers draw.
GROUPS = (
    ("conv", "Lines and waves"),
    ("inception_3", "Textures"),
    ("inception_4", "Patterns and figures"),
    ("inception_5", "Whole things"),
)
DEFAULT_LAYER = "inception_4c/output"


def layer_names() -> list[str]:
    """Name the layers in the order of the network, which within a block is also the alphabet's."""
    return sorted(shipped_layers(), key=lambda layer: (_group(layer), layer))


def _group(layer: str) -> int:
    return next(i for i, (beginning, _) in enumerate(GROUPS) if layer.startswith(beginning))


@cache
def description(layer: str) -> dict[str, Any]:
    """Describe a layer's gradient files, so that the page need not read protobuf."""
    shape = ARCHITECTURES[WEIGHTS_ARCHITECTURE].layers[layer]
    return {
        "name": layer,
        "group": GROUPS[_group(layer)][1],
        "channels": shape.channels,
        "stride": shape.stride,
        "parts": parts(shape.stride),
        "guided": guided_path(layer),
        "wasm": _graph(layer, TARGET),
        "webgpu": _graph(layer, WEBGPU_TARGET),
    }


def _graph(layer: str, target: str) -> dict[str, Any]:
    content = shipped_file(layer, target).read_bytes()
    return {
        "graph": graph_path(layer, target),
        "weightsEnd": _weights_end(content),
        "channelsAt": _channels_at(content),
    }


def common_info() -> dict[str, Any]:
    """Return what all shipped gradient files say alike."""
    info = read_gradient_file(shipped_file(DEFAULT_LAYER, TARGET)).info
    return {
        "architecture": info.architecture,
        "order": info.order,
        "mean": info.mean.ravel().tolist(),
        "scale": info.scale.ravel().tolist(),
        "weights": info.weights,
        "weightsSha256": info.weights_sha256,
        "precision": info.precision,
    }


@cache  # what is shipped stays as it is
def guided_graph(layer: str) -> bytes:
    """Return a layer's gradient file for dreams with a guide."""
    content = shipped_file(layer, TARGET).read_bytes()
    return guided(content, Term(layer), ARCHITECTURES[WEIGHTS_ARCHITECTURE].layers[layer])


def graph_path(layer: str, target: str) -> str:
    """Return where a layer's gradient file is on the site."""
    return f"models/{shipped_file(layer, target).name}"


def guided_path(layer: str) -> str:
    """Return where the one for dreams with a guide is."""
    return f"models/{layer.replace('/', '-')}.guided.onnx"


def ascent_path(target: str) -> str:
    """Return where the fragment of `ascent_file` is."""
    return f"graphs/ascent.{target}.pb"


def ascent_file(target: str) -> Path:
    """Return the file with the fragment that makes a step of a gradient file."""
    return FRAGMENTS / f"ascent.{target}.pb"


def _weights_end(model: bytes) -> int:
    """Return how many bytes of its weights file a model needs: they lie in the network's order."""
    ends = [0]
    for graph in _messages(memoryview(model), GRAPH):
        for tensor in _messages(graph, INITIALIZER):
            entries = _messages(tensor, EXTERNAL_DATA)
            place = {text_of(entry, KEY): text_of(entry, VALUE) for entry in entries}
            if place:
                ends.append(int(place["offset"]) + int(place["length"]))
    return max(ends)


def _channels_at(model: bytes) -> int:
    """Return at which byte of a model its channels' factors begin, a float32 for each."""
    for graph in _messages(memoryview(model), GRAPH):
        for tensor in _messages(graph, INITIALIZER):
            if text_of(tensor, NAME) == CHANNELS:
                (factors,) = _messages(tensor, RAW_DATA)
                return model.index(tensor) + tensor.tobytes().index(factors)
    raise ValueError("a shipped gradient file without a choice of channels")


def _messages(message: memoryview, number: int) -> Iterator[memoryview]:
    for this, _, value in fields_of(message):
        if this == number and not isinstance(value, int):
            yield value
