"""Teach the last blocks alone: `python -m training.finish STUDENT --teacher ... -o BETTER`.

They have the most weights for a channel and the fewest positions in a picture, so that a batch that
the whole network can bear says little about them. What they are fed by the rest of the student is
computed once here, and a batch then has hundreds of pictures.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.progress import track
from safetensors.torch import save_file
from torch import Tensor, nn

from training.curvature import KFAC
from training.network import BLOCKS, BlockwiseGoogLeNet, load_network, network_input
from training.pictures import Crops, load_pool
from training.train import error_gradient, floored, random_direction

LAST_BLOCKS = ("5a", "5b")
BELOW = BLOCKS[: BLOCKS.index(LAST_BLOCKS[0])]
SIDE = 128
TOGETHER = 50  # pictures, where both networks run
BATCH = 512
RATE = 0.3
MEASURE_EVERY = 5
FIRST_MEASURES = 20
AVERAGED = 0.97


@torch.no_grad()
def inputs_and_targets(
    student: BlockwiseGoogLeNet, teacher: BlockwiseGoogLeNet, crops: Crops, count: int
) -> tuple[Tensor, list[Tensor]]:
    """What the student feeds its last blocks, and what the teacher gives there, in bfloat16."""
    fed, given = [], []
    for _ in track(range(count // TOGETHER), "what the last blocks see"):
        x = picture = network_input(crops.take(TOGETHER, SIDE))
        with torch.autocast("cpu", torch.bfloat16):
            for name in BELOW:
                x = student.onwards(name, F.relu(student.block(name, x)))
            fed.append(x.bfloat16())
            given.append([y.bfloat16() for y in teacher.outputs(picture)[-len(LAST_BLOCKS) :]])
    return torch.cat(fed), [torch.cat(parts) for parts in zip(*given, strict=True)]


class LastBlocks:
    """The student's last blocks, and the way they learn."""

    def __init__(
        self, student: BlockwiseGoogLeNet, fed: Tensor, given: list[Tensor], seed: int
    ) -> None:
        self.student, self.fed, self.given = student, fed, given
        self.units: dict[str, nn.Conv2d] = {
            name: unit
            for name, unit in student.convolutions.items()
            if name.startswith(tuple(f"inception_{block}/" for block in LAST_BLOCKS))
            and isinstance(unit, nn.Conv2d)
        }
        for unit in self.units.values():
            unit.requires_grad_()
        self.kfac = KFAC(self.units, seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.variances = [floored(t.float().var((0, 2, 3))) for t in given]
        self.average = [p.detach().clone() for p in self.parameters()]

    def parameters(self) -> list[nn.Parameter]:
        return [p for unit in self.units.values() for p in unit.parameters()]

    def forward(self) -> tuple[list[Tensor], list[Tensor]]:
        chosen = torch.randint(len(self.fed), (BATCH,), generator=self.generator)
        x, values = self.fed[chosen], []
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            for name in LAST_BLOCKS:
                values.append(self.student.block(name, x))
                x = F.relu(values[-1].detach())
        return values, [t[chosen] for t in self.given]

    def measure(self) -> None:
        self.student.seen = {}
        values, targets = self.forward()
        seen, self.student.seen = self.student.seen, None
        directions = [
            random_direction(*parts) for parts in zip(values, targets, self.variances, strict=True)
        ]
        found = torch.autograd.grad(values, [seen[name][1] for name in seen], directions)
        self.kfac.measure(seen, dict(zip(seen, found, strict=True)))

    def learn(self, rate: float) -> list[float]:
        """One step; returns the unexplained share of each block."""
        values, targets = self.forward()
        found = [
            error_gradient(*parts) for parts in zip(values, targets, self.variances, strict=True)
        ]
        self.student.zero_grad()
        torch.autograd.backward(values, [gradient for gradient, _ in found])
        self.kfac.step(rate)
        for kept, parameter in zip(self.average, self.parameters(), strict=True):
            kept.lerp_(parameter.detach(), 1 - AVERAGED)
        return [loss for _, loss in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("student", type=Path)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True, help="the folder of the training")
    parser.add_argument("--pools", type=Path, help="the folder of the run, which has its pictures")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=12000)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    student, teacher = load_network(o.student), load_network(o.teacher)
    pool = load_pool(o.photos, "train", 0, o.pools or o.student.parent)
    fed, given = inputs_and_targets(student, teacher, Crops(pool, o.seed), o.pictures)
    last = LastBlocks(student, fed, given, o.seed)
    for _ in range(FIRST_MEASURES):
        last.measure()
    for step in range(o.steps):
        if step % MEASURE_EVERY == 0:
            last.measure()
            last.kfac.invert()
        losses = last.learn(RATE * min(1.0, step / 20) * (1 - step / o.steps))
        if step % 20 == 0:
            print(step, " ".join(f"{loss:.3f}" for loss in losses), flush=True)
    with torch.no_grad():
        for parameter, kept in zip(last.parameters(), last.average, strict=True):
            parameter.copy_(kept)
    state = student.convolutions.state_dict()
    tensors = {name: value.clone().contiguous() for name, value in state.items()}
    save_file(tensors, o.output, {"architecture": "bvlc"})


if __name__ == "__main__":
    main()
