"""A cluster of Dask's, whose workers dream: on this machine or on many.

Each worker has two pictures, however many there are, so nothing grows with their number. A worker
that dies is replaced by Dask's nanny, and its pictures go to another one, but for one that worker
after worker dies of. What a worker does is in `cli/crew/cluster_worker.py`.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

import distributed

from ort_deepdream import signals
from ort_deepdream.cli.crew.cluster_client import connected, is_file, quiet
from ort_deepdream.cli.crew.cluster_worker import (
    CannotBeginError,
    Dreamer,
    Dreamt,
    Greeting,
    Order,
    dream,
    greet,
    versions,
)
from ort_deepdream.cli.crew.work import Answer, Kind, Task, Work
from ort_deepdream.cli.machine import Machine
from ort_deepdream.cli.messages import note
from ort_deepdream.errors import DreamError
from ort_deepdream.files import write_bytes, writing

PATIENCE = 10.0  # seconds for a scheduler to answer
LOOK = 1.0  # seconds after which workers are counted again
AT_ONCE = 2  # pictures that a worker has: the next one comes while it dreams on the first


class KillerError(DreamError):
    """A picture that workers died of, or that was on them when they did."""


class Cluster:
    """The workers of a scheduler. `send`: pictures and dreams go through it, too."""

    def __init__(self, address: str, send: bool) -> None:
        self.address, self.send = address, send
        self._client: distributed.Client
        self._count = 0  # of tasks that were handed out

    def __enter__(self) -> Cluster:
        """Connect. Raise DreamError where no scheduler answers."""
        self._quiet = ExitStack()
        self._quiet.enter_context(quiet())
        try:
            self._client = connected(self.address, PATIENCE)
        except DreamError:
            self._quiet.close()
            raise
        note(f"the cluster's dashboard: {self._client.dashboard_link}")
        return self

    def __exit__(self, *of_error: object) -> None:
        with suppress(Exception):  # it may be gone, and there is nothing to be done about that
            self._client.close(timeout=PATIENCE)
        self._quiet.close()

    def settle(self, machine: Machine, count: int) -> tuple[Machine, str]:
        """Return the machine with the backend that all workers have.

        Raise DreamError when they are not alike: in their versions, or in their backends.
        """
        if not self._workers():
            where = f"--scheduler-file {self.address}" if is_file(self.address) else self.address
            note(f"no workers yet; waiting for the first one: `dask worker {where}`")
            self._client.wait_for_workers(1)
        try:
            greetings = self._client.run(greet, machine, on_error="return")
        except Exception as error:
            raise self._lost(error) from None
        # A worker that died meanwhile is no reason to end, if there are others.
        greetings = {w: found for w, found in greetings.items() if not isinstance(found, OSError)}
        if not greetings:
            raise self._lost(OSError("no worker"))
        for worker, found in greetings.items():
            self._refuse(worker, found)
        backends = {found.backend: found.target for found in greetings.values()}
        if len(backends) > 1:
            raise DreamError(
                f"the workers would dream on different backends ({', '.join(sorted(backends))}); "
                f"choose one with --backend"
            )
        ((backend, target),) = backends.items()
        if machine.backend == "auto" and machine.provider_library is None:
            note(f"running on {backend}, {len(greetings)} worker{'s' * (len(greetings) > 1)}")
            machine = replace(machine, backend=backend)
        return machine, target

    def _refuse(self, worker: str, found: Any) -> None:
        if isinstance(found, DreamError):
            raise DreamError(f"worker {worker}: {found}")
        if not isinstance(found, Greeting):
            raise DreamError(
                f"worker {worker}: cannot dream ({type(found).__name__}: {found}); install the "
                f"same version of ort-deepdream there"
            )
        for name, version in versions().items():
            if found.versions[name] != version:
                raise DreamError(
                    f"worker {worker}: has {name} {found.versions[name]}, and here it is {version};"
                    f" install the same on all machines"
                )

    def answers(
        self, work: Work[Kind], tasks: Iterable[Kind], known: Callable[[Kind], Answer | None]
    ) -> Generator[tuple[Kind, Answer], None, None]:
        """Yield each task with its answer, in the order in which they are done."""
        name = f"dream-{work.key[:16]}"
        plugin = Dreamer(name, work)
        with signals.raised():  # so that nothing is left on the workers
            try:
                self._client.register_plugin(plugin, name)
                yield from self._handed_out(name, iter(tasks), known)
            except (OSError, TimeoutError, distributed.CancelledError) as error:
                raise self._lost(error) from None
            finally:
                with suppress(Exception):
                    self._client.unregister_worker_plugin(name)

    def _handed_out(
        self, name: str, waiting: Iterator[Kind], known: Callable[[Kind], Answer | None]
    ) -> Iterator[tuple[Kind, Answer]]:
        """Hand out tasks to all workers, and another one for each that is answered.

        All that is on a worker that dies is under suspicion. What four died of is therefore tried
        once more in the end, by itself.
        """
        suspected: list[Kind] = []
        for task, answer in self._at_once(name, waiting, known, lambda: AT_ONCE * self._workers()):
            if isinstance(answer, KillerError):
                suspected.append(task)
            else:
                yield task, answer
        yield from self._at_once(name, iter(suspected), lambda task: None, lambda: 1)

    def _at_once(
        self,
        name: str,
        waiting: Iterator[Kind],
        known: Callable[[Kind], Answer | None],
        count: Callable[[], int],
    ) -> Iterator[tuple[Kind, Answer]]:
        """Hand out so many tasks at once, and yield them with their answers."""
        done: queue.SimpleQueue[distributed.Future] = queue.SimpleQueue()
        running: dict[str, Kind] = {}
        places, looked, more = count(), time.monotonic(), True
        while more or running:
            while more and len(running) < places:
                task = next(waiting, None)
                more = task is not None
                if task is None:
                    break
                answer = known(task)
                order = self._order(task) if answer is None else answer
                if isinstance(order, Order):
                    future = self._submit(name, order)
                    running[future.key] = task
                    future.add_done_callback(done.put)
                else:
                    yield task, order
            if running:
                with suppress(queue.Empty):
                    future = done.get(timeout=LOOK)
                    task = running.pop(future.key)
                    yield task, self._answer(task, future)
            elif more:  # all workers are gone; there may be others
                time.sleep(LOOK)
            if time.monotonic() - looked > LOOK:
                places, looked = count(), time.monotonic()

    def _submit(self, name: str, order: Order) -> distributed.Future:
        self._count += 1
        return self._client.submit(
            dream, name, order, key=f"{name}-{self._client.id}-{self._count}", pure=False
        )

    def _order(self, task: Task) -> Order | DreamError:
        """Return what a worker is told of a task, or why it cannot be."""
        if not self.send:
            return Order(task.absolute())
        try:
            return Order(task, task.photo.read_bytes())
        except OSError as error:
            return DreamError(f"{task.photo}: cannot be read ({error.strerror})")

    def _answer(self, task: Task, future: distributed.Future) -> Answer:
        error = future.exception()
        if isinstance(error, CannotBeginError):
            raise DreamError(f"a worker cannot begin: {error}")
        if isinstance(error, distributed.CancelledError):
            raise error
        if isinstance(error, distributed.KilledWorker):
            return KillerError(
                f"{error.allowed_failures + 1} workers died of it, one after the other, the last "
                f"one {error.last_worker.address}; its log may tell why (memory?)"
            )
        if error is not None:
            return DreamError(f"{type(error).__name__}: {error}")
        dreamt: Dreamt = future.result()
        if dreamt.refused:
            return DreamError(dreamt.refused.replace(str(task.photo.absolute()), str(task.photo)))
        if dreamt.content is not None:
            try:
                with writing(task.output):
                    task.output.parent.mkdir(parents=True, exist_ok=True)
                    write_bytes(task.output, dreamt.content)
            except DreamError as refused:
                return refused
        return dreamt.notes

    def _workers(self) -> int:
        """Return how many workers there are. Raise DreamError when the scheduler is gone."""
        try:
            return len(self._client.nthreads())
        except Exception as error:
            raise self._lost(error) from None

    def _lost(self, error: BaseException) -> DreamError:
        return DreamError(
            f"the scheduler at {self.address} does not answer any more ({type(error).__name__}); "
            f"type the same line again when it is back: what is done is not done again"
        )
