"""Weights as gradient files want them beside them: one safetensors file of float32 tensors.

Whatever kind a source is, it is read once and kept in the user's cache folder, under a name made of
its sha256. A graph then refers to the tensors' bytes there, and the next dream only hashes its
source.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ort_deepdream.errors import DreamError
from ort_deepdream.files import SUFFIX, replacing
from ort_deepdream.weights.catalogue import cache_errors, cache_folder
from ort_deepdream.weights.readers import WeightsFile, is_seeded, read_weights, sha256_of
from ort_deepdream.weights.readers.safetensors_file import read_header

MOST_KEPT = 6  # 24 MB each


@dataclass(frozen=True)
class Prepared:
    """A file of float32 tensors in the network's order, under Caffe's layer names."""

    path: Path
    architecture: str
    identity: str  # the source's name, or `seeded:7`
    kind: str  # of the source, as weights/readers has it
    sha256: str  # of the source


def prepare(source: str | Path) -> Prepared:
    """Return the prepared file of `source`: a file, a folder of CaffeJS, or `seeded:N`.

    Raise DreamError, in one line, for a source that is no network's weights and for a cache folder
    that cannot be used.
    """
    weights = read_weights(source) if is_seeded(source) else None  # they are made to be hashed
    sha256 = sha256_of(source) if weights is None else weights.sha256
    found = _kept(_path(sha256), sha256)
    if found is None:
        with cache_errors():
            return _write(weights or read_weights(source))
    if weights is None:
        return replace(found, identity=Path(source).name)  # the same content may have two names
    return found


def _path(sha256: str) -> Path:
    return cache_folder() / "weights" / f"{sha256[:32]}.safetensors"


def _kept(path: Path, sha256: str) -> Prepared | None:
    """Return what an earlier call has left, if it is whole."""
    try:
        with path.open("rb") as stream:
            metadata = read_header(stream, path.stat().st_size).metadata
    except (OSError, DreamError):
        return None
    if metadata.get("source_sha256") != sha256:
        return None
    with suppress(OSError):  # a cache that may only be read can be used, too
        os.utime(path)
    return Prepared(path, metadata["architecture"], metadata["identity"], metadata["kind"], sha256)


def _write(weights: WeightsFile) -> Prepared:
    """Write the prepared file, whole or not at all. Raise OSError."""
    made = Prepared(
        _path(weights.sha256),
        weights.architecture.name,
        weights.identity,
        weights.kind,
        weights.sha256,
    )
    made.path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(made.path) as temporary, temporary.open("wb") as stream:
        stream.write(_header(made, weights))
        for tensor in weights.tensors.values():
            stream.write(tensor.astype("<f4", copy=False).tobytes())
    _drop_the_oldest(made.path.parent)
    return made


def _header(made: Prepared, weights: WeightsFile) -> bytes:
    """Return the beginning of a safetensors file: the length of a JSON text, and the text.

    Spaces fill it up so that the tensors begin at a multiple of eight bytes.
    """
    table: dict[str, object] = {
        "__metadata__": {
            "architecture": made.architecture,
            "identity": made.identity,
            "kind": made.kind,
            "source_sha256": made.sha256,
        }
    }
    position = 0
    for name, tensor in weights.tensors.items():
        end = position + tensor.nbytes
        shape = list(tensor.shape)
        table[name] = {"dtype": "F32", "shape": shape, "data_offsets": [position, end]}
        position = end
    text = json.dumps(table, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _drop_the_oldest(folder: Path) -> None:
    """Drop what was used longest ago, and what a killed command left; graphs are left alone."""
    kept = [path for path in folder.iterdir() if path.suffix in (".safetensors", SUFFIX)]
    for path in sorted(kept, key=_last_used, reverse=True)[MOST_KEPT:]:
        path.unlink(missing_ok=True)


def _last_used(path: Path) -> float:
    """Return when; 0 if another command has dropped it meanwhile."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0
