"""GoogLeNet (Szegedy et al. 2014, arXiv:1409.4842) in its two public forms, written once.

What distinguishes the two is in weights/googlenet.py.

Layers carry Caffe's names. A convolution's own name (`inception_3b/5x5_reduce`) is its value
*before* the ReLU, as the notebook uses it; the ReLU is `inception_3b/relu_5x5_reduce`; every
`*/output` is made of values after it.
"""

from __future__ import annotations

from collections.abc import Generator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ort_deepdream.export.network import ConvolutionUnit, Layers, LocalResponseNorm, Network
from ort_deepdream.weights.architecture import Architecture
from ort_deepdream.weights.googlenet import INCEPTION_WIDTHS, GoogLeNetArchitecture, relu_name

__all__ = ["GoogLeNet", "relu_name"]

Step = Generator[tuple[str, Tensor], None, Tensor]


class GoogLeNet(Network):
    """The network up to `inception_5b/output`, its classifier left out."""

    architecture: GoogLeNetArchitecture

    def __init__(self, architecture: Architecture, unit: ConvolutionUnit = nn.Conv2d) -> None:
        """Raise TypeError for another network's architecture."""
        if not isinstance(architecture, GoogLeNetArchitecture):
            raise TypeError(f"{architecture.name} is no GoogLeNet")
        super().__init__(architecture, unit)
        if architecture.local_response_norm:
            self.norms["pool1/norm1"] = LocalResponseNorm(64)
            self.norms["conv2/norm2"] = LocalResponseNorm(192)
        self._add("conv1/7x7_s2", 3, 64, kernel=7, stride=2)
        self._add("conv2/3x3_reduce", 64, 64, kernel=1)
        self._add("conv2/3x3", 64, 192, kernel=3)
        channels = 192
        for block, width in INCEPTION_WIDTHS.items():
            name = f"inception_{block}"
            self._add(f"{name}/1x1", channels, width.one, kernel=1)
            self._add(f"{name}/3x3_reduce", channels, width.three_reduce, kernel=1)
            self._add(f"{name}/3x3", width.three_reduce, width.three, kernel=3)
            self._add(f"{name}/5x5_reduce", channels, width.five_reduce, kernel=1)
            third = architecture.third_branch_kernel
            self._add(f"{name}/5x5", width.five_reduce, width.five, kernel=third)
            self._add(f"{name}/pool_proj", channels, width.pool, kernel=1)
            channels = width.one + width.three + width.five + width.pool

    def _add(self, name: str, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        unit = self.unit(inputs, outputs, kernel, stride=stride, padding=kernel // 2)
        self.convolutions[name] = unit

    def layers(self, image: Tensor) -> Layers:
        """Yield each layer's name and value for `image` [N, 3, H, W], in the network's order."""
        x = yield from self._convolve("conv1/7x7_s2", image)
        x = yield from self._pool("pool1/3x3_s2", x)
        if self.architecture.local_response_norm:
            x = yield from self._normalise("pool1/norm1", x)
        x = yield from self._convolve("conv2/3x3_reduce", x)
        x = yield from self._convolve("conv2/3x3", x)
        if self.architecture.local_response_norm:
            x = yield from self._normalise("conv2/norm2", x)
        x = yield from self._pool("pool2/3x3_s2", x)
        x = yield from self._inception("inception_3a", x)
        x = yield from self._inception("inception_3b", x)
        x = yield from self._pool("pool3/3x3_s2", x)
        x = yield from self._inception("inception_4a", x)
        x = yield from self._inception("inception_4b", x)
        x = yield from self._inception("inception_4c", x)
        x = yield from self._inception("inception_4d", x)
        x = yield from self._inception("inception_4e", x)
        x = yield from self._pool("pool4/3x3_s2", x, kernel=self.architecture.pool4_kernel)
        x = yield from self._inception("inception_5a", x)
        yield from self._inception("inception_5b", x)

    def _convolve(self, name: str, x: Tensor) -> Step:
        x = self.convolutions[name](x)
        yield name, x
        x = self.relu(x)
        yield relu_name(name), x
        return x

    def _pool(self, name: str, x: Tensor, kernel: int = 3) -> Step:
        x = F.max_pool2d(x, kernel, stride=2, ceil_mode=True)
        yield name, x
        return x

    def _normalise(self, name: str, x: Tensor) -> Step:
        x = self.norms[name](x)
        yield name, x
        return x

    def _inception(self, name: str, x: Tensor) -> Step:
        one = yield from self._convolve(f"{name}/1x1", x)
        three = yield from self._convolve(f"{name}/3x3_reduce", x)
        three = yield from self._convolve(f"{name}/3x3", three)
        five = yield from self._convolve(f"{name}/5x5_reduce", x)
        five = yield from self._convolve(f"{name}/5x5", five)
        pool = F.max_pool2d(x, 3, stride=1, padding=1)
        yield f"{name}/pool", pool
        pool = yield from self._convolve(f"{name}/pool_proj", pool)
        x = torch.cat([one, three, five, pool], dim=1)
        yield f"{name}/output", x
        return x
