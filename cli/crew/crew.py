"""Who dreams on many pictures, or shots of a film: processes of this machine.

A cluster is in `cli/crew/cluster.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from typing import Any, Protocol

from ort_deepdream.cli.crew.pool import Pool
from ort_deepdream.cli.crew.work import Answer, Kind, Work
from ort_deepdream.cli.extras import require_extra
from ort_deepdream.cli.loading import what_auto_took
from ort_deepdream.cli.machine import Machine
from ort_deepdream.cli.messages import note
from ort_deepdream.engine.machine.cores import shared_out
from ort_deepdream.engine.machine.memory import available
from ort_deepdream.errors import DreamError


class Crew(Protocol):
    """Some workers, who are at hand in the body of a `with` statement."""

    def __enter__(self) -> Any: ...

    def __exit__(self, *of_error: object) -> None: ...

    def settle(self, machine: Machine, count: int) -> tuple[Machine, str]:
        """Return the machine with all decided that it left open, for so many tasks.

        Beside it, what a gradient file must be shaped for. Raise DreamError if it cannot be had.
        """
        ...

    def answers(
        self, work: Work[Kind], tasks: Iterable[Kind], known: Callable[[Kind], Answer | None]
    ) -> Generator[tuple[Kind, Answer], None, None]:
        """Yield each task with its answer, in the order in which they are done.

        `known` answers what needs no worker, and None for what does. Raise DreamError when no
        worker can begin.
        """
        ...


def crew(workers: int | None, scheduler: str | None, send_pictures: bool) -> Crew:
    """Return who dreams, as it was asked for. Raise DreamError for what excludes each other."""
    if scheduler is None:
        if send_pictures:
            raise DreamError(
                "--send-pictures is for the workers of a cluster: name it with --scheduler"
            )
        return Processes(workers or 1)
    if workers is not None:
        raise DreamError(
            "--workers and --scheduler exclude each other: a cluster has its workers already; "
            "leave one out"
        )
    require_extra("cluster")
    from ort_deepdream.cli.crew.cluster import Cluster

    return Cluster(scheduler, send_pictures)


class Processes:
    """Processes of this machine, which share its cores and its memory."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.memory: int | None = None  # for each

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *of_error: object) -> None:
        pass

    def settle(self, machine: Machine, count: int) -> tuple[Machine, str]:
        """Return the machine with its backend, and the threads of each of several workers."""
        self.workers = min(self.workers, count)
        backend = machine.find()
        if machine.backend == "auto" and machine.provider_library is None:
            note(what_auto_took(backend))
            machine = replace(machine, backend=backend.name)
        if self.workers > 1:
            room = available()
            self.memory = None if room is None else room.free // self.workers
            machine = replace(machine, threads=machine.threads or shared_out(self.workers))
        return machine, backend.file_target

    def answers(
        self, work: Work[Kind], tasks: Iterable[Kind], known: Callable[[Kind], Answer | None]
    ) -> Generator[tuple[Kind, Answer], None, None]:
        """Yield each task with its answer."""
        begin = replace(work, memory=self.memory).begin
        yield from Pool(begin, self.workers).answers(tasks, known)
