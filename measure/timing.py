"""How things are timed: interleaved, with pauses, and in fresh processes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ort_deepdream.errors import DreamError

# Seconds before each turn, in which the other contenders' threads stop spinning: ONNX Runtime's
# did so for 45 to 57 ms after a run, on two cores of an AMD EPYC.
PAUSE = 0.1
TURN = 0.3  # seconds of work in a turn, if two steps take less
MOST_STEPS = 10  # in a turn

Samples = dict[str, list[float]]


def timed(step: Callable[[], object]) -> float:
    """Return the seconds that `step()` takes."""
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def steps_in_turn(seconds: float) -> int:
    """Return how many steps of so many seconds make a turn; the first only wakes what slept."""
    return max(2, min(MOST_STEPS, round(TURN / max(seconds, 1e-9))))


def take_turn(step: Callable[[], object], count: int) -> float:
    """Return the seconds of a turn's median step; of several steps the first is not counted."""
    turn = [timed(step) for _ in range(count)]
    return float(np.median(turn[1:] or turn))


def interleave(
    turns: Mapping[str, Callable[[int], float]], seconds: float, rounds: int, most: int = 1000
) -> Samples:
    """Take each of `turns` once a round, in an order shuffled anew; return all samples by name.

    A turn is asked for a number of steps and returns the seconds of one, such as `take_turn` does;
    each has had one before. There are at least `rounds`, and more until `seconds` have passed.
    """
    counts = {name: steps_in_turn(turn(1)) for name, turn in turns.items()}
    samples: Samples = {name: [] for name in turns}
    shuffler = random.Random(0)
    started = time.perf_counter()
    done = 0
    while done < rounds or (done < most and time.perf_counter() - started < seconds):
        for name in shuffler.sample(list(turns), len(turns)):
            time.sleep(PAUSE)
            samples[name].append(turns[name](counts[name]))
        done += 1
    return samples


@dataclass(frozen=True)
class Run:
    """A process, from its start to its end. `started` is on the clock of `time.perf_counter`."""

    seconds: float
    peak_bytes: int  # of resident memory
    started: float
    busy: float  # seconds of CPU time
    output: str


# A child inherits the high-water mark of the process that started it, so a small one starts it.
# The child's output goes the same way as the launcher's last line. On Linux both end with the
# process that measures: killed, it could not end them.
LAUNCHER = """
import ctypes, json, os, signal, sys, time
SET_DEATH_SIGNAL = 1
started = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
signal.signal(signal.SIGTERM, lambda *_: (os.kill(child, signal.SIGKILL), os._exit(1)))
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGTERM)
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - started
busy = usage.ru_utime + usage.ru_stime
print(json.dumps([seconds, usage.ru_maxrss, started, busy, os.waitstatus_to_exitcode(status)]))
"""


def run_process(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Run:
    """Run `command`, its first word a path; `environment` is added to this process's.

    Raise DreamError when it fails, with the last line that it said; on Windows always, which lacks
    what it takes to start a process and to hear how much memory it took.
    """
    if not hasattr(os, "posix_spawn"):
        raise DreamError("a process is timed on Linux and macOS alone: this system cannot spawn it")
    words = [sys.executable, "-I", "-S", "-c", LAUNCHER, *map(str, command)]
    launcher = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        start_new_session=True,  # so that both can be ended together
    )
    try:
        said, errors = launcher.communicate()
    except BaseException:
        os.killpg(launcher.pid, signal.SIGKILL)
        launcher.communicate()
        raise
    printed, _, last = said.rstrip("\n").rpartition("\n")
    failed = json.dumps([0, 0, 0, 0, launcher.returncode])
    seconds, peak, started, busy, code = json.loads(last or failed)
    if code:
        reason = (errors.strip().splitlines() or ["it said nothing"])[-1][:500]
        raise DreamError(f"{Path(words[5]).name} ended with code {code}: {reason}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(seconds, peak * unit, started, busy, printed)
