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
from torch import Tensor

from training.network import BLOCKS, BlockwiseNetwork, load_network, network_input, save_weights
from training.pictures import Crops, load_pool
from training.trainer import Trainer, floored

LAST_BLOCKS = ("5a", "5b")
BELOW = BLOCKS[: BLOCKS.index(LAST_BLOCKS[0])]
SIDE = 128
TOGETHER = 50  # pictures, where both networks run
BATCH = 512
RATE = 0.3
MEASURE_EVERY = 5
FIRST_MEASURES = 20
WARM_UP = 20  # steps
AVERAGED = 0.97


@torch.no_grad()
def inputs_and_targets(
    student: BlockwiseNetwork, teacher: BlockwiseNetwork, crops: Crops, count: int
) -> tuple[Tensor, list[Tensor]]:
    """Return what the student feeds its last blocks, and the teacher's outputs, in bfloat16."""
    fed, given = [], []
    for _ in track(range(count // TOGETHER), "what the last blocks see"):
        x = picture = network_input(crops.take(TOGETHER, SIDE))
        with torch.autocast("cpu", torch.bfloat16):
            for name in BELOW:
                x = student.onwards(name, F.relu(student.block(name, x)))
            fed.append(x.bfloat16())
            given.append([y.bfloat16() for y in teacher.outputs(picture)[-len(LAST_BLOCKS) :]])
    return torch.cat(fed), [torch.cat(parts) for parts in zip(*given, strict=True)]


class LastBlocks(Trainer):
    """A run that teaches the student's last blocks, from inputs and targets in memory."""

    def __init__(
        self, student: BlockwiseNetwork, fed: Tensor, given: list[Tensor], seed: int
    ) -> None:
        super().__init__(student, [floored(t.float().var((0, 2, 3))) for t in given], seed)
        self.fed, self.given = fed, given
        self.generator = torch.Generator().manual_seed(seed)

    def forward(self) -> tuple[list[Tensor], list[Tensor]]:
        chosen = torch.randint(len(self.fed), (BATCH,), generator=self.generator)
        x, values = self.fed[chosen], []
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            for name in LAST_BLOCKS:
                values.append(self.student.block(name, x))
                x = F.relu(values[-1].detach())
        return values, [t[chosen] for t in self.given]

    def run(self, steps: int) -> None:
        """Learn for so many steps."""
        for _ in range(FIRST_MEASURES):
            self.measure()
        for step in range(steps):
            if step % MEASURE_EVERY == 0:
                self.measure()
                self.kfac.invert()
            losses = self.learn(RATE * min(1.0, step / WARM_UP) * (1 - step / steps))
            self.update_average(AVERAGED)
            if step % 20 == 0:
                print(step, " ".join(f"{loss:.3f}" for loss in losses), flush=True)


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
    last.run(o.steps)
    save_weights(last.average, o.output)


if __name__ == "__main__":
    main()
