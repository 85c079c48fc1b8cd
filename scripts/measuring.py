"""How the scripts measure: interleaved timings, their spread, fresh processes, the machine."""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine import Model

PAUSE = 0.02  # seconds before each turn: the other library's threads stop spinning
TURN = 0.1  # seconds of work in a turn, if a step is shorter than that
MOST_STEPS = 5  # in a turn
RESAMPLES = 2000

Samples = dict[str, list[float]]
Size = tuple[int, int]  # (width, height), as in 182x158
Array = NDArray[np.float32]


def parse_size(text: str) -> Size:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text}: write WIDTHxHEIGHT, such as 182x158")
    return int(width), int(height)


def picture(model: Model, size: Size) -> Array:
    """Noise [1, 3, H, W] in the network's units; the work does not depend on what is seen."""
    width, height = size
    rgb = np.random.default_rng(0).uniform(0, 255, (height, width, 3)).astype(np.float32)
    return model.preprocess(rgb)


@dataclass(frozen=True)
class Spread:
    """A median with its 10th and 90th percentile, in the samples' unit."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Ratio:
    """A ratio of medians with its 95% bootstrap interval."""

    value: float
    low: float
    high: float


def interleave(
    steps: Mapping[str, Callable[[], object]], seconds: float, rounds: int, most: int = 1000
) -> Samples:
    """Time each of `steps` once a round, in an order shuffled anew for each round.

    The steps are warm: each has run before. There are at least `rounds`, and more until `seconds`
    have passed. A sample is a turn's median step, in seconds; in a turn of several steps the first
    is not counted.
    """
    counts = {}
    for name, step in steps.items():
        counts[name] = max(1, min(MOST_STEPS, round(TURN / timed(step))))
    samples: Samples = {name: [] for name in steps}
    shuffler = random.Random(0)
    started = time.perf_counter()
    done = 0
    while done < rounds or (done < most and time.perf_counter() - started < seconds):
        for name in shuffler.sample(list(steps), len(steps)):
            time.sleep(PAUSE)
            turn = [timed(steps[name]) for _ in range(counts[name])]
            samples[name].append(float(np.median(turn[1:] or turn)))
        done += 1
    return samples


def timed(step: Callable[[], object]) -> float:
    """Seconds that `step()` takes."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def spread(samples: Sequence[float]) -> Spread:
    low, median, high = np.percentile(samples, [10, 50, 90])
    return Spread(float(median), float(low), float(high))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Ours over theirs. Rounds are resampled whole, for a busy moment hits both."""
    one, other = np.array(ours), np.array(theirs)
    picks = np.random.default_rng(0).integers(0, len(one), (RESAMPLES, len(one)))
    ratios = np.median(one[picks], axis=1) / np.median(other[picks], axis=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return Ratio(float(np.median(one) / np.median(other)), float(low), float(high))


@dataclass(frozen=True)
class Run:
    """A process, from its start to its end."""

    seconds: float
    peak_bytes: int  # of resident memory


# A child inherits the high-water mark of the process that started it, so a small one starts it.
LAUNCHER = """
import json, os, sys, time
started = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - started
print(json.dumps([seconds, usage.ru_maxrss, os.waitstatus_to_exitcode(status)]))
"""


def run_process(command: Sequence[str | Path]) -> Run:
    """Run `command`, its first word a path. Raises RuntimeError when it fails."""
    words = [sys.executable, "-I", "-S", "-c", LAUNCHER, *map(str, command)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    last = done.stdout.splitlines()[-1:]
    seconds, peak, code = json.loads(last[0]) if last else (0.0, 0, done.returncode)
    if code:
        raise RuntimeError(f"{' '.join(words[5:])} failed ({code}): {done.stderr.strip()}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(seconds, peak * unit)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment(threads: int) -> dict[str, object]:
    """What the figures depend on besides the code."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": cores(),
        "threads": threads,
        "memory_gib": round(memory / 2**30, 1),
        "load_average": os.getloadavg()[0],  # processes wanting a core, over the last minute
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: _version(name) for name in ("torch", "numpy")},
        "onnxruntime": _version("onnxruntime-gpu") or _version("onnxruntime"),
        "commit": _commit(),
    }


def describe(machine: Mapping[str, object]) -> list[str]:
    """An environment in lines of at most 80 characters."""
    versions = ", ".join(f"{n} {machine[n]}" for n in ("python", "torch", "onnxruntime", "numpy"))
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB; "
        f"{machine['threads']} threads",
        versions,
        f"{machine['system']}; commit {machine['commit']}",
    ]
    load = float(str(machine["load_average"]))
    if load > 0.5:
        lines.append(f"WARNING: load average {load:.1f} at the start: other processes take part")
    return lines


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The checkout's commit, with a + when files differ from it."""
    folder = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", ":/")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None
