"""A network's weights from a file of any known kind, or made from a seed, read with numpy alone.

    weights = read_weights("googlenet-12.onnx")
    weights.tensors["conv1/7x7_s2.weight"]

The kind of a file is recognised from its content, never from its name; a folder holds one file for
each tensor. A module reads each kind into arrays under our layer names; which network they are of,
and whether they fit it, is found once for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ort_deepdream.errors import DreamError
from ort_deepdream.files import read_limited
from ort_deepdream.protobuf import top_level_fields
from ort_deepdream.text import clean, storable, visible
from ort_deepdream.weights.architecture import Architecture
from ort_deepdream.weights.architectures import ARCHITECTURES, DEFAULT_ARCHITECTURE
from ort_deepdream.weights.readers import (
    caffe,
    layer_files,
    onnx_zoo,
    safetensors_file,
    seeded,
    state_dict,
)
from ort_deepdream.weights.readers.fit import Tensors, fit, most_like

__all__ = ["WeightsFile", "file_identity", "is_seeded", "read_weights", "sha256_of"]

LARGEST_FILE = 1 << 30  # bytes; a network's are 13 to 600 MB: no video is read into memory
MOST_WORDS = 300  # characters of what is wrong with a file
PROTOBUFS: Mapping[str, Callable[[bytes], Tensors]] = {
    "onnx": onnx_zoo.read,
    "caffemodel": caffe.read,
}


@dataclass(frozen=True)
class WeightsFile:
    """Every convolution's `NAME.weight` [out, in, k, k] and `NAME.bias` [out], float32.

    `tensors` is in the network's order, as `architecture.parameters`.
    """

    architecture: Architecture
    tensors: Tensors
    identity: str  # the file's name, or `seeded:7`
    kind: str  # "onnx", "caffemodel", "torchvision", "safetensors", "caffejs" or "seeded"
    sha256: str  # of the file's bytes; of a folder's, or of seeded tensors', one after the other


def read_weights(source: str | Path, architecture: Architecture | None = None) -> WeightsFile:
    """Read `source`: a file, a folder of CaffeJS, `seeded:N` or `seeded:N:torchvision`.

    With `architecture` given, weights of another one are refused. Raise DreamError, in one line
    with the file and the first layer that does not fit.
    """
    with _naming(source):
        if is_seeded(source):
            return _make_seeded(str(source), architecture)
        path = Path(source)
        return (_read_folder if _is_folder(path) else _read_file)(path, architecture)


def sha256_of(source: str | Path) -> str:
    """Return `read_weights(source).sha256`; a file is only hashed for it, not understood.

    Raise DreamError, in one line, when it cannot be read.
    """
    if is_seeded(source):
        return read_weights(source).sha256
    path = Path(source)
    with _naming(source):
        if _is_folder(path):
            return layer_files.digest(layer_files.read_files(path, _of_folder(path)))
        return hashlib.sha256(read_limited(path, LARGEST_FILE, "a weights file")).hexdigest()


def file_identity(source: str | Path) -> str:
    """Return a file's name as a description can hold it, and a terminal show it."""
    return visible(storable(Path(source).absolute().name))


def is_seeded(source: str | Path) -> bool:
    """Return whether weights are made from a number."""
    return isinstance(source, str) and source.startswith("seeded:")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # such as a folder above it that may not be looked into: reading it tells
        return False


@contextmanager
def _naming(source: str | Path) -> Iterator[None]:
    """Make every refusal one line that begins with the source."""
    try:
        yield
    except DreamError as error:
        # A damaged file's names may be long, and hold anything.
        line = clean(str(error).removeprefix(f"{source}: "))
        short = line if len(line) <= MOST_WORDS else f"{line[:MOST_WORDS]}..."
        raise DreamError(f"{source}: {short}") from None


def _make_seeded(source: str, architecture: Architecture | None) -> WeightsFile:
    seed, named = seeded.parse(source)
    chosen = _agree(named, architecture) or DEFAULT_ARCHITECTURE
    tensors = fit(seeded.make(seed, chosen), chosen)
    digest = hashlib.sha256()
    for tensor in tensors.values():
        digest.update(tensor.astype("<f4", copy=False).tobytes())
    return WeightsFile(chosen, tensors, seeded.identity(seed, chosen), "seeded", digest.hexdigest())


def _read_folder(path: Path, architecture: Architecture | None) -> WeightsFile:
    found = _of_folder(path)
    _agree(found, architecture)
    contents = layer_files.read_files(path, found)
    tensors = fit(layer_files.read(contents, found), found)
    return WeightsFile(found, tensors, file_identity(path), "caffejs", layer_files.digest(contents))


def _of_folder(path: Path) -> Architecture:
    """Return the network whose files are in a folder; the first where there are none's."""
    candidates = _with_kind("caffejs")
    whole = (found for found in candidates if layer_files.has_all(path, found))
    return next(whole, candidates[0])


def _read_file(path: Path, architecture: Architecture | None) -> WeightsFile:
    content = read_limited(path, LARGEST_FILE, "a weights file")
    kind = _recognise(content)
    tensors, found = _understand(content, kind)
    _agree(found, architecture)
    digest = hashlib.sha256(content).hexdigest()
    return WeightsFile(found, fit(tensors, found), file_identity(path), kind, digest)


def _understand(content: bytes, kind: str) -> tuple[Tensors, Architecture]:
    """Return a file's tensors under our names, and the network that they are of."""
    if kind == "torchvision":
        return state_dict.read(content)
    if kind == "safetensors":
        tensors, named = safetensors_file.read(content)
        converted = state_dict.convert(tensors)
        if converted is not None:
            return converted
        if named is not None:
            return tensors, _called(named)
    else:
        tensors = PROTOBUFS[kind](content)
    return tensors, most_like(tensors, _with_kind(kind))


def _with_kind(kind: str) -> list[Architecture]:
    return [found for found in ARCHITECTURES.values() if kind in found.kinds]


def _called(name: str) -> Architecture:
    if name not in ARCHITECTURES:
        raise DreamError(
            f"its architecture '{name}' is unknown: {' and '.join(ARCHITECTURES)} are known"
        )
    return ARCHITECTURES[name]


def _agree(found: Architecture | None, asked: Architecture | None) -> Architecture | None:
    if found and asked and found.name != asked.name:
        raise DreamError(f"these are {found.name} weights, {asked.name} was asked for")
    return found or asked


def _recognise(content: bytes) -> str:
    """Return the kind of a file, by its first bytes or, of a protobuf, its outermost fields."""
    start = content[:1024].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise DreamError("an HTML page, so a download that failed: fetch the file again")
    if start.startswith(b"version https://git-lfs"):
        raise DreamError("a Git LFS pointer, not the file it stands for: fetch that one")
    if safetensors_file.looks_like(content):
        return "safetensors"
    if state_dict.looks_like(content):
        return "torchvision"
    wire_types = top_level_fields(content)
    if onnx_zoo.looks_like(wire_types):
        return "onnx"
    if caffe.looks_like(wire_types):
        return "caffemodel"
    raise DreamError(
        f"{len(content):,} bytes not recognised as weights (an ONNX model, a caffemodel, "
        "a PyTorch state dict or safetensors): truncated, or something else"
    )
