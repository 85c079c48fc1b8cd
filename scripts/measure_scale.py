"""What many pictures and several workers take beside the dreams, as tables in Markdown.

    python -m scripts.measure_scale                         # some five minutes, on a quiet machine
    python -m scripts.measure_scale --few 20 --many 60 --tasks 4 --pictures 3    # whether it runs

The first table: tasks that sleep for a second, by two workers. What they take beyond the seconds is
orchestration. The second: pictures of 8x8 pixels, one step each, by a gradient file whose gradient
is two small products. What one more picture takes is a difference of two counts over a difference;
reading, metadata and writing to the disk are in it. Memory is the most that a process ever had. The
third: pictures an hour of real dreams, by one worker with a thread, two with a thread each, and one
with two threads; taking turns, the best of the rounds.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ort_deepdream import Settings, dream_folder
from ort_deepdream.cli.commands.folder import Asked, Tally
from ort_deepdream.cli.crew.crew import Crew, Processes, crew
from ort_deepdream.cli.crew.work import Task
from ort_deepdream.cli.machine import Machine
from ort_deepdream.cli.options.loop import LoopSettings
from ort_deepdream.cli.sources import request
from ort_deepdream.cli.subject import Subject
from ort_deepdream.cli.tiles import Tiles
from ort_deepdream.measure.machine import describe, disturbances, this_machine

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from dask_cluster import Cluster, dask_cluster
from gradient_files import write_gradient_file
from sleeping import SECOND, Sleeping

PHOTO = Path(__file__).parents[1] / "examples" / "landscape.jpg"
WORKERS = 2


@dataclass
class Clock:
    """When each picture was done."""

    at: list[float]

    def __call__(self) -> None:
        self.at.append(time.perf_counter())

    def answered(self, tally: Tally) -> None:
        """Note the time of each picture; what is told before the first one is none."""
        if tally.answered:
            self()

    def seconds_each(self, workers: int) -> float:
        """Return the seconds of a picture, from when each worker had its first one done."""
        begun = sorted(self.at)[workers - 1]
        return (max(self.at) - begun) / (len(self.at) - workers)


def main() -> None:
    os.environ["PYTHONPATH"] = sys.path[-1]  # of the workers, too: what sleeps is there
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=12, help="of a second, for each worker")
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--many", type=int, default=10_000)
    parser.add_argument("--pictures", type=int, default=11, help="of each real folder")
    parser.add_argument("--rounds", type=int, default=2)
    wanted = parser.parse_args()
    for line in (*describe(this_machine()), *(f"WARNING: {busy}" for busy in disturbances())):
        print(line)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "dask").mkdir()
        with dask_cluster(folder / "dask", WORKERS) as cluster:
            seconds(folder, cluster, wanted.tasks)
            small(folder, cluster, wanted.few, wanted.many)
        threads(folder, wanted.pictures, wanted.rounds)


def table(*headings: str) -> None:
    print(f"\n| {' | '.join(headings)} |\n|{' --- |' * len(headings)}")


def row(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def seconds(folder: Path, cluster: Cluster, each: int) -> None:
    table("tasks of a second", "workers", "seconds each, a worker", "orchestration")
    for name, who in both(cluster):
        clock = Clock([])
        photos = [Task(PHOTO, folder / f"{n}.png") for n in range(each * WORKERS)]
        with who:
            for _ in who.answers(sleeping(folder), photos, lambda task: None):
                clock()
        took = WORKERS * clock.seconds_each(WORKERS)
        row(f"{name}, {len(photos)}", WORKERS, f"{took:.4f}", f"{took / SECOND - 1:.2%}")


def both(cluster: Cluster) -> Iterator[tuple[str, Crew]]:
    yield "processes", Processes(WORKERS)
    yield "Dask", crew(None, str(cluster.file), send_pictures=False)


def sleeping(folder: Path) -> Sleeping:
    model = write_gradient_file(folder / "tiny.onnx")
    loop = LoopSettings(Settings(seed=0), "", {})
    wanted = request(model, None, ())
    asked = Asked(Subject(PHOTO), wanted, loop, Machine("cpu"), Tiles("auto", None))
    return Sleeping(model, wanted, asked.machine, asked.subject, loop, asked.tiles, "sleeping")


def small(folder: Path, cluster: Cluster, few: int, many: int) -> None:
    """Dream on very small pictures, and print what one more of them takes."""
    model = write_gradient_file(folder / "tiny.onnx")
    quick = Settings(seed=0, octaves=1, iterations=1)
    counts = (few, many)
    for count in counts:
        draw(folder / f"in{count}", count)
    table("pictures of 8x8", "ms each", "again, ms each", "scheduler, MB", "largest worker, MB")
    for name, who in (
        ("processes", {"workers": WORKERS}),
        ("Dask, by path", {"scheduler": str(cluster.file)}),
        ("Dask, sent", {"scheduler": str(cluster.file), "send_pictures": True}),
    ):
        took = {}
        for count in counts:
            for run in ("first", "again"):
                began = time.perf_counter()
                with watched(cluster) as memory:
                    done = dream_folder(
                        folder / f"in{count}",
                        folder / f"{name}{count}",
                        quick,
                        model=model,
                        backend="cpu",
                        threads=1,
                        **who,
                    )
                took[run, count] = time.perf_counter() - began
                if done.failures:
                    raise SystemExit(f"failed: {done.failures[0]}")
            each = [
                f"{1000 * (took[run, many] - took[run, few]) / (many - few):.2f}"
                for run in ("first", "again")
                if count == many
            ] or ["", ""]
            row(f"{name}, {count}", *each, *(memory if "Dask" in name else ("", "")))


@contextmanager
def watched(cluster: Cluster) -> Iterator[list[str]]:
    """Give a list that holds, after the body, the most memory of the scheduler and of a worker."""
    found: list[str] = []
    yield found
    found.append(f"{peak(cluster.scheduler.pid):.0f}")
    found.append(f"{max(peak(worker.pid) for worker in cluster.workers()):.0f}")


def peak(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def draw(folder: Path, count: int) -> None:
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        levels = random.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(levels).save(folder / f"{number:05}.png")


def threads(folder: Path, pictures: int, rounds: int) -> None:
    """Dream as people do, and print how many pictures an hour there are."""
    source = folder / "photos"
    source.mkdir()
    with Image.open(PHOTO) as photo:
        for number in range(pictures):
            photo.resize((320, 240)).save(source / f"{number}.png")
    best: dict[tuple[int, int], float] = {}
    for turn in range(rounds):
        for workers, count in ((1, 1), (2, 1), (1, 2)):
            clock = Clock([])
            dream_folder(
                source,
                folder / f"real{turn}-{workers}-{count}",
                Settings(seed=0),
                backend="cpu",
                workers=workers,
                threads=count,
                on_picture=clock.answered,
            )
            took = clock.seconds_each(workers)
            best[workers, count] = min(took, best.get((workers, count), took))
    table("workers", "threads of each", "pictures of 320x240 an hour", "times one")
    for (workers, count), took in best.items():
        row(workers, count, f"{3600 / took:.0f}", f"{best[1, 1] / took:.2f}")


if __name__ == "__main__":
    main()
