"""torchvision's GoogLeNet: from the state dict of `torchvision.models.googlenet` to our tensors.

It is `googlenet-1378be20.pth`, or the same as safetensors. A unit is a convolution without bias
followed by BatchNorm:

    y = (W * x - mean) / sqrt(var + eps) * gamma + beta

With s = gamma / sqrt(var + eps) that is one convolution with the weight s W and the bias
beta - s mean. It is folded in float64 and rounded once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ort_deepdream.errors import DreamError
from ort_deepdream.weights.googlenet import TORCHVISION
from ort_deepdream.weights.readers.fit import Tensors, require_shape

TELLING = "conv1.conv.weight"  # a tensor that no other network has
EPS = 1e-3  # torchvision gives its BatchNorm this, not PyTorch's default of 1e-5


def fold(state: Mapping[str, Any]) -> Tensors:
    """Return the convolutions under Caffe's names, BatchNorm folded in, without auxiliary heads.

    Raise DreamError naming the first tensor that is missing or of another kind or shape.
    """
    shapes = TORCHVISION.parameters
    tensors = {}
    for theirs, caffe in TORCHVISION.layer_aliases.items():
        if caffe.endswith("/output"):
            continue
        shape = shapes[f"{caffe}.weight"]
        weight, bias = _fold_unit(state, theirs, f"{caffe}.weight", shape)
        tensors[f"{caffe}.weight"], tensors[f"{caffe}.bias"] = weight, bias
    return tensors


def _fold_unit(
    state: Mapping[str, Any], unit: str, ours: str, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return [out, in, k, k] and [out] of one convolution with its BatchNorm, float64."""
    weight = _tensor(state, f"{unit}.conv.weight", dimensions=4)
    gamma, beta, mean, variance = (
        _tensor(state, f"{unit}.bn.{part}", dimensions=1)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    for part in (gamma, beta, mean, variance):
        if len(part) != len(weight):
            raise DreamError(
                f"not {TORCHVISION.title}: {unit}.bn has {len(part)} channels, "
                f"its convolution {len(weight)}"
            )
    require_shape(ours, weight.shape, shape, TORCHVISION)  # before it is made larger
    gamma, beta, mean, variance = (x.astype(np.float64) for x in (gamma, beta, mean, variance))
    with np.errstate(all="ignore"):  # what is not finite is refused later, by its name
        scale = gamma / np.sqrt(variance + EPS)
        return weight.astype(np.float64) * scale[:, None, None, None], beta - mean * scale


def _tensor(state: Mapping[str, Any], name: str, dimensions: int) -> np.ndarray:
    value = state.get(name)
    if not isinstance(value, np.ndarray):
        raise DreamError(f"not {TORCHVISION.title}: {name} is missing")
    if not np.issubdtype(value.dtype, np.floating) or value.ndim != dimensions:
        raise DreamError(
            f"not {TORCHVISION.title}: {name} is not a {dimensions}-d floating-point tensor"
        )
    return value
