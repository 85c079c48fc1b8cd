"""The network as it is trained (BatchNorm after each convolution) and folded for use.

BatchNorm's activations are of order 1, where Caffe's LRN (alpha 1e-4) is the identity to 1e-4. So
LRN is left out here, and the export puts it back without a loss.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from export.googlenet import BVLC, GoogLeNet

DIVISOR = 58.0  # about the deviation of a picture; folded into conv1 at the end
ARCHITECTURE = replace(BVLC, local_response_norm=False)
CLASSIFIER = "loss3/classifier"  # Caffe's name


class ConvolutionNorm(nn.Module):
    """A convolution followed by BatchNorm, in place of a plain `nn.Conv2d`."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        nn.init.kaiming_normal_(self.convolution.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.norm(self.convolution(x))
        return result

    def folded(self) -> tuple[Tensor, Tensor]:
        """Weight and bias of the one convolution that equals both, in evaluation.

        norm(w*x) = g (w*x - m) / s + b = (g/s w) * x + (b - g m / s), with s = sqrt(var + eps).
        """
        norm = self.norm
        assert norm.running_var is not None
        assert norm.running_mean is not None
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weight = self.convolution.weight * gain[:, None, None, None]
        return weight.detach(), (norm.bias - norm.running_mean * gain).detach()


class Classifier(nn.Module):
    """GoogLeNet, average pool, dropout and one linear layer."""

    def __init__(self, classes: int, plain: bool = False) -> None:
        """`plain`: without BatchNorm, to run folded weights."""
        super().__init__()
        unit = nn.Conv2d if plain else ConvolutionNorm
        self.body = GoogLeNet(ARCHITECTURE, unit)
        self.classifier = nn.Linear(1024, classes)
        self.scale = 1.0 if plain else 1 / DIVISOR

    def forward(self, picture: Tensor) -> Tensor:
        """RGB pictures [n, 3, h, w] in 0..255 to logits [n, classes]."""
        last = deque(self.body.layers(network_input(picture) * self.scale), maxlen=1)
        x = F.dropout(last[0][1].mean(dim=(2, 3)), 0.1, self.training)
        result: Tensor = self.classifier(x)
        return result


def network_input(picture: Tensor) -> Tensor:
    """RGB 0..255 to BGR minus mean."""
    order, mean = ARCHITECTURE.preprocessing.order, ARCHITECTURE.preprocessing.mean
    return picture[:, list(order)] - torch.tensor(mean).view(1, 3, 1, 1)


def fold(model: Classifier) -> dict[str, Tensor]:
    """Weights under Caffe's names, BatchNorm and the input's divisor folded in."""
    tensors: dict[str, Tensor] = {}
    for name, unit in model.body.convolutions.items():
        assert isinstance(unit, ConvolutionNorm)
        weight, bias = unit.folded()
        if name == "conv1/7x7_s2":
            weight = weight / DIVISOR
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = weight.contiguous(), bias
    tensors[f"{CLASSIFIER}.weight"] = model.classifier.weight.detach().contiguous()
    tensors[f"{CLASSIFIER}.bias"] = model.classifier.bias.detach()
    return tensors


def from_folded(tensors: dict[str, Tensor]) -> Classifier:
    """A plain network with these weights."""
    model = Classifier(len(tensors[f"{CLASSIFIER}.bias"]), plain=True)
    state = {
        (name.replace(CLASSIFIER, "classifier") if name.startswith(CLASSIFIER)
         else f"body.convolutions.{name}"): tensor
        for name, tensor in tensors.items()
    }  # fmt: skip
    model.load_state_dict(state)
    return model.eval()
