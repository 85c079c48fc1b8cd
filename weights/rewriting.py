"""Rewrite a gradient file, byte by byte: some of its initializers, and some of its description.

The messages are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto):
ModelProto, its graph, the graph's initializers, and the entries of the model's description.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ort_deepdream.gradient_format import KEY, METADATA, PREFIX, metadata_entry
from ort_deepdream.protobuf import bytes_field, field, fields, text_of

GRAPH = 7  # in ModelProto
INITIALIZER = 5  # in GraphProto
DIMS, DATA_TYPE, NAME, RAW_DATA, EXTERNAL_DATA, DATA_LOCATION = 1, 2, 8, 9, 13, 14  # in TensorProto
FLOAT, INT64, FLOAT16, EXTERNAL = 1, 7, 10, 1
CHANNELS = "channels"  # the initializer with a factor for each channel, [1, C, 1, 1]


def described(content: bytes, entries: Mapping[str, str]) -> bytes:
    """Return the gradient file with other entries in its description, by their keys."""
    return rewritten(content, lambda name, tensor: tensor, entries)


def rewritten(
    content: bytes, change: Callable[[str, bytes], bytes], described: Mapping[str, str]
) -> bytes:
    """Return the model with `change(name, tensor)` of each initializer, and new entries by key."""
    parts = []
    for number, wire, value in fields(memoryview(content)):
        if number == GRAPH and not isinstance(value, int):
            parts.append(bytes_field(GRAPH, _rewritten_graph(value, change)))
        elif number == METADATA and not isinstance(value, int):
            key = text_of(value, KEY).removeprefix(PREFIX)
            if key in described:
                parts.append(metadata_entry(key, described[key]))
            else:
                parts.append(field(number, wire, value))
        else:
            parts.append(field(number, wire, value))
    return b"".join(parts)


def _rewritten_graph(graph: memoryview, change: Callable[[str, bytes], bytes]) -> bytes:
    parts = []
    for number, wire, value in fields(graph):
        if number == INITIALIZER and not isinstance(value, int):
            parts.append(bytes_field(INITIALIZER, change(text_of(value, NAME), bytes(value))))
        else:
            parts.append(field(number, wire, value))
    return b"".join(parts)


def initializers(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and raw data of each initializer that is in the file itself."""
    for number, _, graph in fields(memoryview(content)):
        if number != GRAPH or isinstance(graph, int):
            continue
        for part, _, tensor in fields(graph):
            if part == INITIALIZER and not isinstance(tensor, int):
                found = {key: value for key, _, value in fields(tensor)}
                raw = found.get(RAW_DATA, b"")
                yield text_of(tensor, NAME), b"" if isinstance(raw, int) else bytes(raw)
