"""A network's weights as PyTorch's tensors, and the network with them.

    weights = load_weights("googlenet-12.onnx")
    network = build_network(weights)

weights/readers/ reads the files.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ort_deepdream.export.network import Network, new_network
from ort_deepdream.weights.architecture import Architecture
from ort_deepdream.weights.readers import read_weights

__all__ = ["Weights", "build_network", "load_weights"]


@dataclass(frozen=True)
class Weights:
    """Every convolution's `NAME.weight` [out, in, k, k] and `NAME.bias` [out], float32.

    `tensors` is in the order of the network's `convolutions`.
    """

    architecture: Architecture
    tensors: dict[str, torch.Tensor]
    identity: str  # the file's name, or `seeded:7`
    kind: str  # "onnx", "caffemodel", "torchvision", "safetensors", "caffejs" or "seeded"
    sha256: str  # of the file's bytes; of a folder's, or of seeded tensors', one after the other


def load_weights(source: str, architecture: Architecture | None = None) -> Weights:
    """Read `source`: a file, a folder of CaffeJS, `seeded:N` or `seeded:N:torchvision`.

    With `architecture` given, weights of another one are refused. Raise DreamError, in one line
    with the file and the first layer that does not fit.
    """
    read = read_weights(source, architecture)
    tensors = {name: torch.from_numpy(tensor) for name, tensor in read.tensors.items()}
    return Weights(read.architecture, tensors, read.identity, read.kind, read.sha256)


def build_network(weights: Weights) -> Network:
    """Return the network with these weights, in evaluation mode, its parameters frozen."""
    network = new_network(weights.architecture)
    network.load(weights.tensors)
    return network.eval().requires_grad_(False)
