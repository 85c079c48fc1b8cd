"""Teach a student network what a teacher answers: `python -m training.train --help`.

At first each block is fed by the teacher, so that all learn at once; then by the student's own
lower blocks, whose mistakes it learns to live with. `trainer.py` has the step.

Schedules run on active time, summed over steps with at most STEP_CAP seconds each, so that a
run that is paused (SIGSTOP) or interrupted and resumed still ends as planned.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from training.dreams import Dreams
from training.judge import explained_variance
from training.network import (
    BLOCKS,
    BlockwiseNetwork,
    fresh_network,
    in_fast_format,
    load_network,
    network_input,
    save_weights,
    scale_block,
)
from training.pictures import Crops, held_out_crops, load_pool
from training.trainer import Trainer, floored

PIXELS = 96 * 96 * 80  # of a batch
SIDES = (64, 80, 96, 96, 112, 128)
RATE = 0.06
FALL_FROM = 0.4  # of the run: from there the rate falls to zero in a straight line
WARM_UP = 60  # steps until the rate is full, after each start
FED_UNTIL = 240  # steps, by the teacher
DREAMT_SHARE = 0.3  # of a batch, when there are enough dreams
ENOUGH = 600  # dreams; until then fewer, for the curvature must see them before steps rely on it
MEASURE_EVERY = 16  # steps: the curvature; four times as often while the rate warms up
FIRST_MEASURES = 20  # before the first step
AVERAGED = 0.995  # decay of the weights' running mean, which is what is kept
STEP_CAP = 10.0  # seconds
CHECK_EVERY = 180.0  # seconds of active time: check, log and save
CHECKED, CHECKED_SIDE = 64, 128
VARIANCE_ROUNDS = 6  # batches that a channel's variance is taken from
MOST_LEFT_OUT = 100  # batches in a row whose numbers are not finite: the student is spoilt then

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


class Run(Trainer):
    """A run of training and its state."""

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
        variances = self._variances()
        super().__init__(self._student(options, variances), variances, seed + 4)
        if self.progress.step:
            self.average = {
                k: v.to(self.device) for k, v in load_file(self.out / "student.safetensors").items()
            }
        self.steps_here = 0  # since the start or the resumption, which knows no curvature yet

    @torch.no_grad()
    def _variances(self) -> list[Tensor]:
        """Measure the teacher's activations over pictures, by block: [C] each."""
        total: list[Tensor] = []
        for _ in range(VARIANCE_ROUNDS):
            picture = network_input(self.crops.take(64, 112).to(self.device))
            with self.half:
                outputs = self.teacher.outputs(picture)
            found = [y.float().var((0, 2, 3)) / VARIANCE_ROUNDS for y in outputs]
            total = [a + b for a, b in zip(total, found, strict=True)] if total else found
        return [floored(variance) for variance in total]

    def _student(self, options: argparse.Namespace, variances: list[Tensor]) -> BlockwiseNetwork:
        """Make the network of the checkpoint, of `--start`, or a fresh one, block by block."""
        if self.progress.step:
            network = BlockwiseNetwork()
            network.convolutions.load_state_dict(load_file(self.out / "latest.safetensors"))
        elif options.start:
            network = load_network(options.start)
        else:
            network = fresh_network(options.seed)
        network = in_fast_format(network).to(self.device)
        if self.progress.step or options.start:
            return network
        x = network_input(self.crops.take(64, 96).to(self.device))
        with self.half, torch.no_grad():
            for name, target, variance in zip(
                BLOCKS, self.teacher.outputs(x), variances, strict=True
            ):
                scale_block(network, name, x, variance.sqrt())
                x = self.teacher.onwards(name, target)
        return network

    @property
    def done(self) -> float:
        """The share of the planned time that is over."""
        return self.progress.active / self.seconds

    def fed_by_teacher(self) -> bool:
        """Tell whether each block's input is still the teacher's."""
        return self.from_start and self.progress.step < FED_UNTIL

    def batch(self) -> Tensor:
        """Return pictures in the network's units: crops, and dreams when there are some."""
        side = SIDES[int(torch.randint(len(SIDES), (1,), generator=self.generator))]
        count = PIXELS // side**2 // 8 * 8
        share = 0.0 if self.fed_by_teacher() else DREAMT_SHARE * min(1.0, self.dreams.made / ENOUGH)
        dreamt = int(share * count)
        pictures = self.crops.take(count - dreamt, side)
        if dreamt:
            pictures = torch.cat([pictures, self.dreams.take(dreamt, side)])
        return network_input(pictures.to(self.device))

    def forward(self) -> tuple[list[Tensor], list[Tensor]]:
        x = self.batch()
        with self.half:
            with torch.no_grad():
                targets = self.teacher.outputs(x)
            values = []
            for name, target in zip(BLOCKS, targets, strict=True):
                values.append(self.student.block(name, x))
                if self.fed_by_teacher():
                    x = self.teacher.onwards(name, target)
                else:
                    x = self.student.onwards(name, F.relu(values[-1].detach()))
        return values, targets

    def scheduled_rate(self) -> float:
        """Return the rate of the next step: rising after each start, falling towards the end."""
        warm = min(1.0, self.steps_here / WARM_UP)
        return self.rate * warm * min(1.0, (1 - self.done) / (1 - FALL_FROM))

    def dream(self) -> None:
        """Take one step of ascent, by the teacher or, half of the time once it can, the student."""
        own = not self.fed_by_teacher() and self.dreams.made // 18 % 2 == 0
        with self.half:
            self.dreams.ascend(self.student if own else self.teacher)

    def check(self, losses: list[float], speed: float) -> None:
        """Log the explained variance on held-out pictures, and save."""
        # Copies: what state_dict gives are the parameters themselves, which the average replaces.
        state = self.student.convolutions.state_dict()
        latest = {name: value.clone() for name, value in state.items()}
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
        save_weights(latest, self.out / "latest.safetensors")
        save_weights(self.average, self.out / "student.safetensors")
        (self.out / "progress.json").write_text(json.dumps(asdict(self.progress)))

    def run(self) -> None:
        """Learn until the planned time is over, checking and saving on the way.

        Raise SystemExit when no batch is finite any more.
        """
        for _ in range(FIRST_MEASURES):
            self.measure()
        self.kfac.invert()
        checked, pictures = self.progress.active, self.progress.pictures
        left_out = 0  # batches in a row
        while self.done < 1:
            started = time.monotonic()
            warming = self.steps_here < WARM_UP
            if self.progress.step % (MEASURE_EVERY // 4 if warming else MEASURE_EVERY) == 0:
                self.measure()
                self.kfac.invert()
            self.dream()
            losses = self.learn(self.scheduled_rate())
            if not losses:
                print(f"step {self.progress.step}: not finite, left out", flush=True)
                left_out += 1
                if left_out == MOST_LEFT_OUT:
                    raise SystemExit(
                        f"{left_out} batches in a row were not finite: "
                        f"go on from the last checkpoint with a lower --rate"
                    )
                continue
            left_out = 0
            self.progress.step += 1
            self.steps_here += 1
            keep = min(AVERAGED, (1 + self.progress.step) / (10 + self.progress.step))
            self.update_average(keep)
            self.progress.pictures += PIXELS // 96**2
            self.progress.active += min(time.monotonic() - started, STEP_CAP)
            if self.progress.active - checked >= CHECK_EVERY or self.done >= 1:
                taken = self.progress.active - checked
                self.check(self.usual, (self.progress.pictures - pictures) / taken)
                checked, pictures = self.progress.active, self.progress.pictures


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
    Run(options).run()


if __name__ == "__main__":
    main()
