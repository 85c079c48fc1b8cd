"""Pictures dreamt on the way: by the teacher, and by the student, whose mistakes show in its own.

A few pictures dream at once, one step of ascent for each step of training, through three octaves;
the last octave's go into a store that training crops without resampling them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.network import BLOCKS, BlockwiseNetwork, network_input
from training.pictures import Crops

SIDES = (72, 102, 144)
STEPS = 9  # in each octave
KEPT_AT = {3, 6, 9}  # steps of the last octave
TOGETHER = 6
CAPACITY = 3000
DREAMT = BLOCKS[2:]  # blocks: every inception output
NOISE = 0.15  # of the dreams begin with noise


class Dreams:
    """A store of dreamt pictures that grows, then forgets the oldest."""

    def __init__(self, crops: Crops, seed: int) -> None:
        self.crops = crops
        self.generator = torch.Generator().manual_seed(seed)
        self.store = torch.empty(CAPACITY, 3, SIDES[-1], SIDES[-1], dtype=torch.uint8)
        self.made = 0
        self._begin()

    def _begin(self) -> None:
        rng = self.generator
        self.octave = self.step = 0
        self.picture = self.crops.take(TOGETHER, SIDES[0])
        if torch.rand(1, generator=rng) < NOISE:
            self.picture = 118 + 20 * torch.randn(self.picture.shape, generator=rng)
        self.block = int(torch.randint(len(DREAMT), (1,), generator=rng))
        self.whole = bool(torch.rand(1, generator=rng) < 0.6)  # or a channel for each picture
        self.channel = torch.rand(TOGETHER, generator=rng)
        self.rate = 1 + 2 * float(torch.rand(1, generator=rng))

    def ascend(self, network: BlockwiseNetwork) -> None:
        """Take one step of ascent on `network`, then go to the next octave or the next dream."""
        device = next(network.parameters()).device
        shifts = torch.randint(-16, 17, (2,), generator=self.generator).tolist()
        picture = self.picture.to(device).roll(shifts, (2, 3)).requires_grad_()
        objective = self._objective(network, network_input(picture))
        (gradient,) = torch.autograd.grad(objective, picture)
        size = gradient.abs().mean((1, 2, 3), keepdim=True).clamp(min=1e-20)
        moved = picture.detach() + self.rate * gradient / size
        self.picture = moved.roll([-s for s in shifts], (2, 3)).clamp(0, 255).cpu()
        self.step += 1
        if self.octave == len(SIDES) - 1 and self.step in KEPT_AT:
            self._keep()
        if self.step == STEPS:
            self.octave, self.step = self.octave + 1, 0
            if self.octave == len(SIDES):
                self._begin()
            else:
                self.picture = F.interpolate(
                    self.picture, SIDES[self.octave], mode="bilinear", align_corners=True
                )

    def _objective(self, network: BlockwiseNetwork, x: Tensor) -> Tensor:
        for name in BLOCKS[: BLOCKS.index(DREAMT[self.block]) + 1]:
            y = F.relu(network.block(name, x))
            x = network.onwards(name, y)
        if not self.whole:
            channel = (self.channel * y.shape[1]).long().to(y.device)
            y = y[torch.arange(len(y), device=y.device), channel]
        return y.float().square().sum()

    def _keep(self) -> None:
        for picture in self.picture.round().byte():
            self.store[self.made % CAPACITY] = picture
            self.made += 1

    def take(self, count: int, side: int) -> Tensor:
        """Return float RGB crops [count, 3, side, side], mirrored half of the time."""
        rng, room = self.generator, SIDES[-1] - side
        result = torch.empty(count, 3, side, side)
        chosen = torch.randint(min(self.made, CAPACITY), (count,), generator=rng).tolist()
        for i, index in enumerate(chosen):
            top, left = torch.randint(room + 1, (2,), generator=rng).tolist()
            crop = self.store[index, :, top : top + side, left : left + side]
            result[i] = crop.flip(-1) if torch.rand(1, generator=rng) < 0.5 else crop
        return result
