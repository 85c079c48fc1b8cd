"""What a browser must be given of a gradient file: also the files that its weights are in."""

from __future__ import annotations

from collections.abc import Iterator

from ort_deepdream.gradient_format import KEY, VALUE
from ort_deepdream.protobuf import fields, text_of
from ort_deepdream.weights.rewriting import EXTERNAL_DATA, GRAPH, INITIALIZER

LOCATION = "location"  # in onnx.proto's external data


def external_files(content: bytes) -> list[str]:
    """Name the files beside a gradient file that have its weights, each once."""
    entries = (
        entry
        for graph in _messages(memoryview(content), GRAPH)
        for tensor in _messages(graph, INITIALIZER)
        for entry in _messages(tensor, EXTERNAL_DATA)
    )
    names = (text_of(entry, VALUE) for entry in entries if text_of(entry, KEY) == LOCATION)
    return list(dict.fromkeys(names))


def _messages(message: memoryview, number: int) -> Iterator[memoryview]:
    for this, _, value in fields(message):
        if this == number and not isinstance(value, int):
            yield value
