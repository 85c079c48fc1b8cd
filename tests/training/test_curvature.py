import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.curvature import KFAC


class Pictures:
    """Maps whose neighbouring pixels are nearly equal, and channels of very different sizes."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(1)

    def take(self) -> Tensor:
        noise = torch.randn(16, 4, 14, 14, generator=self.generator)
        smooth = F.avg_pool2d(noise, 5, stride=1)
        return (smooth + 0.02 * noise[:, :, 2:-2, 2:-2]) * torch.tensor([1, 10, 0.1, 3.0]).view(
            4, 1, 1
        )


def left_after(steps: int, plain: bool) -> float:
    """The share of the variance that a 3x3 convolution does not explain of another one's output."""
    torch.manual_seed(0)
    goal, unit = nn.Conv2d(4, 6, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
    pictures = Pictures()
    kfac = KFAC({"unit": unit}, 0)
    momentum = torch.optim.SGD(unit.parameters(), lr=0.02, momentum=0.9)
    x = pictures.take()
    weight = 1 / (goal(x).detach().var((0, 2, 3), keepdim=True) * 6)
    for step in range(steps):
        if step % 5 == 0:
            x = pictures.take()
            y = unit(x)
            direction = torch.randn_like(y) * (weight / (y.numel() / 6)).sqrt()
            (found,) = torch.autograd.grad(y, y, direction, retain_graph=True)
            kfac.measure({"unit": (x, y)}, {"unit": found})
            kfac.invert()
        x = pictures.take()
        loss = 0.5 * ((unit(x) - goal(x).detach()).square() * weight).sum((1,)).mean()
        unit.zero_grad()
        loss.backward()
        if plain:
            momentum.step()
        else:
            kfac.step(0.3)
    return 2 * loss.item()


def test_it_learns_a_badly_scaled_convolution_in_a_few_steps() -> None:
    ours, plain = left_after(300, plain=False), left_after(300, plain=True)
    assert ours < 0.01
    assert not ours > 0.1 * plain  # which may also have gone to infinity


def test_a_silent_channel_moves_nothing_to_no_end() -> None:
    unit = nn.Conv2d(2, 2, 1)
    kfac = KFAC({"unit": unit}, 0)
    x = torch.randn(4, 2, 5, 5)
    v = torch.randn(4, 2, 5, 5)
    x[:, 1], v[:, 1] = 0, 0
    kfac.measure({"unit": (x, unit(x))}, {"unit": v})
    kfac.invert()
    before = unit.weight.detach().clone()
    unit.weight.grad, unit.bias.grad = torch.ones_like(unit.weight), torch.ones_like(unit.bias)
    kfac.step(1.0)
    moved = (unit.weight - before).abs().max().item()
    assert 0 < moved < math.inf
    assert moved < 10


@pytest.mark.parametrize("stride", [1, 2])
def test_what_it_measures_of_the_inputs(stride: int) -> None:
    """Against the patches of `F.unfold`, all of them."""
    unit = nn.Conv2d(2, 3, 3, stride=stride, padding=1)
    x = torch.randn(3, 2, 8, 6, generator=torch.Generator().manual_seed(2))
    y = unit(x)
    kfac = KFAC({"unit": unit}, 0)
    kfac.measure({"unit": (x, y)}, {"unit": torch.randn_like(y)})
    rows = F.unfold(x, 3, padding=1, stride=stride).transpose(1, 2).reshape(-1, 18)
    rows = torch.cat([rows, torch.ones(len(rows), 1)], 1)
    torch.testing.assert_close(kfac.inputs["unit"], rows.T @ rows / len(rows))
