"""Join a shipped graph with weights and channels: a gradient file without exporting one.

The gradient files that are shipped belong to an architecture: they name their weights, and where
these are is a few bytes of each. Here those bytes are written for other weights of the same
architecture, and the factors of channels, which are numbers of the file, for a choice of them. What
comes of it is a gradient file like any other, beside its weights in the cache.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from ort_deepdream.errors import DreamError
from ort_deepdream.files import read_limited, write_bytes
from ort_deepdream.gradient_format import (
    KEY,
    VALUE,
    has_seal,
    is_intact,
    sealed,
)
from ort_deepdream.protobuf import bytes_field, field, fields, integer_field
from ort_deepdream.weights.architecture import LayerShape
from ort_deepdream.weights.catalogue import cache_errors
from ort_deepdream.weights.prepared import LARGEST_FILE, Prepared, require_intact
from ort_deepdream.weights.readers.safetensors_file import read_header
from ort_deepdream.weights.rewriting import (
    CHANNELS,
    DATA_LOCATION,
    DATA_TYPE,
    DIMS,
    EXTERNAL,
    EXTERNAL_DATA,
    FLOAT,
    FLOAT16,
    NAME,
    RAW_DATA,
    initializers,
    rewritten,
)
from ort_deepdream.weights.terms import Term

TYPES = {"F32": FLOAT, "F16": FLOAT16}  # of safetensors
MOST_JOINED = 40  # files; 0.1 to 0.4 MB each


def join(
    shipped: Path, weights: Prepared, terms: Sequence[Term], guided: LayerShape | None = None
) -> Path:
    """Write, or find, the shipped gradient file of one layer with these weights and terms.

    It lies beside the weights, under a name made of all that it depends on. `terms` are all of the
    file's layer; with the layer's shape as `guided` it is one term, which a guide leads.

    Raise DreamError for a channel that is not there, weights that were damaged in the cache, or a
    cache that cannot be written to.
    """
    content = shipped.read_bytes()
    parts = [*(str(term) for term in terms), weights.file_sha256]
    asked = json.dumps([*parts, *(["guided", _digest_of_guiding()] if guided else [])])
    key = hashlib.sha256(content + asked.encode()).hexdigest()[:12]
    path = weights.path.with_name(f"{weights.path.stem}-{key}.onnx")
    if _is_whole(path):
        with suppress(OSError):  # a cache that may only be read can be used, too
            path.touch()
        return path
    content = _led(content, terms, guided) if guided else _chosen(content, terms)
    require_intact(weights)
    with cache_errors():
        write_bytes(path, sealed(point_at(content, weights)))
        _prune(path.parent)
    return path


def _digest_of_guiding() -> str:
    """Return a sum of what gives a file its guide: changed, it must not meet older files."""
    sources = (
        Path(__file__).with_name(name) for name in ("guiding.py", "nearest.py", "positions.py")
    )
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _led(content: bytes, terms: Sequence[Term], shape: LayerShape) -> bytes:
    from ort_deepdream.weights.guiding import guided  # here, for few dreams have a guide

    (term,) = terms
    return guided(content, term, shape)


def _chosen(content: bytes, terms: Sequence[Term]) -> bytes:
    factors: dict[int | None, float] = {}
    for term in terms:
        factors[term.channel] = factors.get(term.channel, 0) + term.weight
    return content if factors == {None: 1.0} else choose_channels(content, terms[0].layer, factors)


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
    return rewritten(content, external, {"weights": json.dumps(described)})


def choose_channels(content: bytes, layer: str, factors: Mapping[int | None, float]) -> bytes:
    """Return the gradient file of one whole layer for some of its channels, each with a factor.

    The channel None stands for all of them. Raise DreamError for a channel that is not there.
    """
    sizes = [len(raw) // 4 for name, raw in initializers(content) if name == CHANNELS]
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
    return rewritten(content, chosen, {"layers": json.dumps(terms)})


def _entry(key: str, value: str) -> bytes:
    return bytes_field(KEY, key.encode()) + bytes_field(VALUE, value.encode())
