"""torchvision's GoogLeNet: the state dict of `torchvision.models.googlenet`.

Saved by `torch.save` (`googlenet-1378be20.pth`), in its present or its older form, or as
safetensors. A unit is a convolution without bias followed by BatchNorm:

    y = (W * x - mean) / sqrt(var + eps) * gamma + beta

With s = gamma / sqrt(var + eps) that is one convolution with the weight s W and the bias
beta - s mean. It is folded in float64 and rounded once.
"""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Mapping
from typing import Any

import torch

from export.errors import ExportError
from export.googlenet import TORCHVISION, Architecture

EPS = 1e-3  # torchvision gives its BatchNorm this, not PyTorch's default of 1e-5
PICKLES = {bytes([0x80, protocol]) for protocol in range(2, 6)}


def looks_like(content: bytes) -> bool:
    """A zip archive (torch.save since 1.6), or a pickle of protocol 2 or later (before it)."""
    return content.startswith(b"PK\x03\x04") or content[:2] in PICKLES


def read(content: bytes) -> tuple[dict[str, torch.Tensor], Architecture]:
    """Load tensors only, never other pickled objects, and fold."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle or archive raises any kind
        raise ExportError(_reason(error)) from None
    if not isinstance(state, Mapping):
        raise ExportError(f"a {type(state).__name__} in PyTorch's format, not a state dict")
    return fold(state), TORCHVISION


def names_a_state(names: Mapping[str, Any]) -> bool:
    """Whether these are torchvision's names rather than Caffe's."""
    return any(name.removeprefix("module.") == "conv1.conv.weight" for name in names)


def fold(state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The convolutions under Caffe's names, BatchNorm folded in; auxiliary heads are left out."""
    state = {str(name).removeprefix("module."): value for name, value in state.items()}
    tensors = {}
    for theirs, caffe in TORCHVISION.layer_aliases.items():
        if caffe.endswith("/output"):
            continue
        weight, bias = _fold_unit(state, theirs)
        tensors[f"{caffe}.weight"], tensors[f"{caffe}.bias"] = weight, bias
    return tensors


def _fold_unit(state: Mapping[str, Any], unit: str) -> tuple[torch.Tensor, torch.Tensor]:
    """[out, in, k, k] and [out] of one convolution with its BatchNorm, float64."""
    weight = _tensor(state, f"{unit}.conv.weight", dimensions=4)
    channels = weight.shape[:1]
    gamma, beta, mean, variance = (
        _tensor(state, f"{unit}.bn.{part}", dimensions=1)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    for part in (gamma, beta, mean, variance):
        if part.shape != channels:
            raise ExportError(
                f"not torchvision's GoogLeNet: {unit}.bn has {len(part)} channels, "
                f"its convolution {len(weight)}"
            )
    scale = gamma / torch.sqrt(variance + EPS)
    return weight * scale[:, None, None, None], beta - mean * scale


def _tensor(state: Mapping[str, Any], name: str, dimensions: int) -> torch.Tensor:
    value = state.get(name)
    if not isinstance(value, torch.Tensor):
        raise ExportError(f"not torchvision's GoogLeNet: {name} is missing")
    plain = value.layout == torch.strided and value.device.type == "cpu"  # not sparse, not meta
    if not plain or not value.is_floating_point() or value.dim() != dimensions:
        raise ExportError(
            f"not torchvision's GoogLeNet: {name} is not a {dimensions}-d floating-point tensor"
        )
    return value.detach().to(torch.float64)


def _reason(error: Exception) -> str:
    if isinstance(error, pickle.UnpicklingError) and "GLOBAL " in str(error):  # a pickle's opcode
        return "holds Python objects other than tensors; refused, and none of them was run"
    return "a truncated or damaged file in PyTorch's format"
