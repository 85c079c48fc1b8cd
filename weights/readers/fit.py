"""Whether tensors fit the network: every convolution's, of its shape, finite, as float32."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ort_deepdream.errors import DreamError
from ort_deepdream.weights.architecture import Architecture

Tensors = dict[str, np.ndarray]

MOST_DIMENSIONS = 32  # of a tensor: Caffe's own limit
MOST_TENSORS = 10_000  # in a file; GoogLeNet's have 400


def fit(tensors: Mapping[str, np.ndarray], architecture: Architecture) -> Tensors:
    """Return the network's tensors as float32, in its order; others are left out.

    They are copies, so that nothing of the file's content stays in memory for their sake. Raise
    DreamError naming the first that is missing, has another shape or is not finite.
    """
    fitted = {}
    for name, shape in architecture.parameters.items():
        tensor = tensors.get(name)
        if tensor is None:
            raise DreamError(f"not {architecture.title}: {name} is missing")
        require_shape(name, tensor.shape, shape, architecture)
        if not np.issubdtype(tensor.dtype, np.floating):
            raise DreamError(f"{name} holds {tensor.dtype}, not floating-point numbers")
        with np.errstate(over="ignore"):  # a float64 that float32 cannot hold is refused below
            single = np.array(tensor, dtype=np.float32, order="C")
        if not np.isfinite(single).all():
            raise DreamError(f"{name} has values that are not finite")
        fitted[name] = single
    return fitted


def most_like(
    tensors: Mapping[str, np.ndarray], architectures: Iterable[Architecture]
) -> Architecture:
    """Return the network of which the most tensors are there, in their shapes; the first of two."""

    def shared(architecture: Architecture) -> int:
        shapes = architecture.parameters.items()
        return sum(name in tensors and tensors[name].shape == shape for name, shape in shapes)

    return max(architectures, key=shared)


def require_shape(
    name: str, found: Sequence[int], expected: Sequence[int], architecture: Architecture
) -> None:
    """Raise DreamError when a tensor has another shape than the network's."""
    if tuple(found) != tuple(expected):
        raise DreamError(
            f"not {architecture.title}: {name} has the shape {times(found)}, "
            f"expected {times(expected)}"
        )


def times(shape: Sequence[int]) -> str:
    """Return a shape in words: `64x3x7x7`."""
    return "x".join(map(str, shape)) or "of a scalar"


def bfloat16(raw: np.ndarray) -> np.ndarray:
    """Return float32 from bfloat16's bits, which are float32's upper half."""
    wide: np.ndarray = (raw.astype(np.uint32) << 16).view(np.float32)
    return wide
