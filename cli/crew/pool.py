"""Several workers for many tasks: processes that are started when they are needed, and again.

    pool = Pool(begin, 2)
    for task, answer in pool.answers(tasks, lambda task: None):
        ...

A thread for each worker hands it one task after the other, so that no more is under way than there
are workers. A task whose worker dies is done again, by a new one.
"""

from __future__ import annotations

import pickle
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import IO, Any, cast

from ort_deepdream import signals
from ort_deepdream.errors import DreamError
from ort_deepdream.text import last_words

MOST_ATTEMPTS = 4  # at a task, as many as Dask makes
MOST_STARTS = 3  # of a worker, one right after the other
PATIENCE = 5.0  # seconds for workers to undo what is half done


class WorkerError(Exception):
    """A worker is dead; the message has its last words."""


class Worker:
    """The process of a worker, seen from outside."""

    def __init__(self) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        self.child = subprocess.Popen(
            [sys.executable, "-P", "-m", "ort_deepdream.cli.crew.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            start_new_session=True,  # Ctrl-C is for the one who gives the orders
        )
        self._orders = cast(IO[bytes], self.child.stdin)
        self._answers = cast(IO[bytes], self.child.stdout)

    def ask(self, order: Any) -> Any:
        """Return the answer to an order. Raise WorkerError when the process is dead."""
        try:
            pickle.dump(order, self._orders)
            self._orders.flush()
            return pickle.load(self._answers)
        except (OSError, EOFError, pickle.UnpicklingError):
            raise WorkerError(self._last_words()) from None

    def _last_words(self) -> str:
        code = self.child.wait()
        self.errors.seek(0)
        return last_words(code, self.errors.read())

    def close(self) -> None:
        """Have the process end, and wait until it has."""
        with suppress(OSError):
            self._orders.close()
        self.child.wait()
        self._answers.close()
        self.errors.close()


class Pool:
    """Up to `count` workers. Each calls `begin`, and what that returns with each task.

    Both, and the tasks and answers, travel as pickles.
    """

    def __init__(self, begin: Callable[[], Callable[[Any], Any]], count: int) -> None:
        self._begin, self._count = begin, count
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lock = threading.RLock()  # a signal may want it where the main thread has it
        self._workers: set[Worker] = set()
        self._stopped = False

    def answers(
        self, tasks: Iterable[Any], known: Callable[[Any], Any]
    ) -> Iterator[tuple[Any, Any]]:
        """Yield each task with its answer, in the order in which they are done.

        `known` answers what needs no worker, and None for what does. An answer is a DreamError
        where one was raised, or where each worker that tried the task died. Raise DreamError when
        no worker can begin. In the end, or when a signal ends the command, there are no workers any
        more.
        """
        waiting = iter(tasks)
        threads = [
            threading.Thread(target=self._hand_out, args=(waiting, known), daemon=True)
            for _ in range(self._count)
        ]
        with signals.undone(self.stop):
            try:
                for thread in threads:
                    thread.start()
                left = len(threads)
                while left:
                    found = self._answers.get()
                    if isinstance(found, BaseException):
                        raise found
                    if found is None:
                        left -= 1
                    else:
                        yield found
            finally:
                self.stop()
                for thread in threads:
                    thread.join(PATIENCE)

    def stop(self) -> None:
        """End all workers, whatever they are doing: first as a user would, then at once."""
        with self._lock:
            self._stopped, workers = True, [*self._workers]
        for worker in workers:
            worker.child.terminate()
        for worker in workers:
            try:
                worker.child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                worker.child.kill()

    def _hand_out(self, waiting: Iterator[Any], known: Callable[[Any], Any]) -> None:
        """Give tasks to one worker, in a thread of its own, until there are none."""
        worker = None
        try:
            while (task := self._next(waiting)) is not None:
                answer = known(task)
                for _ in range(MOST_ATTEMPTS if answer is None else 0):
                    worker = worker or self._started()
                    try:
                        answer = worker.ask(task)
                        break
                    except WorkerError as error:
                        answer = DreamError(f"{error}; so did {MOST_ATTEMPTS - 1} others before")
                        self._close(worker)
                        worker = None
                self._answers.put((task, answer))
            self._answers.put(None)
        except BaseException as error:
            self._answers.put(error)
        finally:
            if worker is not None:
                self._close(worker)

    def _next(self, waiting: Iterator[Any]) -> Any:
        with self._lock:  # a generator cannot be asked by two at once
            return None if self._stopped else next(waiting, None)

    def _started(self) -> Worker:
        """Return a worker that has begun. Raise DreamError when none can."""
        words = ""
        for _ in range(MOST_STARTS):
            worker = self._launched()
            try:
                refused = worker.ask(self._begin)
            except WorkerError as error:
                words = str(error)
                self._close(worker)
                continue
            if refused is None:
                return worker
            self._close(worker)
            raise refused
        raise DreamError(f"a worker cannot begin: {words}")

    def _launched(self) -> Worker:
        with self._lock:
            if self._stopped:
                raise DreamError("the workers were stopped")
            worker = Worker()
            self._workers.add(worker)
            return worker

    def _close(self, worker: Worker) -> None:
        worker.close()
        with self._lock:
            self._workers.discard(worker)
