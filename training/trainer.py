"""How a student learns: FitNets' hints (Romero et al. 2015, arXiv:1412.6550) at every block.

By gradient descent the student learns to give the teacher's activations. With s the student's
value before its last ReLU and t the teacher's after it, a block's loss is

    1/2 mean over channels, positions and pictures of r^2 / var(t),
    r = s - t where t > 0, otherwise relu(s):

zero just where relu(s) = t, and, unlike (relu(s) - t)^2, with a slope wherever it is not. No
gradient passes from block to block.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.curvature import KFAC
from training.network import BlockwiseNetwork

OUTLIER = 1.5  # times the usual loss: what a block learns from a batch is bounded by that
USUAL_ENERGY = 4.0  # mean square of an activation over its variance
LEAST_VARIANCE = 1e-3  # of a block's mean variance: a channel that is nearly silent counts less


class Trainer(ABC):
    """A student that learns the blocks which `forward` runs, and the running mean of its weights.

    `variances` are those of the teacher's outputs of the same blocks, `floored`: [C] each.
    """

    def __init__(self, student: BlockwiseNetwork, variances: list[Tensor], seed: int) -> None:
        self.student = student.requires_grad_()
        self.variances = variances
        units: dict[str, nn.Conv2d] = dict(student.convolutions.items())  # type: ignore[arg-type]
        self.kfac = KFAC(units, seed)
        self.average = {k: v.clone() for k, v in student.convolutions.state_dict().items()}
        self.usual: list[float] = []  # each block's loss, smoothed

    @abstractmethod
    def forward(self) -> tuple[list[Tensor], list[Tensor]]:
        """Run a batch: return the student's values and the teacher's outputs, block by block."""

    def learn(self, rate: float) -> list[float]:
        """Take one step and return each block's loss (the unexplained share of the variance).

        A batch whose numbers are not finite teaches nothing and returns nothing.
        """
        values, targets = self.forward()
        found = [
            error_gradient(*parts) for parts in zip(values, targets, self.variances, strict=True)
        ]
        gradients, losses = (list(column) for column in zip(*found, strict=True))
        if not all(map(math.isfinite, losses)):
            return []
        usual = self.usual or losses
        for gradient, loss, before in zip(gradients, losses, usual, strict=True):
            gradient.mul_(min(1.0, OUTLIER * before / max(loss, 1e-12)))
        self.usual = [0.95 * a + 0.05 * b for a, b in zip(usual, losses, strict=True)]
        self.student.zero_grad()
        torch.autograd.backward(values, gradients)
        self.kfac.step(rate)
        return losses

    def measure(self) -> None:
        """Measure the curvature on a batch of its own."""
        self.student.seen = {}
        values, targets = self.forward()
        seen, self.student.seen = self.student.seen, None
        directions = [
            random_direction(*parts) for parts in zip(values, targets, self.variances, strict=True)
        ]
        if not all(bool(value.isfinite().all()) for value in values):
            return
        found = torch.autograd.grad(values, [output for _, output in seen.values()], directions)
        self.kfac.measure(seen, dict(zip(seen, found, strict=True)))

    def update_average(self, keep: float) -> None:
        """Let the running mean of the weights keep that share of itself."""
        for name, value in self.student.convolutions.state_dict().items():
            self.average[name].lerp_(value, 1 - keep)


def floored(variance: Tensor) -> Tensor:
    """Raise a block's variances [C] a little, so that none is zero."""
    return variance + LEAST_VARIANCE * variance.mean()


@torch.no_grad()
def error_gradient(s: Tensor, t: Tensor, variance: Tensor) -> tuple[Tensor, float]:
    """Return the gradient of a block's loss at `s`, and the unexplained share of the variance."""
    r = torch.where(t > 0, s - t, F.relu(s))
    gradient = (r * _weight(t, variance)).to(s.dtype)
    return gradient, (r * gradient).float().sum().item()


@torch.no_grad()
def random_direction(s: Tensor, t: Tensor, variance: Tensor) -> Tensor:
    """Draw a vector whose square's mean is the loss's curvature at `s`, for K-FAC."""
    active = (t > 0) | (s > 0)
    scale = _weight(t, variance).sqrt()
    return (torch.randn_like(s, dtype=torch.float32) * active * scale).to(s.dtype)


def _weight(t: Tensor, variance: Tensor) -> Tensor:
    """Weigh a squared error: 1 / (channels * positions * variance), [N, C, 1, 1].

    A dream answers tens of times as strongly as a photograph, and would be all that counts: a
    picture of more than USUAL_ENERGY counts by that much less.
    """
    energy = (t.float().square().mean((2, 3)) / variance).mean(1)
    weight = 1 / (energy / USUAL_ENERGY).clamp(min=1)
    return (weight[:, None] / (variance * t.numel()))[:, :, None, None]
