"""Teach a student network what a teacher answers: `python -m training.train --help`.

FitNets' hints (Romero et al. 2015, arXiv:1412.6550) at every block: the student learns, by gradient
descent from random filters, to give the teacher's activations. With s the student's value before
its last ReLU and t the teacher's after it, a block's loss is

    1/2 mean over channels, positions and pictures of r^2 / var(t),
    r = s - t where t > 0, otherwise relu(s):

zero just where relu(s) = t, and, unlike (relu(s) - t)^2, with a slope wherever it is not. At first
each block is fed by the teacher, so that all learn at once; then by the student's own lower blocks,
whose mistakes it learns to live with. No gradient passes from block to block.

Schedules run on active time, summed over steps with at most STEP_CAP seconds each, so that a
run that is paused (SIGSTOP) or interrupted and resumed still ends as planned.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training.curvature import KFAC
from training.dreams import Dreams
from training.judge import explained_variance
from training.network import (
    BLOCKS,
    BlockwiseGoogLeNet,
    fresh_network,
    in_fast_format,
    load_network,
    network_input,
    scale_block,
)
from training.pictures import Crops, held_out_crops, load_pool

PIXELS = 96 * 96 * 80  # of a batch
SIDES = (64, 80, 96, 96, 112, 128)
RATE = 0.06
FALL_FROM = 0.4  # of the run: from there the rate falls to zero in a straight line
WARM_UP = 60  # steps until the rate is full, after each start
FED_UNTIL = 240  # steps, by the teacher
DREAMT_SHARE = 0.3  # of a batch, when there are enough dreams
ENOUGH = 600  # dreams; until then fewer, for the curvature must see them before steps rely on it
OUTLIER = 1.5  # times the usual loss: what a block learns from a batch is bounded by that
MEASURE_EVERY = 16  # steps: the curvature; four times as often while the rate warms up
FIRST_MEASURES = 20  # before the first step
AVERAGED = 0.995  # decay of the weights' running mean, which is what is kept
STEP_CAP = 10.0  # seconds
CHECK_EVERY = 180.0  # seconds of active time: check, log and save
CHECKED, CHECKED_SIDE = 64, 128
USUAL_ENERGY = 4.0  # mean square of an activation over its variance
VARIANCE_ROUNDS = 6  # batches that a channel's variance is taken from
LEAST_VARIANCE = 1e-3  # of a block's mean variance: a channel that is nearly silent counts less

# glibc returns freed activations to the system and faults them in again at each step: more than
# half of the time. Never by mmap, never given back, all from one arena.
MALLOC = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


@dataclass
class Progress:
    """Where a run stands; saved with the checkpoint."""

    step: int = 0
    pictures: int = 0
    active: float = 0.0  # seconds


class Lessons:
    """The state of one run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.half = torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False)
        self.out: Path = options.out
        self.seconds: float = 60 * options.minutes
        self.rate: float = options.rate
        self.from_start = options.start is None
        seed = options.seed
        self.teacher = load_network(options.teacher).to(self.device)
        pool = load_pool(options.photos, "train", seed, self.out)
        held_out = load_pool(options.photos, "held_out", seed, self.out)
        self.held_out = held_out_crops(held_out, CHECKED, CHECKED_SIDE).to(self.device)
        self.progress = Progress()
        if (self.out / "progress.json").exists():
            self.progress = Progress(**json.loads((self.out / "progress.json").read_text()))
        seed += self.progress.step  # go on with other pictures
        self.crops = Crops(pool, seed)
        self.dreams = Dreams(Crops(pool, seed + 1), seed + 2)
        self.generator = torch.Generator().manual_seed(seed + 3)
        self.variances = self._variances()
        self.student = self._student(options)
        self.units: dict[str, nn.Conv2d] = dict(self.student.convolutions.items())  # type: ignore[arg-type]
        self.average = {k: v.clone() for k, v in self.student.convolutions.state_dict().items()}
        if self.progress.step:
            self.average = {
                k: v.to(self.device) for k, v in load_file(self.out / "student.safetensors").items()
            }
        self.kfac = KFAC(self.units, seed + 4)
        self.usual: list[float] = []  # each block's loss, smoothed
        self.steps_here = 0  # since the start or the resumption, which knows no curvature yet

    @torch.no_grad()
    def _variances(self) -> list[Tensor]:
        """Of the teacher's activations over pictures, by block: [C] each."""
        total: list[Tensor] = []
        for _ in range(VARIANCE_ROUNDS):
            picture = network_input(self.crops.take(64, 112).to(self.device))
            with self.half:
                outputs = self.teacher.outputs(picture)
            found = [y.float().var((0, 2, 3)) / VARIANCE_ROUNDS for y in outputs]
            total = [a + b for a, b in zip(total, found, strict=True)] if total else found
        return [floored(variance) for variance in total]

    def _student(self, options: argparse.Namespace) -> BlockwiseGoogLeNet:
        if self.progress.step:
            network = BlockwiseGoogLeNet()
            network.convolutions.load_state_dict(load_file(self.out / "latest.safetensors"))
        elif options.start:
            network = load_network(options.start).requires_grad_()
        else:
            network = fresh_network(options.seed)
        network = in_fast_format(network).to(self.device)
        if self.progress.step or options.start:
            return network
        x = network_input(self.crops.take(64, 96).to(self.device))
        with self.half, torch.no_grad():
            for name, target, variance in zip(
                BLOCKS, self.teacher.outputs(x), self.variances, strict=True
            ):
                scale_block(network, name, x, variance.sqrt())
                x = self.teacher.onwards(name, target)
        return network

    @property
    def done(self) -> float:
        return self.progress.active / self.seconds

    def fed_by_teacher(self) -> bool:
        return self.from_start and self.progress.step < FED_UNTIL

    def batch(self) -> Tensor:
        """Pictures in the network's units: crops, and dreams when there are some."""
        side = SIDES[int(torch.randint(len(SIDES), (1,), generator=self.generator))]
        count = PIXELS // side**2 // 8 * 8
        share = 0.0 if self.fed_by_teacher() else DREAMT_SHARE * min(1.0, self.dreams.made / ENOUGH)
        dreamt = int(share * count)
        pictures = self.crops.take(count - dreamt, side)
        if dreamt:
            pictures = torch.cat([pictures, self.dreams.take(dreamt, side)])
        return network_input(pictures.to(self.device))

    def forward(self, picture: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The student's values before the last ReLU of each block, and the teacher's after it."""
        with self.half:
            with torch.no_grad():
                targets = self.teacher.outputs(picture)
            values = []
            x = picture
            for name, target in zip(BLOCKS, targets, strict=True):
                values.append(self.student.block(name, x))
                if self.fed_by_teacher():
                    x = self.teacher.onwards(name, target)
                else:
                    x = self.student.onwards(name, F.relu(values[-1].detach()))
        return values, targets

    def learn(self) -> list[float]:
        """One step; returns each block's loss (the unexplained share of the variance).

        A batch whose numbers are not finite teaches nothing and returns nothing.
        """
        values, targets = self.forward(self.batch())
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
        warm = min(1.0, self.steps_here / WARM_UP)
        self.kfac.step(self.rate * warm * min(1.0, (1 - self.done) / (1 - FALL_FROM)))
        return losses

    def measure(self) -> None:
        """Measure the curvature on a batch of its own."""
        self.student.seen = {}
        values, targets = self.forward(self.batch())
        seen, self.student.seen = self.student.seen, None
        directions = [
            random_direction(*parts) for parts in zip(values, targets, self.variances, strict=True)
        ]
        if not all(bool(value.isfinite().all()) for value in values):
            return
        names = list(seen)
        found = torch.autograd.grad(values, [seen[name][1] for name in names], directions)
        self.kfac.measure(seen, dict(zip(names, found, strict=True)))

    def dream(self) -> None:
        """One step of ascent: by the teacher, and, once it has learnt something, the student."""
        own = not self.fed_by_teacher() and self.dreams.made // 18 % 2 == 0
        with self.half:
            self.dreams.ascend(self.student if own else self.teacher)

    def check(self, losses: list[float], speed: float) -> None:
        """Log the explained variance on held-out pictures, and save."""
        # Copies: what state_dict gives are the parameters themselves, which the average replaces.
        state = self.student.convolutions.state_dict()
        latest = {name: value.clone().contiguous() for name, value in state.items()}
        self.student.convolutions.load_state_dict(self.average)
        with self.half:
            explained = explained_variance(self.student, self.teacher, self.held_out)
        self.student.convolutions.load_state_dict(latest)
        row = {
            **{k: round(v, 1) for k, v in asdict(self.progress).items()},
            "pictures_per_s": round(speed, 1),
            "dreams": self.dreams.made,
            "loss": dict(zip(BLOCKS, (round(x, 4) for x in losses), strict=True)),
            "explained": {k: round(v, 4) for k, v in explained.items()},
        }
        with (self.out / "log.jsonl").open("a") as log:
            log.write(json.dumps(row) + "\n")
        average = {k: v.contiguous() for k, v in self.average.items()}
        for name, tensors in (("latest", latest), ("student", average)):
            save_file(tensors, self.out / "partial", {"architecture": "bvlc"})
            (self.out / "partial").replace(self.out / f"{name}.safetensors")
        (self.out / "progress.json").write_text(json.dumps(asdict(self.progress)))

    def run(self) -> None:
        for _ in range(FIRST_MEASURES):
            self.measure()
        self.kfac.invert()
        checked, pictures = self.progress.active, self.progress.pictures
        while self.done < 1:
            started = time.monotonic()
            warming = self.steps_here < WARM_UP
            if self.progress.step % (MEASURE_EVERY // 4 if warming else MEASURE_EVERY) == 0:
                self.measure()
                self.kfac.invert()
            self.dream()
            losses = self.learn()
            if not losses:
                print(f"step {self.progress.step}: not finite, left out", flush=True)
                continue
            self.progress.step += 1
            self.steps_here += 1
            keep = min(AVERAGED, (1 + self.progress.step) / (10 + self.progress.step))
            for name, value in self.student.convolutions.state_dict().items():
                self.average[name].lerp_(value, 1 - keep)
            self.progress.pictures += PIXELS // 96**2
            self.progress.active += min(time.monotonic() - started, STEP_CAP)
            if self.progress.active - checked >= CHECK_EVERY or self.done >= 1:
                taken = self.progress.active - checked
                self.check(self.usual, (self.progress.pictures - pictures) / taken)
                checked, pictures = self.progress.active, self.progress.pictures


def floored(variance: Tensor) -> Tensor:
    """A block's variances [C], so that none is zero."""
    return variance + LEAST_VARIANCE * variance.mean()


@torch.no_grad()
def error_gradient(s: Tensor, t: Tensor, variance: Tensor) -> tuple[Tensor, float]:
    """The gradient of a block's loss at `s`, and the unexplained share of the variance."""
    r = torch.where(t > 0, s - t, F.relu(s))
    gradient = (r * _weight(t, variance)).to(s.dtype)
    return gradient, (r * gradient).float().sum().item()


@torch.no_grad()
def random_direction(s: Tensor, t: Tensor, variance: Tensor) -> Tensor:
    """A random vector whose square's mean is the loss's curvature at `s`, for K-FAC."""
    active = (t > 0) | (s > 0)
    scale = _weight(t, variance).sqrt()
    return (torch.randn_like(s, dtype=torch.float32) * active * scale).to(s.dtype)


def _weight(t: Tensor, variance: Tensor) -> Tensor:
    """Of a squared error: 1 / (channels * positions * variance), [N, C, 1, 1].

    A dream answers tens of times as strongly as a photograph, and would be all that counts: a
    picture of more than USUAL_ENERGY counts by that much less.
    """
    energy = (t.float().square().mean((2, 3)) / variance).mean(1)
    weight = 1 / (energy / USUAL_ENERGY).clamp(min=1)
    return (weight[:, None] / (variance * t.numel()))[:, :, None, None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", type=Path, required=True, help="weights of the original")
    parser.add_argument("--photos", type=Path, required=True, help="folder of .jpg photographs")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint, log and pools go here")
    parser.add_argument("--minutes", type=float, default=90, help="active time of the whole run")
    parser.add_argument("--start", type=Path, help="weights to go on from, instead of random ones")
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in MALLOC.items()):
        again = [sys.executable, "-m", "training.train", *sys.argv[1:]]
        os.execve(sys.executable, again, os.environ | MALLOC)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "pid").write_text(f"{os.getpid()}\n")
    Lessons(options).run()


if __name__ == "__main__":
    main()
