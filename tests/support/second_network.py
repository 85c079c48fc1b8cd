"""A network with nothing of GoogLeNet's, as CONTRIBUTING.md says one is added: `small`.

Two convolutions with a bias each, a ReLU after each, a pool of 2x2 between them.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ort_deepdream.export.network import ConvolutionUnit, Layers, Network
from ort_deepdream.weights.architecture import Architecture, LayerShape, Preprocessing

SMALL = Architecture(
    name="small",
    title="the small network",
    preprocessing=Preprocessing((2, 1, 0), (100.0, 110.0, 120.0), (1.0, 1.0, 1.0)),
    layers={
        "conv1": LayerShape(4, 1),
        "relu1": LayerShape(4, 1),
        "pool1": LayerShape(4, 2),
        "conv2": LayerShape(6, 2),
        "relu2": LayerShape(6, 2),
    },
    parameters={
        "conv1.weight": (4, 3, 3, 3),
        "conv1.bias": (4,),
        "conv2.weight": (6, 4, 3, 3),
        "conv2.bias": (6,),
    },
    layer_aliases={"features.3": "conv2"},
    network="second_network:Small",
    kinds=frozenset({"onnx", "caffemodel", "caffejs", "safetensors"}),
)


class Small(Network):
    """The network of `SMALL`."""

    def __init__(self, architecture: Architecture, unit: ConvolutionUnit = nn.Conv2d) -> None:
        super().__init__(architecture, unit)
        self.convolutions["conv1"] = unit(3, 4, 3, stride=1, padding=1)
        self.convolutions["conv2"] = unit(4, 6, 3, stride=1, padding=1)

    def layers(self, image: Tensor) -> Layers:
        x = self.convolutions["conv1"](image)
        yield "conv1", x
        x = self.relu(x)
        yield "relu1", x
        x = F.max_pool2d(x, 2, stride=2, ceil_mode=True)
        yield "pool1", x
        x = self.convolutions["conv2"](x)
        yield "conv2", x
        x = self.relu(x)
        yield "relu2", x
