"""torchvision's GoogLeNet: the state dict of `torchvision.models.googlenet`.

Saved by `torch.save` (`googlenet-1378be20.pth`), in its present or its older form, or as
safetensors. A unit is a convolution without bias followed by BatchNorm:

    y = (W * x - mean) / sqrt(var + eps) * gamma + beta

With s = gamma / sqrt(var + eps) that is one convolution with the weight s W and the bias
beta - s mean. It is folded in float64 and rounded once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ort_deepdream.errors import DreamError
from ort_deepdream.weights.architectures import TORCHVISION, Architecture, convolution_shapes
from ort_deepdream.weights.readers import torch_file
from ort_deepdream.weights.readers.fit import Tensors, require_shape

EPS = 1e-3  # torchvision gives its BatchNorm this, not PyTorch's default of 1e-5

looks_like = torch_file.looks_like


def read(content: bytes) -> tuple[Tensors, Architecture]:
    """Load tensors only, never other pickled objects, and fold."""
    state = torch_file.load(content)
    if not isinstance(state, Mapping):
        raise DreamError(f"a {type(state).__name__} in PyTorch's format, not a state dict")
    return fold(state), TORCHVISION


def names_a_state(names: Mapping[str, Any]) -> bool:
    """Whether these are torchvision's names rather than Caffe's."""
    return any(name.removeprefix("module.") == "conv1.conv.weight" for name in names)


def fold(state: Mapping[Any, Any]) -> Tensors:
    """The convolutions under Caffe's names, BatchNorm folded in; auxiliary heads are left out."""
    state = {str(name).removeprefix("module."): value for name, value in state.items()}
    shapes = convolution_shapes(TORCHVISION)
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
    """[out, in, k, k] and [out] of one convolution with its BatchNorm, float64."""
    weight = _tensor(state, f"{unit}.conv.weight", dimensions=4)
    gamma, beta, mean, variance = (
        _tensor(state, f"{unit}.bn.{part}", dimensions=1)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    for part in (gamma, beta, mean, variance):
        if len(part) != len(weight):
            raise DreamError(
                f"not torchvision's GoogLeNet: {unit}.bn has {len(part)} channels, "
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
        raise DreamError(f"not torchvision's GoogLeNet: {name} is missing")
    if not np.issubdtype(value.dtype, np.floating) or value.ndim != dimensions:
        raise DreamError(
            f"not torchvision's GoogLeNet: {name} is not a {dimensions}-d floating-point tensor"
        )
    return value
