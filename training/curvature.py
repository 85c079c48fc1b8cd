"""Gradient descent scaled by curvature: K-FAC for convolutions (Martens and Grosse 2015,
arXiv:1503.05671; Grosse and Martens 2016, arXiv:1602.01407).

A convolution computes y = W p from each patch p of its input (a 1 appended for the bias). With the
loss's gradient G with respect to W, and the means over positions

    A = E[p p^T]    and    B = sum over positions of E[v v^T],

where v is the gradient at y of the loss's Gauss-Newton approximation (that of a random direction
drawn at the outputs), a step is W -= rate * B^-1 G A^-1. Plain gradient descent crawls here: the
pixels of a patch are nearly equal and the channels of a layer of very different sizes, which A and
B undo.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.network import Seen

MOMENTUM = 0.95
KEEP = 0.9  # of the old curvature when it is measured anew
DAMPING = 3e-2  # of the diagonal; more where few positions are measured for many weights
FIRST_DAMPING = 1e-4  # conv1's patches are pixels: their fine structure has little variance
LEAST = 1e-3  # of the mean: a channel's diagonal
LONGEST_STEP = 0.02  # that a layer may take, in the root of the predicted change of the loss
ROWS = 2000  # positions at which A is measured
DOUBT = 8  # a rate of N / (N + DOUBT n): N positions in a batch say little about n weights


class KFAC:
    """Steps for the convolutions of one network."""

    def __init__(self, units: Mapping[str, nn.Conv2d], seed: int) -> None:
        self.units = units
        self.generator = torch.Generator().manual_seed(seed)
        self.measured = 0
        self.inputs: dict[str, Tensor] = {}  # A
        self.outputs: dict[str, Tensor] = {}  # B
        self.trust: dict[str, float] = {}  # what is left of the rate
        self.doubt: dict[str, float] = {}  # by how much more the inputs are damped
        self._inverses: dict[str, tuple[Tensor, Tensor]] = {}
        self._momentum: dict[str, Tensor] = {}

    @torch.no_grad()
    def measure(self, seen: Seen, gradients: Mapping[str, Tensor]) -> None:
        """Take in A from the inputs in `seen`, B from the random direction's `gradients` at y."""
        keep = min(KEEP, self.measured / (self.measured + 1))
        self.measured += 1
        for name, (x, _) in seen.items():
            unit = self.units[name]
            rows = _patches(x, unit, self.generator)
            v = gradients[name].permute(0, 2, 3, 1).reshape(-1, unit.out_channels).float()
            for kept, new in ((self.inputs, rows.T @ rows / len(rows)), (self.outputs, v.T @ v)):
                kept[name] = torch.lerp(new, kept[name], keep) if name in kept else new
            self.trust[name] = len(v) / (len(v) + DOUBT * rows.shape[1])
            self.doubt[name] = 1 + DOUBT * rows.shape[1] / len(rows)

    def invert(self) -> None:
        """Make the inverses of what was measured, for the steps to come."""
        for name, a in self.inputs.items():
            damping = FIRST_DAMPING if name.startswith("conv1/") else DAMPING
            self._inverses[name] = (
                _inverse(a, damping * self.doubt[name]),
                _inverse(self.outputs[name], DAMPING),
            )

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move every convolution that has a gradient."""
        for name, unit in self.units.items():
            if unit.weight.grad is None or unit.bias is None or unit.bias.grad is None:
                continue
            flat = unit.weight.grad.reshape(unit.out_channels, -1)
            gradient = torch.cat([flat, unit.bias.grad[:, None]], 1)
            kept = self._momentum.get(name, gradient)
            self._momentum[name] = mean = torch.lerp(gradient, kept, MOMENTUM)
            a, b = self._inverses[name]
            step = b @ (mean @ a)
            change = (step * mean).sum().item()
            if not 0 < change < math.inf:  # rounding, in a layer that has nothing to learn
                continue
            length = math.sqrt(change)
            factor = min(rate * self.trust[name], LONGEST_STEP / length)
            unit.weight -= factor * step[:, :-1].reshape(unit.weight.shape)
            unit.bias -= factor * step[:, -1]


def _patches(x: Tensor, unit: nn.Conv2d, generator: torch.Generator) -> Tensor:
    """Take about ROWS of the patches that a convolution sees, a 1 appended: [rows, n + 1] float32.

    They are of every picture: a rare kind has details that the others lack, and a step along a
    detail that was never measured has no bound.
    """
    kernel, stride = unit.kernel_size[0], unit.stride[0]
    reach = kernel // 2
    padded = F.pad(x, (reach, reach, reach, reach))
    rows, columns = (-(-side // stride) for side in x.shape[2:])
    count = min(rows * columns, math.ceil(ROWS / len(x)))
    found = []
    for position in torch.randperm(rows * columns, generator=generator)[:count].tolist():
        top, left = (stride * at for at in divmod(position, columns))
        found.append(padded[:, :, top : top + kernel, left : left + kernel].flatten(1))
    return F.pad(torch.cat(found).float(), (0, 1), value=1.0)


def _inverse(matrix: Tensor, damping: float) -> Tensor:
    """Invert a covariance with `damping` of its diagonal added, so that no channel's unit counts.

    A channel that was silent while it was measured counts as one that answers a little: with its
    own diagonal, its first answer would move it to no end.
    """
    diagonal = matrix.diagonal()
    root = diagonal.clamp(min=LEAST * diagonal.mean().item() + 1e-30).sqrt()
    scale = root * root[:, None]
    correlation = matrix / scale
    correlation.diagonal().copy_((diagonal / root.square()).clamp(min=1) + damping)
    return torch.cholesky_inverse(torch.linalg.cholesky(correlation)) / scale
