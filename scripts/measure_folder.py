"""What `dream folder` adds to each picture: processor time and memory, with hardly a step to take.

    python -m scripts.measure_folder                     # 200 pictures, then 2200
    python -m scripts.measure_folder --few 1000 --many 11000 --workers 2

The pictures are of 8x8 pixels, one step each, by a gradient file whose gradient is two small
products. Both counts are dreamt in a fresh folder; what one more picture takes is the difference
over the difference. It is processor time, of the command and its workers: other work on the machine
changes it little. All that a picture needs is in it: reading, the dream, the metadata, writing to
the disk. The same is told of a second run, which finds all of them done.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from ort_deepdream.cli.messages import table

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from gradient_files import write_gradient_file

SIDE = 8
START = "from ort_deepdream.__main__ import run; run()"
QUICK = ("--octaves", "1", "--iterations", "1", "--threads", "1", "-b", "cpu")


@dataclass(frozen=True)
class Cost:
    seconds: float  # of processor time
    megabytes: float  # at most, of one process


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--few", type=int, default=200)
    parser.add_argument("--many", type=int, default=2200)
    parser.add_argument("--workers", type=int, default=1)
    wanted = parser.parse_args()
    made = table("run", "pictures", "ms each", "MB", numbers=("pictures", "ms each", "MB"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = write_gradient_file(folder / "tiny.onnx")
        costs = {}
        for count in (wanted.few, wanted.many):
            draw(folder / f"in{count}", count)
            for run in ("first", "again"):
                costs[run, count] = cost(folder, count, model, wanted.workers)
    for run in ("first", "again"):
        few, many = costs[run, wanted.few], costs[run, wanted.many]
        each = (many.seconds - few.seconds) / (wanted.many - wanted.few)
        made.add_row(run, str(wanted.few), "", f"{few.megabytes:.0f}")
        made.add_row(run, str(wanted.many), f"{1000 * each:.2f}", f"{many.megabytes:.0f}")
    Console().print(made)


def draw(folder: Path, count: int) -> None:
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        levels = random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(levels).save(folder / f"{number:05}.png")


def cost(folder: Path, count: int, model: Path, workers: int) -> Cost:
    """Return what dreaming of `count` pictures takes."""
    words = [str(folder / f"in{count}"), str(folder / f"out{count}"), "-m", str(model)]
    command = [sys.executable, "-c", START, "folder", *words, *QUICK, "--workers", str(workers)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"`dream folder` ended with {child.returncode}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
