"""Random weights that anyone can make again from a number: `seeded:7`, `seeded:7:torchvision`.

He initialisation (arXiv:1502.01852) in its uniform form: a weight is uniform on (-b, b) with
b = sqrt(6 / fan_in), whose variance 2 / fan_in keeps the size of activations through ReLUs. A
bias is uniform on (-0.05, 0.05). torchvision's are the convolutions after folding. What a
normalisation multiplies by, and its variance, is uniform on (0.95, 1.05).

The numbers are the raw 64-bit outputs of numpy's PCG64(seed), whose stream numpy promises to keep
(NEP 19; it does not promise that for the distributions of a Generator), their upper 53 bits
scaled to [0, 1). They are drawn in the network's order, each weight before its bias. So neither
numpy's version, nor the machine's mathematics library has a part in them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.weights.architecture import Architecture
from ort_deepdream.weights.architectures import ARCHITECTURES, DEFAULT_ARCHITECTURE
from ort_deepdream.weights.readers.fit import Tensors

BIAS_BOUND = 0.05
ABOUT_ONE = (".weight", ".running_var")


def parse(source: str) -> tuple[int, Architecture | None]:
    """Return the seed of `seeded:N[:ARCHITECTURE]`, and the architecture or None.

    Raise DreamError for anything else.
    """
    _, seed, *rest = source.split(":")
    decimal = seed.isascii() and seed.isdecimal() and len(seed) <= 20  # the digits of 2^64
    if not decimal or int(seed) >= 1 << 64 or len(rest) > 1:
        raise DreamError("write seeded:N or seeded:N:ARCHITECTURE, N from 0 to 2^64 - 1")
    if not rest:
        return int(seed), None
    if rest[0] not in ARCHITECTURES:
        raise DreamError(f"no architecture '{rest[0]}': {nearest(rest[0], ARCHITECTURES)}")
    return int(seed), ARCHITECTURES[rest[0]]


def identity(seed: int, architecture: Architecture) -> str:
    """Return the source's shortest spelling."""
    named = "" if architecture.name == DEFAULT_ARCHITECTURE.name else f":{architecture.name}"
    return f"seeded:{seed}{named}"


def make(seed: int, architecture: Architecture) -> Tensors:
    """Return every convolution's weight [out, in, k, k] and bias [out], float32."""
    return tensors_of(seed, architecture.parameters)


def tensors_of(seed: int, shapes: Mapping[str, tuple[int, ...]]) -> Tensors:
    """Return tensors of these names and shapes, float32; a vector's name tells what it is."""
    stream = np.random.PCG64(seed)
    tensors = {}
    for name, shape in shapes.items():
        is_weight = len(shape) > 1
        bound = math.sqrt(6 / math.prod(shape[1:])) if is_weight else BIAS_BOUND
        centre = 1.0 if not is_weight and name.endswith(ABOUT_ONE) else 0.0
        fractions = (stream.random_raw(math.prod(shape)) >> np.uint64(11)) * 2.0**-53
        values = (centre + (2 * fractions - 1) * bound).astype(np.float32)
        tensors[name] = values.reshape(shape)
    return tensors
