"""What `export` asks of a PyTorch network, and the way from a registry's entry to one."""

from __future__ import annotations

import importlib
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ort_deepdream.export.trace import EXAMPLE_SIZES
from ort_deepdream.weights.architecture import Architecture

Layers = Iterator[tuple[str, Tensor]]
ConvolutionUnit = Callable[..., nn.Module]


class LocalResponseNorm(nn.Module):
    """Caffe's LRN across channels: `x * (k + alpha/size * sum of size neighbours' squares)^-beta`.

    The same as `F.local_response_norm(x, size=5, alpha=1e-4, beta=0.75, k=1)`, whose reshape would
    fix the picture's size in a trace. The sum over neighbours is a 1x1 convolution with a banded
    matrix. x: [N, C, H, W].
    """

    size, alpha, beta, k = 5, 1e-4, 0.75, 1.0
    band: Tensor
    offset: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        reach = self.size // 2
        band = torch.ones(channels, channels).triu(-reach).tril(reach) * (self.alpha / self.size)
        self.register_buffer("band", band[:, :, None, None], persistent=False)
        self.register_buffer("offset", torch.full((channels,), self.k), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x / (k + alpha / size * sum of neighbouring x^2) ^ beta, for [N, C, H, W]."""
        return x * F.conv2d(x * x, self.band, self.offset).pow(-self.beta)


class Network(nn.Module):
    """A network whose layers can be asked for by their names.

    `unit(in_channels, out_channels, kernel_size, stride=, padding=)` makes each convolution. They
    are in `convolutions`, keyed by their layers' names, in the order of `layers`; LRNs, which have
    no weights, are in `norms`. Subclasses apply `relu` to a convolution's value.
    """

    def __init__(self, architecture: Architecture, unit: ConvolutionUnit = nn.Conv2d) -> None:
        super().__init__()
        self.architecture = architecture
        self.unit = unit
        self.relu: Callable[[Tensor], Tensor] = F.relu
        self.convolutions = nn.ModuleDict()
        self.norms = nn.ModuleDict()

    @abstractmethod
    def layers(self, image: Tensor) -> Layers:
        """Yield (name, activation [N, C, h, w]) in the network's order; stop asking to stop early.

        `image` is [N, 3, H, W] in the network's units (after `architecture.preprocessing`).
        """

    def activations(self, image: Tensor, wanted: Collection[str]) -> dict[str, Tensor]:
        """Return the values of layers by their names; compute what they need, and no more."""
        found: dict[str, Tensor] = {}
        for name, value in self.layers(image):
            if name in wanted:
                found[name] = value
            if len(found) == len(wanted):
                break
        return found

    def only_size(self, layers: Collection[str]) -> tuple[int, int] | None:
        """Return (height, width) of the only pictures that lead to `layers`; None: of any."""
        return None

    def least_side(self, layers: Collection[str], stride: int) -> int:
        """Return the side of the smallest square picture that leads to `layers` of this stride."""
        return stride

    def example_sizes(self, size: tuple[int, int] | None) -> Sequence[tuple[int, int]]:
        """Return the sizes to trace the network at, for pictures of one size alone or of any."""
        return EXAMPLE_SIZES

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over weights by their names in a weights file."""
        self.convolutions.load_state_dict(tensors)

    def tune(self, torch_lrn: bool) -> None:
        """Make gradients of the picture as quick as PyTorch can; the values stay the same.

        The ReLUs work in place, no weight asks for a gradient, and `torch_lrn` chooses PyTorch's
        own LRN over the banded convolution: which is quicker depends on the processor.
        """
        self.relu = F.relu_
        for name, norm in self.norms.items():
            if torch_lrn and isinstance(norm, LocalResponseNorm):
                own = nn.LocalResponseNorm(norm.size, norm.alpha, norm.beta, norm.k)
                self.norms[name] = own
        self.eval().requires_grad_(False)


def new_network(architecture: Architecture, unit: ConvolutionUnit = nn.Conv2d) -> Network:
    """Build the PyTorch network of an entry, its weights not set to anything yet."""
    module, _, name = architecture.network.partition(":")
    network: Network = getattr(importlib.import_module(module), name)(architecture, unit)
    return network
