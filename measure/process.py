"""The other end of `measure.worker`: a process that measures one contender."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from ort_deepdream.errors import DreamError
from ort_deepdream.measure.contender import ContenderSpec
from ort_deepdream.measure.machine import Others
from ort_deepdream.measure.result import Sample
from ort_deepdream.text import last_words


class ContenderError(DreamError):
    """A contender could not do what it was asked for; the others go on."""


class ContenderProcess:
    """A contender's worker. Raises ContenderError when it cannot be started."""

    def __init__(self, spec: ContenderSpec) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        self.child = subprocess.Popen(
            [sys.executable, "-P", "-m", "ort_deepdream.measure.worker", spec.dump()],
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

        Raise ContenderError when it cannot be done, or the process is gone.
        """
        assert self.child.stdin is not None
        with contextlib.suppress(OSError):  # it is gone: the answer tells
            print(json.dumps([order, arguments]), file=self.child.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        if not line.endswith("\n"):
            raise ContenderError(self._last_words())
        done, answer = json.loads(line)
        if not done:
            raise ContenderError(answer)
        return answer

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
