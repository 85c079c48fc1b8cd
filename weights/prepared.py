"""Weights as gradient files want them beside them: one safetensors file of float32 tensors.

Whatever kind a source is, it is read once and kept in the user's cache folder, under a name made of
its sha256. A graph then refers to the tensors' bytes there, and the next dream only hashes its
source. The file has its own sum in it, so that no graph is made to refer to damaged ones.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from ort_deepdream.errors import DreamError
from ort_deepdream.files import SUFFIX, read_limited, replacing
from ort_deepdream.weights.architectures import ARCHITECTURES
from ort_deepdream.weights.catalogue import cache_errors, cache_folder
from ort_deepdream.weights.readers import (
    WeightsFile,
    file_identity,
    is_seeded,
    read_weights,
    sha256_of,
)
from ort_deepdream.weights.readers.safetensors_file import read_header

MOST_KEPT = 6  # 24 MB each
LARGEST_FILE = 1 << 30  # bytes
DESCRIBED = ("architecture", "identity", "kind", "source_sha256", "file_sha256")  # in its header
NO_SUM = b"0" * 64  # stands for the file's sum while that is taken


@dataclass(frozen=True)
class Prepared:
    """A file of float32 tensors in the network's order, under Caffe's layer names."""

    path: Path
    architecture: str
    identity: str  # the source's name, or `seeded:7`
    kind: str  # of the source, as weights/readers has it
    sha256: str  # of the source
    file_sha256: str = ""  # of the file, with zeros in place of this in its header


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
        return replace(found, identity=file_identity(source))  # one content may have two names
    return found


def _path(sha256: str) -> Path:
    return cache_folder() / "weights" / f"{sha256[:32]}.safetensors"


def require_intact(weights: Prepared) -> None:
    """Delete a prepared file that is not as it was written, and raise DreamError."""
    content = read_limited(weights.path, LARGEST_FILE, "weights")
    if _sum([content.replace(weights.file_sha256.encode(), NO_SUM, 1)]) != weights.file_sha256:
        with suppress(OSError):
            weights.path.unlink()
        raise DreamError(
            f"{weights.path}: was damaged, and is deleted; the same command makes it again"
        )


def _kept(path: Path, sha256: str) -> Prepared | None:
    """Return what an earlier call has left, if its header is whole and of this version."""
    try:
        with path.open("rb") as stream:
            header = read_header(stream, path.stat().st_size)
        architecture, identity, kind, source, own = (header.metadata[key] for key in DESCRIBED)
        if source != sha256 or set(header.entries) != set(ARCHITECTURES[architecture].parameters):
            return None
    except (OSError, DreamError, KeyError):
        return None
    with suppress(OSError):  # a cache that may only be read can be used, too
        os.utime(path)
    return Prepared(path, architecture, identity, kind, sha256, own)


def _write(weights: WeightsFile) -> Prepared:
    """Write the prepared file, whole or not at all. Raise OSError."""
    made = Prepared(
        _path(weights.sha256),
        weights.architecture.name,
        weights.identity,
        weights.kind,
        weights.sha256,
        _sum(chain([_header(weights, NO_SUM.decode())], _numbers(weights))),
    )
    made.path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(made.path) as temporary, temporary.open("wb") as stream:
        stream.write(_header(weights, made.file_sha256))
        stream.writelines(_numbers(weights))
    _drop_the_oldest(made.path.parent)
    return made


def _numbers(weights: WeightsFile) -> Iterator[bytes]:
    """Yield each tensor as it lies in the file."""
    return (tensor.astype("<f4", copy=False).tobytes() for tensor in weights.tensors.values())


def _sum(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _header(weights: WeightsFile, own: str) -> bytes:
    """Return the beginning of a safetensors file: the length of a JSON text, and the text.

    `own` is the file's sum. Spaces fill it up so that the tensors begin at a multiple of eight
    bytes.
    """
    values = weights.architecture.name, weights.identity, weights.kind, weights.sha256, own
    table: dict[str, object] = {"__metadata__": dict(zip(DESCRIBED, values, strict=True))}
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
