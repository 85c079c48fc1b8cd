"""The other end of `measure.contenders.worker`: a process that measures one contender."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from ort_deepdream.errors import DreamError
from ort_deepdream.measure.contenders.contender import ContenderSpec
from ort_deepdream.measure.machine import Others
from ort_deepdream.measure.result import Sample
from ort_deepdream.text import last_words


class ContenderError(DreamError):
    """A contender could not do what it was asked for; the others go on."""


NO_TIME = "the budget ended before it"


class ContenderProcess:
    """A contender's worker. Raises ContenderError when it cannot be started.

    What has not answered by `ends`, on the clock of `time.perf_counter`, is stopped; None lets it
    take its time.
    """

    def __init__(self, spec: ContenderSpec, ends: float | None = None) -> None:
        self.ends = ends
        self.stopped = ""  # why
        self._refuse_if_over()
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        self.child = subprocess.Popen(
            [sys.executable, "-P", "-m", "ort_deepdream.measure.contenders.worker", spec.dump()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, **spec.environment},
            start_new_session=True,  # Ctrl-C is for the one who gives the orders
        )
        self.watched = psutil.Process(self.child.pid)
        try:
            self._answer()
        except BaseException:
            self.close()
            raise

    def ask(self, order: str, **arguments: object) -> Any:
        """Return the answer to an order, which is a method of `Worker`.

        Raise ContenderError when it cannot be done, the process is gone, or time is up.
        """
        self._refuse_if_over()
        assert self.child.stdin is not None
        with contextlib.suppress(OSError):  # it is gone: the answer tells
            print(json.dumps([order, arguments]), file=self.child.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        assert self.child.stdout is not None
        with self._within_time():
            line = self.child.stdout.readline()
        if not line.endswith("\n"):
            raise ContenderError(self.stopped or self._last_words())
        done, answer = json.loads(line)
        if not done:
            raise ContenderError(answer)
        return answer

    def _refuse_if_over(self) -> None:
        if self.stopped or (self.ends is not None and time.perf_counter() > self.ends):
            raise ContenderError(self.stopped or NO_TIME)

    @contextlib.contextmanager
    def _within_time(self) -> Iterator[None]:
        """End the process when it is still at work at the end of its time."""
        if self.ends is None:
            yield
            return
        seconds = max(0.0, self.ends - time.perf_counter())
        timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), self._stop, [seconds])
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _stop(self, seconds: float) -> None:
        self.stopped = (
            f"stopped: no answer within {seconds:.3g} s, which is what the budget left it"
        )
        self.child.kill()

    def _last_words(self) -> str:
        code = self.child.wait()
        self.errors.seek(0)
        return last_words(code, self.errors.read())

    def busy(self) -> float:
        """Return the seconds of processor time that it has used, and the browser that it drives."""
        try:
            processes = [self.watched, *self.watched.children(recursive=True)]
        except psutil.Error:
            return 0.0
        return sum(map(_seconds_of, processes))

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self.child.kill()
        self.child.communicate()
        self.errors.close()


def _seconds_of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def measure_step(process: ContenderProcess, photo: Path, count: int) -> Sample:
    """Return a sample of a step, in a turn of `count`. Raise ContenderError when it fails."""
    others, before = Others(), process.busy()
    seconds = process.ask("step", photo=str(photo), count=count)
    load = others.busy(process.busy() - before)
    return Sample(seconds=seconds, parts={}, peak_memory=None, device_memory=None, load=load)


def measure_warm(process: ContenderProcess, photo: Path, output: Path) -> Sample:
    """Return a sample of a dream in this process. Raise ContenderError when it fails."""
    others, before = Others(), process.busy()
    found = process.ask("dream", photo=str(photo), output=str(output))
    load = others.busy(process.busy() - before)
    return Sample(
        seconds=sum(found.values()), parts=found, peak_memory=None, device_memory=None, load=load
    )
