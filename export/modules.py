"""Any module of PyTorch's as a network: its layers are the modules in it, by their paths.

A layer's value is what the module of that path gives, the last time that it is called: in
torchvision's ResNets one ReLU stands for several, and its last value is the block's.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ort_deepdream.export.network import ConvolutionUnit, Layers, Network
from ort_deepdream.export.probing import ModuleLayer, Size, least_side, watch
from ort_deepdream.export.trace import EXAMPLE_SIZES
from ort_deepdream.weights.architecture import Architecture


@dataclass(frozen=True, eq=False, kw_only=True)
class ModuleArchitecture(Architecture):
    """A module, and what was found in it by sending pictures through (export/probing.py)."""

    module: nn.Module  # in evaluation mode
    ways: Mapping[str, ModuleLayer]  # by the layer's name

    def size_of(self, layers: Collection[str]) -> Size | None:
        """Return the size of the only pictures that lead to these layers; None: any size does."""
        sizes = {size for layer in layers if (size := self.ways[layer].size) is not None}
        return sizes.pop() if sizes else None


class ModuleNetwork(Network):
    """A module whose layers can be asked for by their names."""

    architecture: ModuleArchitecture

    def __init__(self, architecture: Architecture, unit: ConvolutionUnit = nn.Conv2d) -> None:
        """Raise TypeError for an architecture that is no module's."""
        if not isinstance(architecture, ModuleArchitecture):
            raise TypeError(f"{architecture.name} is no module")
        super().__init__(architecture, unit)
        self.module = copy.deepcopy(architecture.module)

    def only_size(self, layers: Collection[str]) -> Size | None:
        """Return (height, width) of the only pictures that lead to `layers`; None: of any."""
        return self.architecture.size_of(layers)

    def least_side(self, layers: Collection[str], stride: int) -> int:
        """Return the side of the smallest square picture that leads to `layers` of this stride."""
        calls = {name: self.architecture.ways[name].calls for name in layers}
        return least_side(self.module, calls, stride)

    def example_sizes(self, size: Size | None) -> Sequence[Size]:
        """Return the one size, where there is one: more networks can be traced so."""
        return EXAMPLE_SIZES if size is None else (size,)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over parameters and buffers by their names; others stay as they are."""
        own = self.module.state_dict()
        for name, tensor in tensors.items():
            own[name].copy_(tensor)

    def layers(self, image: Tensor) -> Layers:
        """Yield each layer's name and value, for `image` [N, 3, H, W], as they are complete."""
        yield from self.activations(image, self.architecture.layers).items()

    def activations(self, image: Tensor, wanted: Collection[str]) -> dict[str, Tensor]:
        """Return the values [N, C, h, w] of layers by their names; compute what they need alone."""
        ways = self.architecture.ways
        calls = {name: ways[name].calls for name in wanted}
        if not calls:
            return {}
        found = watch(self.module, image, calls)
        return {
            name: value.permute(0, 3, 1, 2) if ways[name].channels_last else value
            for name, value in found.items()
        }


def parameters_of(module: nn.Module) -> dict[str, Tensor]:
    """Return what a state dict has of floating-point numbers, by name."""
    return {
        name: tensor
        for name, tensor in module.state_dict().items()
        if torch.is_floating_point(tensor)
    }
