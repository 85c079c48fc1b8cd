"""Train from scratch: `python -m training.train --out DIR --minutes N --seed 0 [--resume]`.

Two single-threaded processes each make and learn from half of every batch (gloo averages their
gradients): on two shared cores that is steadier than one process with two threads, which wait for
each other in every layer.

Schedules run on *active* time, summed over steps with at most `STEP_CAP` seconds each, so that a
run that is paused (SIGSTOP) or interrupted and resumed still ends as planned. `--minutes` may be
changed on resuming: the schedule then stretches or shrinks.
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
import torch.distributed as dist
import torch.nn.functional as F
from torch import multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from training.compose import FULL, Composer, load_pools
from training.model import Classifier

WORKERS = 2
PEAK_RATE = 2e-3
WARM_UP = 0.03  # of the run
WEIGHT_DECAY = 0.05
LABEL_SMOOTHING = 0.05
STEP_CAP = 5.0  # seconds
LOG_EVERY = 20.0  # seconds of active time
CHECK_EVERY = 60.0
SAVE_EVERY = 180.0
CHECK_COUNT = 192  # held-out pictures in a quick check

# (until this part of the run, side in pixels, pictures per process and step)
STAGES = [(0.35, 48, 32), (1.01, 64, 40)]

# glibc returns freed activations to the system and faults them in again at each step; keeping them
# made a step about 20% faster here.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "OMP_NUM_THREADS": "1",
}


@dataclass
class Progress:
    """Where a run stands; saved with the checkpoint."""

    step: int = 0
    images: int = 0
    active: float = 0.0  # seconds


def stage(done: float) -> tuple[int, int]:
    """Side in pixels and pictures per process, at this part (0..1) of the run."""
    return next((side, count) for until, side, count in STAGES if done < until)


def strength(done: float) -> float:
    """Of the distortions: mild at first, full from 39% on."""
    return min(FULL, 0.1 + 0.9 * done / 0.7)


def rate(done: float) -> float:
    """Warm-up, then half a cosine to zero."""
    if done < WARM_UP:
        return PEAK_RATE * (0.05 + 0.95 * done / WARM_UP)
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * min(1, (done - WARM_UP) / (1 - WARM_UP))))


def parameter_groups(model: nn.Module) -> list[dict[str, object]]:
    """Weight decay on matrices and kernels only."""
    large = [p for p in model.parameters() if p.ndim > 1]
    small = [p for p in model.parameters() if p.ndim <= 1]
    return [
        {"params": large, "weight_decay": WEIGHT_DECAY},
        {"params": small, "weight_decay": 0.0},
    ]


@torch.no_grad()
def quick_check(model: Classifier, held_out: Composer, side: int) -> float:
    """Top-1 on a fixed held-out batch at full strength."""
    model.eval()
    picture, label = held_out.batch(0, CHECK_COUNT, side, FULL)
    found = torch.cat([model(part).argmax(1) for part in torch.split(picture, 64)])
    model.train()
    return (found == label).float().mean().item()


def save(path: Path, model: Classifier, optimizer: torch.optim.Optimizer, state: Progress,
         names: list[str], seed: int) -> None:  # fmt: skip
    partial = path.with_suffix(".tmp")
    torch.save(
        {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "progress": asdict(state),
            "classes": names,
            "seed": seed,
        },
        partial,
    )
    partial.rename(path)


def work(rank: int, out: Path, minutes: float, seed: int, resume: bool) -> None:
    """One of the processes; the first also logs, checks and saves."""
    torch.set_num_threads(1)
    rendezvous = (out / f"rendezvous-{os.getppid()}").resolve()
    dist.init_process_group("gloo", f"file://{rendezvous}", rank=rank, world_size=WORKERS)
    pools = load_pools("train", seed, out)
    composer = Composer(pools, seed + 17)
    held_out = Composer(load_pools("held_out", seed, out), seed + 99)
    torch.manual_seed(seed)
    model = Classifier(len(pools.names)).to(  # type: ignore[call-overload]
        memory_format=torch.channels_last
    )
    optimizer = torch.optim.AdamW(
        parameter_groups(model), lr=PEAK_RATE, betas=(0.9, 0.98), fused=True
    )
    state, checkpoint = Progress(), out / "checkpoint.pt"
    if resume and checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        state = Progress(**saved["progress"])
    parallel = DistributedDataParallel(
        model, forward_sync_buffers=False, gradient_as_bucket_view=True
    )
    log = Log(out / "log.jsonl", state) if rank == 0 else None
    while (done := state.active / (60 * minutes)) < 1:
        started = time.monotonic()
        side, count = stage(done)
        for group in optimizer.param_groups:
            group["lr"] = rate(done)
        batch_number = state.step * WORKERS + rank
        picture, label = composer.batch(batch_number, count, side, strength(done))
        logits = parallel(picture)
        loss = F.cross_entropy(logits, label, label_smoothing=LABEL_SMOOTHING)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        right = (logits.argmax(1) == label).float().mean()
        shared = torch.stack([torch.tensor(time.monotonic() - started), loss.detach(), right])
        dist.all_reduce(shared)
        seconds, mean_loss, top1 = (shared / WORKERS).tolist()
        state.active += min(seconds, STEP_CAP)
        state.step += 1
        state.images += count * WORKERS
        if log is None:
            continue
        if log.add(state, mean_loss, top1, side, strength(done), rate(done)) and log.check_due():
            log.checked(state, quick_check(model, held_out, side), side)
        if log.save_due():
            save(checkpoint, model, optimizer, state, pools.names, seed)
    if log is not None:
        log.checked(state, quick_check(model, held_out, stage(1.0)[0]), stage(1.0)[0])
        save(checkpoint, model, optimizer, state, pools.names, seed)
        rendezvous.unlink(missing_ok=True)
    dist.destroy_process_group()


class Log:
    """JSON lines of the run, and when the next line, check and checkpoint are due."""

    def __init__(self, path: Path, state: Progress) -> None:
        self.file = path.open("a")
        self.state = state
        self.logged = self.saved = self.at_check = state.active
        self.images_logged = state.images
        self.rows: list[tuple[float, float]] = []

    def add(self, state: Progress, loss: float, top1: float, side: int, strength: float,
            rate: float) -> bool:  # fmt: skip
        """Take a step's figures; True if that filled a line."""
        self.rows.append((loss, top1))
        seconds = state.active - self.logged
        if seconds < LOG_EVERY:
            return False
        mean_loss, mean_top1 = (
            sum(column) / len(self.rows) for column in zip(*self.rows, strict=True)
        )
        speed = (state.images - self.images_logged) / seconds
        self.write(
            state,
            loss=round(mean_loss, 4),
            top1=round(mean_top1, 4),
            side=side,
            strength=round(strength, 3),
            rate=round(rate, 6),
            images_per_s=round(speed, 1),
        )
        self.rows, self.logged, self.images_logged = [], state.active, state.images
        return True

    def check_due(self) -> bool:
        return self.state.active - self.at_check >= CHECK_EVERY

    def checked(self, state: Progress, top1: float, side: int) -> None:
        self.at_check = state.active
        self.write(state, held_out_top1=round(top1, 4), side=side)

    def save_due(self) -> bool:
        if self.state.active - self.saved < SAVE_EVERY:
            return False
        self.saved = self.state.active
        return True

    def write(self, state: Progress, **values: float) -> None:
        row = {"active_s": round(state.active, 1), "images": state.images, **values}
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="checkpoint, log and pools go here")
    parser.add_argument("--minutes", type=float, default=90, help="active time of the whole run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in DIR")
    options = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in MALLOC.items()):
        os.execve(sys.executable, [sys.executable, "-m", "training.train", *sys.argv[1:]],
                  os.environ | MALLOC)  # fmt: skip
    options.out.mkdir(parents=True, exist_ok=True)
    for split in ("train", "held_out"):  # once, before both processes want them
        load_pools(split, options.seed, options.out)
    (options.out / "pid").write_text(f"{os.getpid()}\n")
    arguments = (options.out, options.minutes, options.seed, options.resume)
    multiprocessing.spawn(  # type: ignore[attr-defined, no-untyped-call]
        work, arguments, nprocs=WORKERS
    )


if __name__ == "__main__":
    main()
