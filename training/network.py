"""The network of teacher and student, cut into blocks whose outputs the student learns to give.

A block ends where the next one's input is decided: at the first two convolutions and at each
inception output. Between two blocks lie only LRN and pools, which learn nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from ort_deepdream.export.network import new_network
from ort_deepdream.export.weights import load_weights
from ort_deepdream.files import replacing
from ort_deepdream.weights.googlenet import BVLC, INCEPTION_WIDTHS

BLOCKS = ("conv1", "conv2", *INCEPTION_WIDTHS)
# The convolutions of a block that give its output, in the order in which they are concatenated.
LAST = {
    "conv1": ("conv1/7x7_s2",),
    "conv2": ("conv2/3x3",),
    **{
        block: tuple(f"inception_{block}/{branch}" for branch in ("1x1", "3x3", "5x5", "pool_proj"))
        for block in INCEPTION_WIDTHS
    },
}

Seen = dict[str, tuple[Tensor, Tensor]]  # a convolution's input and output, by its name


class BlockwiseNetwork(nn.Module):
    """Caffe's network, run block by block.

    While `seen` is a dict, every convolution leaves its input and its output there.
    """

    def __init__(self) -> None:
        super().__init__()
        whole = new_network(BVLC)
        self.convolutions, self.norms = whole.convolutions, whole.norms
        self.seen: Seen | None = None

    def convolve(self, name: str, x: Tensor) -> Tensor:
        """Run one convolution: [N, C, h, w] before its ReLU."""
        unit = self.convolutions[name]
        assert isinstance(unit, nn.Conv2d)
        if name == "conv1/7x7_s2":  # bfloat16 would round its filters, which must be exact
            with torch.autocast(x.device.type, enabled=False):
                y: Tensor = unit(x)
        else:
            y = unit(x)
        if self.seen is not None:
            self.seen[name] = x, y
        return y

    def block(self, name: str, x: Tensor) -> Tensor:
        """Run a block on its input: its output before its last ReLU."""
        if name == "conv1":
            return self.convolve("conv1/7x7_s2", x)
        if name == "conv2":
            return self.convolve("conv2/3x3", F.relu(self.convolve("conv2/3x3_reduce", x)))
        branch = f"inception_{name}/"
        three = F.relu(self.convolve(branch + "3x3_reduce", x))
        five = F.relu(self.convolve(branch + "5x5_reduce", x))
        pooled = F.max_pool2d(x, 3, stride=1, padding=1)
        parts = [
            self.convolve(branch + "1x1", x),
            self.convolve(branch + "3x3", three),
            self.convolve(branch + "5x5", five),
            self.convolve(branch + "pool_proj", pooled),
        ]
        return torch.cat(parts, dim=1)

    def onwards(self, name: str, x: Tensor) -> Tensor:
        """Turn a block's output (after its ReLU) into the next block's input."""
        if name == "conv1":
            return self._norm("pool1/norm1", _halve(x))
        if name == "conv2":
            return _halve(self._norm("conv2/norm2", x))
        return _halve(x) if name in {"3b", "4e"} else x

    def _norm(self, name: str, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            y: Tensor = self.norms[name](x.float())
        return y.to(x.dtype)

    def outputs(self, picture: Tensor) -> list[Tensor]:
        """Run every block on a picture in the network's units: each one's output after its ReLU."""
        found = []
        x = picture
        for name in BLOCKS:
            found.append(F.relu(self.block(name, x)))
            x = self.onwards(name, found[-1])
        return found


def _halve(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 3, stride=2, ceil_mode=True)


def network_input(rgb: Tensor) -> Tensor:
    """Turn RGB 0..255 [N, 3, H, W] into BGR minus the mean, in the memory format that is fast."""
    order, mean = BVLC.preprocessing.order, BVLC.preprocessing.mean
    shifted = rgb[:, list(order)] - torch.tensor(mean, device=rgb.device).view(1, 3, 1, 1)
    return shifted.contiguous(memory_format=torch.channels_last)


def load_network(path: Path) -> BlockwiseNetwork:
    """Load a file of weights, of any kind that `export` reads, into a network without gradients."""
    network = BlockwiseNetwork()
    network.convolutions.load_state_dict(load_weights(str(path)).tensors)
    return in_fast_format(network.requires_grad_(False))


def save_weights(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write a student's convolutions as a file of weights, whole or not at all."""
    contiguous = {name: value.contiguous() for name, value in tensors.items()}
    with replacing(path) as temporary:
        save_file(contiguous, temporary, {"architecture": "bvlc"})


def in_fast_format(network: BlockwiseNetwork) -> BlockwiseNetwork:
    """Put a network's filters into the memory format that is fast, and return it."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def fresh_network(seed: int) -> BlockwiseNetwork:
    """Make a student that has learnt nothing: random filters, no biases."""
    torch.manual_seed(seed)
    network = BlockwiseNetwork()
    for unit in network.convolutions.values():
        assert isinstance(unit, nn.Conv2d)
        nn.init.kaiming_normal_(unit.weight, nonlinearity="relu")
        nn.init.zeros_(unit.bias)  # type: ignore[arg-type]
    return network


@torch.no_grad()
def scale_block(network: BlockwiseNetwork, name: str, x: Tensor, deviation: Tensor) -> None:
    """Scale a fresh block's filters: deviation 1 inside, `deviation` [C] at its output."""
    prefix = name if name.startswith("conv") else f"inception_{name}"
    begin = 0
    for unit_name, unit in network.convolutions.items():
        if unit_name.split("/")[0] != prefix:
            continue
        assert isinstance(unit, nn.Conv2d)
        network.seen = {}
        network.block(name, x)
        _, y = network.seen[unit_name]
        unit.weight /= y.float().std((0, 2, 3)).clamp(min=1e-6).view(-1, 1, 1, 1)
    network.seen = None
    for last in LAST[name]:
        unit = network.convolutions[last]
        assert isinstance(unit, nn.Conv2d)
        part = deviation[begin : begin + unit.out_channels]
        unit.weight *= part.view(-1, 1, 1, 1)
        begin += unit.out_channels
