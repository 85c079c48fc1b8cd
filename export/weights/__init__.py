"""Weights of GoogLeNet from a file of any known kind, or made from a seed.

    weights = load_weights("googlenet-12.onnx")
    network = build_network(weights)

The kind of a file is recognised from its content, never from its name. A module reads each kind
into tensors under Caffe's layer names; the check that they fit the network is here, once for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from export.errors import ExportError
from export.googlenet import Architecture, GoogLeNet
from export.weights import caffe, onnx_zoo, safetensors_file, seeded, torchvision
from export.weights.protobuf import top_level_fields

__all__ = ["Weights", "build_network", "load_weights"]

LARGEST_FILE = (
    1 << 30
)  # GoogLeNet's files are 13 to 54 MB; do not read somebody's video into memory

# Each reads a file's content into tensors by our names, and says which architecture they are of.
Reader = Callable[[bytes], tuple[dict[str, torch.Tensor], Architecture]]
READERS: Mapping[str, Reader] = {
    "onnx": onnx_zoo.read,
    "caffemodel": caffe.read,
    "torchvision": torchvision.read,
    "safetensors": safetensors_file.read,
}


@dataclass(frozen=True)
class Weights:
    """Every convolution's `NAME.weight` [out, in, k, k] and `NAME.bias` [out], float32.

    `tensors` is in the order of `GoogLeNet(architecture).convolutions`.
    """

    architecture: Architecture
    tensors: dict[str, torch.Tensor]
    identity: str  # the file's name, or `seeded:7`
    kind: str  # "onnx", "caffemodel", "torchvision", "safetensors" or "seeded"
    sha256: str  # of the file's bytes; for seeded weights of the tensors' bytes, in order


def load_weights(source: str, architecture: Architecture | None = None) -> Weights:
    """Read `source`: a file, `seeded:N` or `seeded:N:torchvision`.

    With `architecture` given, weights of another one are refused. Raises ExportError, in one line
    with the file and the first layer that does not fit.
    """
    try:
        if source.startswith("seeded:"):
            return _load_seeded(source, architecture)
        return _load_file(Path(source), architecture)
    except ExportError as error:
        line = " ".join(str(error).split())  # a damaged file's names may have line breaks
        raise ExportError(f"{source}: {line}") from None


def build_network(weights: Weights) -> GoogLeNet:
    """The network with these weights, in evaluation mode, its parameters without gradients."""
    network = GoogLeNet(weights.architecture)
    network.convolutions.load_state_dict(weights.tensors)
    return network.eval().requires_grad_(False)


def _load_seeded(source: str, architecture: Architecture | None) -> Weights:
    seed, named = seeded.parse(source)
    chosen = _agree(named, architecture) or seeded.DEFAULT_ARCHITECTURE
    tensors = _check(seeded.make(seed, chosen), chosen)
    digest = hashlib.sha256()
    for tensor in tensors.values():
        digest.update(tensor.numpy().astype("<f4", copy=False).tobytes())
    return Weights(chosen, tensors, seeded.identity(seed, chosen), "seeded", digest.hexdigest())


def _load_file(path: Path, architecture: Architecture | None) -> Weights:
    content = _read_bytes(path)
    kind = _recognise(content)
    tensors, found = READERS[kind](content)
    _agree(found, architecture)
    digest = hashlib.sha256(content).hexdigest()
    return Weights(found, _check(tensors, found), path.name, kind, digest)


def _agree(found: Architecture | None, asked: Architecture | None) -> Architecture | None:
    if found and asked and found.name != asked.name:
        raise ExportError(f"these are {found.name} weights, {asked.name} was asked for")
    return found or asked


def _read_bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise ExportError(f"{size:,} bytes are too many for GoogLeNet's weights")
        content = path.read_bytes()
    except OSError as error:
        raise ExportError(f"cannot be read: {error.strerror or error}") from None
    if not content:
        raise ExportError("the file is empty")
    return content


def _recognise(content: bytes) -> str:
    """The kind of a file, by its first bytes or, for the two protobufs, its outermost fields."""
    start = content[:1024].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise ExportError("an HTML page, so a download that failed: fetch the file again")
    if start.startswith(b"version https://git-lfs"):
        raise ExportError("a Git LFS pointer, not the file it stands for: fetch that one")
    if safetensors_file.looks_like(content):
        return "safetensors"
    if torchvision.looks_like(content):
        return "torchvision"
    wire_types = top_level_fields(content)
    if onnx_zoo.looks_like(wire_types):
        return "onnx"
    if caffe.looks_like(wire_types):
        return "caffemodel"
    raise ExportError(
        f"{len(content):,} bytes not recognised as weights (an ONNX model, a caffemodel, "
        "a PyTorch state dict or safetensors): truncated, or something else"
    )


def _check(
    tensors: Mapping[str, torch.Tensor], architecture: Architecture
) -> dict[str, torch.Tensor]:
    """The convolutions' tensors as float32, in the network's order; others are left out.

    Raises ExportError naming the first that is missing, has another shape or is not finite.
    """
    with torch.device("meta"):
        expected = GoogLeNet(architecture).convolutions.state_dict()
    checked = {}
    for name, parameter in expected.items():
        tensor = tensors.get(name)
        if tensor is None:
            raise ExportError(f"not {architecture.name} GoogLeNet: {name} is missing")
        if tensor.shape != parameter.shape:
            raise ExportError(
                f"not {architecture.name} GoogLeNet: {name} has the shape {_times(tensor.shape)}, "
                f"expected {_times(parameter.shape)}"
            )
        if not tensor.is_floating_point():
            raise ExportError(f"{name} holds {tensor.dtype}, not floating-point numbers")
        single = tensor.to(torch.float32).contiguous()
        if not np.isfinite(single.numpy()).all():
            raise ExportError(f"{name} has values that are not finite")
        checked[name] = single
    return checked


def _times(shape: torch.Size) -> str:
    return "x".join(map(str, shape)) or "of a scalar"
