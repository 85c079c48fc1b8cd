"""A cluster of Dask's on this machine, started with the commands that a user types on several."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil


class Cluster:
    """A scheduler, and a nanny with workers of a thread each."""

    def __init__(self, folder: Path, workers: int, *words: str) -> None:
        self.file = folder / "scheduler.json"
        self.log = (folder / "log.txt").open("wb")
        self.scheduler = self._start("scheduler", "--port", "0")
        wait_for(self.file.exists)
        wanted = ("--nworkers", str(workers), "--nthreads", "1", "--local-directory", str(folder))
        self.nanny = self._start("worker", *wanted, *words)

    def _start(self, what: str, *words: str) -> subprocess.Popen[bytes]:
        here = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")
        command = [sys.executable, "-m", "dask", what, "--scheduler-file", str(self.file)]
        command += [*here, *words]
        return subprocess.Popen(command, stdout=self.log, stderr=self.log)

    def workers(self) -> list[psutil.Process]:
        """Return the workers' processes that there are now."""
        found = psutil.Process(self.nanny.pid).children()
        return [child for child in found if "spawn_main" in _command_of(child)]

    def close(self) -> None:
        """End all of them."""
        children = psutil.Process(self.nanny.pid).children()
        for process in (self.nanny, self.scheduler):  # at once: a nanny waits for its workers
            process.kill()
            process.wait()
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        self.log.close()


def _command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@contextmanager
def dask_cluster(folder: Path, workers: int, *words: str) -> Iterator[Cluster]:
    """Have a cluster whose logs and files are in a folder; `words` are options of its workers."""
    made = Cluster(folder, workers, *words)
    try:
        yield made
    finally:
        made.close()


def wait_for(true: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something is true, an AssertionError after so many seconds."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)
