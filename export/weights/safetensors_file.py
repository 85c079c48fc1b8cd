"""`.safetensors`: tensors under this project's names, or a raw torchvision state dict.

The project's own files hold `conv1/7x7_s2.weight` [out, in, k, k] and `.bias` [out] in float16 or
float32, and the architecture's name in the metadata's `architecture`. Without it the third
branch's kernel tells the two apart. The format: https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import json

import safetensors
import safetensors.torch
import torch

from export.errors import ExportError
from export.googlenet import ARCHITECTURES, Architecture
from export.weights import torchvision

LARGEST_HEADER = 100_000_000  # the format's own limit
TELLING = "inception_3a/5x5.weight"


def looks_like(content: bytes) -> bool:
    """Eight bytes of the header's length, then a JSON object."""
    return content[8:9] == b"{" and int.from_bytes(content[:8], "little") <= LARGEST_HEADER


def read(content: bytes) -> tuple[dict[str, torch.Tensor], Architecture]:
    """All the tensors, and the architecture that the metadata or the shapes tell."""
    try:
        tensors = safetensors.torch.load(content)
    except (safetensors.SafetensorError, ValueError, KeyError, RuntimeError):
        raise ExportError("a truncated or damaged safetensors file") from None
    if torchvision.names_a_state(tensors):
        return torchvision.fold(tensors), ARCHITECTURES["torchvision"]
    named = _metadata(content).get("architecture")
    if named is None:
        return tensors, _by_shape(tensors)
    if named not in ARCHITECTURES:
        raise ExportError(
            f"its architecture '{named}' is unknown: {' and '.join(ARCHITECTURES)} are known"
        )
    return tensors, ARCHITECTURES[named]


def _metadata(content: bytes) -> dict[str, str]:
    length = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return metadata


def _by_shape(tensors: dict[str, torch.Tensor]) -> Architecture:
    if TELLING not in tensors:
        raise ExportError(f"not GoogLeNet: {TELLING} is missing")
    kernel = tensors[TELLING].shape[-1:]
    for architecture in ARCHITECTURES.values():
        if kernel == (architecture.third_branch_kernel,):
            return architecture
    raise ExportError(f"not GoogLeNet: {TELLING} has the shape {list(tensors[TELLING].shape)}")
