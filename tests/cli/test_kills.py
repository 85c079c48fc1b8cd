"""Commands killed at random moments: after the next start nothing of them is left.

KILLS=200 in the environment kills that often; by default it is as many as there
is time for in some seconds.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image
from synthetic_results import result, written

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-c", "from ort_deepdream.__main__ import run; run()")
SIGNALS = {"SIGKILL": None, "SIGTERM": "terminated", "SIGHUP": "hung up", "SIGINT": "interrupted"}
KILLS = int(os.environ.get("KILLS", "0"))
SECONDS = 6

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="signals of Unix"),
]


class Place:
    """A folder to work in, a cache and a folder for temporary files, all new."""

    def __init__(self, folder: Path) -> None:
        self.work, self.cache, self.scratch = (folder / n for n in ("work", "cache", "scratch"))
        for made in (self.work, self.cache, self.scratch):
            made.mkdir()
        levels = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
        Image.fromarray(levels).save(self.work / "photo.png")
        written(self.work, result(("cpu",), images=()))
        self.before = self.names()

    def names(self) -> set[str]:
        """Return what is there but for what is kept on purpose: whole graphs and weights."""
        growing = [*self.cache.rglob(".*"), *self.cache.rglob("*.tmp")]
        found = [*growing, *self.work.rglob("*"), *self.scratch.rglob("*")]
        # PyTorch keeps a cache of its own there, whatever becomes of who asks for it.
        return {str(path) for path in found if not path.name.startswith("torchinductor_")}

    def start(self, *words: str) -> subprocess.Popen[str]:
        ours = {"ORT_DEEPDREAM_CACHE": str(self.cache), "TMPDIR": str(self.scratch)}
        return subprocess.Popen(
            [*COMMAND, *words],
            cwd=self.work,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **ours, "PYTHONPATH": str(ROOT / "src")},
            start_new_session=True,
        )


RUN = ("run", "photo.png", "-b", "cpu", "-o", "out.png")
BENCH = ("bench", "photo.png", "-l", "inception_3a/output", "-b", "cpu", "-o", "out.json")
EXPORT = ("export", "-w", "seeded:0", "-l", "conv2/3x3", "-o", "out.onnx")
REPORT = ("report", "result.json", "-o", "out.html")
# What is killed, by how long it takes at most, and a short one that starts next in its place.
LINES = {
    "run": ((*RUN, "--save-octaves", "--iterations", "3"), 3.0, (*RUN, "--iterations", "1")),
    "run, other weights": (
        (*RUN, "-w", "seeded:0", "-l", "conv2/3x3:5", "--iterations", "2"),
        3.0,
        (*RUN, "-w", "seeded:0", "-l", "conv2/3x3:5", "--iterations", "1"),
    ),
    "export": (EXPORT, 8.0, EXPORT),
    "bench": (
        (*BENCH, "--size", "128x96", "--trials", "9"),
        8.0,
        (*BENCH, "--size", "32x32", "--trials", "1", "--budget", "1"),
    ),
    "report": (REPORT, 1.5, REPORT),
}


def test_kills_at_random_moments_leave_nothing(tmp_path):
    chance = random.Random(int(os.environ.get("KILLS_SEED", "1")))
    ends, done = time.monotonic() + SECONDS, 0
    while done < KILLS if KILLS else time.monotonic() < ends:
        lines = list(LINES)
        folder = tmp_path / str(done)
        folder.mkdir()
        place = Place(folder)
        # Several of one kind, each over what the last one left.
        name = lines[done % len(lines)]
        line, seconds, following = LINES[name]
        left: set[int] = set()
        for number in chance.sample(list(SIGNALS), 4):
            moment = chance.uniform(0, seconds)
            left |= killed(place, line, number, moment)
            done += 1
        gone = time.monotonic() + 10
        while alive(left):
            assert time.monotonic() < gone, f"{name}: {alive(left)} go on"
            time.sleep(0.05)
        with place.start(*following) as process:
            said = process.communicate(timeout=120)[1]
        assert process.returncode == 0, said
        outputs = {str(path) for path in place.work.glob("out*")}
        assert place.names() - place.before == outputs, name
    print(f"{done} kills")


def killed(place: Place, line: tuple[str, ...], name: str, moment: float) -> set[int]:
    """Kill a command at a moment; return the processes that it had started."""
    family: set[int] = set()
    with place.start(*line) as process:
        time.sleep(moment)
        try:
            children = psutil.Process(process.pid).children(recursive=True)
            family = {child.pid for child in children}
        except psutil.NoSuchProcess:
            pass
        process.send_signal(getattr(signal, name))
        said = process.communicate(timeout=60)[1]
    if process.returncode == 128 + getattr(signal, name):
        assert said.splitlines()[-1] == f"dream: {SIGNALS[name]}"
        assert "Traceback" not in said
    else:
        # Through, or not yet begun: then Python is ended as any program is.
        number = -getattr(signal, name)
        begun = "ort_deepdream/cli" in said or "ort_deepdream/engine" in said
        assert process.returncode in (0, 1, number), said
        assert not begun, said
    return family


def alive(pids: set[int]) -> set[int]:
    """Return those that run; a zombie is over."""
    found = set()
    for pid in pids:
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.add(pid)
        except psutil.NoSuchProcess:
            pass
    return found
