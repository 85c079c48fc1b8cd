"""Join a shipped graph with weights and channels: a gradient file without exporting one.

The gradient files that are shipped belong to an architecture: they name their weights, and where
these are is a few bytes of each. Here those bytes are written for other weights of the same
architecture, and the factors of channels, which are numbers of the file, for a choice of them. What
comes of it is a gradient file like any other, beside its weights in the cache.

The messages are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto):
ModelProto, its graph, the graph's initializers, and the entries of the model's description.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from ort_deepdream.errors import DreamError
from ort_deepdream.files import read_limited, write_bytes
from ort_deepdream.gradient_format import (
    KEY,
    METADATA,
    PREFIX,
    VALUE,
    has_seal,
    is_intact,
    metadata_entry,
    sealed,
)
from ort_deepdream.protobuf import bytes_field, field, fields, integer_field, text_of
from ort_deepdream.weights.catalogue import cache_errors
from ort_deepdream.weights.prepared import LARGEST_FILE, Prepared, require_intact
from ort_deepdream.weights.readers.safetensors_file import read_header
from ort_deepdream.weights.terms import Term

GRAPH = 7  # in ModelProto
INITIALIZER = 5  # in GraphProto
DIMS, DATA_TYPE, NAME, RAW_DATA, EXTERNAL_DATA, DATA_LOCATION = 1, 2, 8, 9, 13, 14  # in TensorProto
FLOAT, FLOAT16, EXTERNAL = 1, 10, 1
TYPES = {"F32": FLOAT, "F16": FLOAT16}  # of safetensors
CHANNELS = "channels"  # the initializer with a factor for each channel, [1, C, 1, 1]
MOST_JOINED = 40  # files; 0.1 to 0.4 MB each


def join(shipped: Path, weights: Prepared, terms: Sequence[Term]) -> Path:
    """Write, or find, the shipped gradient file of one layer with these weights and terms.

    It lies beside the weights, under a name made of all that it depends on. `terms` are all of the
    file's layer. Raise DreamError for a channel that is not there, weights that were damaged in the
    cache, or a cache that cannot be written to.
    """
    content = shipped.read_bytes()
    asked = json.dumps([*(str(term) for term in terms), weights.file_sha256])
    key = hashlib.sha256(content + asked.encode()).hexdigest()[:12]
    path = weights.path.with_name(f"{weights.path.stem}-{key}.onnx")
    if _is_whole(path):
        with suppress(OSError):  # a cache that may only be read can be used, too
            path.touch()
        return path
    layer = terms[0].layer
    factors: dict[int | None, float] = {}
    for term in terms:
        factors[term.channel] = factors.get(term.channel, 0) + term.weight
    if factors != {None: 1.0}:
        content = choose_channels(content, layer, factors)
    require_intact(weights)
    with cache_errors():
        write_bytes(path, sealed(point_at(content, weights)))
        _prune(path.parent)
    return path


def _is_whole(path: Path) -> bool:
    """Return whether a joined file is there, as it was written."""
    try:
        content = path.read_bytes() if path.is_file() else b""
    except OSError:
        return False
    return has_seal(content) and is_intact(content)


def _prune(folder: Path) -> None:
    """Drop joined files whose weights are gone, and those used longest ago beyond MOST_JOINED."""
    weights = {path.stem for path in folder.glob("*.safetensors")}
    newest = sorted(folder.glob("*.onnx"), key=lambda path: path.stat().st_mtime, reverse=True)
    for number, path in enumerate(newest):
        if number >= MOST_JOINED or path.stem.rpartition("-")[0] not in weights:
            path.unlink(missing_ok=True)


def point_at(content: bytes, weights: Prepared) -> bytes:
    """Return the gradient file `content` with its weights taken from another file beside it.

    Raise DreamError when that file lacks one of them.
    """
    beside = read_limited(weights.path, LARGEST_FILE, "weights")
    header = read_header(io.BytesIO(beside), len(beside))

    def external(name: str, tensor: bytes) -> bytes:
        if not any(number == EXTERNAL_DATA for number, _, _ in fields(memoryview(tensor))):
            return tensor
        if name not in header.entries:
            raise DreamError(f"{weights.path}: {name} is missing")
        entry = header.entries[name]
        place = {
            "location": weights.path.name,
            "offset": header.begin + entry.first,
            "length": entry.last - entry.first,
        }
        return b"".join(
            (
                *(integer_field(DIMS, size) for size in entry.shape),
                integer_field(DATA_TYPE, TYPES[entry.dtype]),
                bytes_field(NAME, name.encode()),
                *(
                    bytes_field(EXTERNAL_DATA, _entry(key, str(value)))
                    for key, value in place.items()
                ),
                integer_field(DATA_LOCATION, EXTERNAL),
            )
        )

    described = {"identity": weights.identity, "kind": weights.kind, "sha256": weights.sha256}
    found = hashlib.sha256(beside).hexdigest()
    if found != weights.sha256:
        described["beside_sha256"] = found
    return _rewritten(content, external, {"weights": json.dumps(described)})


def choose_channels(content: bytes, layer: str, factors: Mapping[int | None, float]) -> bytes:
    """Return the gradient file of one whole layer for some of its channels, each with a factor.

    The channel None stands for all of them. Raise DreamError for a channel that is not there.
    """
    sizes = [len(raw) // 4 for name, raw in _initializers(content) if name == CHANNELS]
    if not sizes:
        raise DreamError(f"this gradient file of {layer} has no choice of channels")
    values = np.zeros(sizes[0], "<f4")
    for channel, factor in factors.items():
        if channel is not None and channel >= len(values):
            raise DreamError(
                f"layer {layer} has no channel '{channel}': its channels are 0 to {len(values) - 1}"
            )
        values[slice(None) if channel is None else channel] += factor

    def chosen(name: str, tensor: bytes) -> bytes:
        if name != CHANNELS:
            return tensor
        parts = [
            bytes_field(RAW_DATA, values.tobytes())
            if number == RAW_DATA
            else field(number, wire, value)
            for number, wire, value in fields(memoryview(tensor))
        ]
        return b"".join(parts)

    terms = [{"layer": layer, "channel": c, "weight": factor} for c, factor in factors.items()]
    return _rewritten(content, chosen, {"layers": json.dumps(terms)})


def described(content: bytes, entries: Mapping[str, str]) -> bytes:
    """Return the gradient file with other entries in its description, by their keys."""
    return _rewritten(content, lambda name, tensor: tensor, entries)


def _rewritten(
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


def _initializers(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and raw data of each initializer that is in the file itself."""
    for number, _, graph in fields(memoryview(content)):
        if number != GRAPH or isinstance(graph, int):
            continue
        for part, _, tensor in fields(graph):
            if part == INITIALIZER and not isinstance(tensor, int):
                found = {key: value for key, _, value in fields(tensor)}
                raw = found.get(RAW_DATA, b"")
                yield text_of(tensor, NAME), b"" if isinstance(raw, int) else bytes(raw)


def _entry(key: str, value: str) -> bytes:
    return bytes_field(KEY, key.encode()) + bytes_field(VALUE, value.encode())
