"""A step to be timed, in a process of its own.

In one process two libraries disturb one another: the threads of each wait by spinning, and memory
that one gave back comes to the other in pieces. Nobody runs both in one process but to compare.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.measure.timing import take_turn

Array = NDArray[np.float32]
Step = Callable[[], Array]  # the gradient [1, 3, H, W]


class StepError(Exception):
    """The step could not be made or taken; the message is the reason in one line."""


class StepProcess:
    """Between two orders its threads sleep. Raises StepError whenever the other end cannot."""

    def __init__(self, make: Callable[[], Step]) -> None:
        """`make` is pickled: a function of a module, with arguments that can be pickled."""
        spawn = multiprocessing.get_context("spawn")
        self.connection, theirs = spawn.Pipe()
        self.process = spawn.Process(target=_serve, args=(theirs, make), daemon=True)
        self.process.start()
        theirs.close()
        try:
            self.seconds_to_first: float = self._answer()  # making the step, and a first one
        except StepError:
            self.close()
            raise

    def turn(self, count: int) -> float:
        """Seconds of a step, in a turn of `count`."""
        return float(self._ask("turn", count))

    def gradient(self) -> Array:
        gradient: Array = self._ask("gradient")
        return gradient

    def close(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()

    def _ask(self, *order: object) -> Any:
        self.connection.send(order)
        return self._answer()

    def _answer(self) -> Any:
        try:
            done, answer = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            raise StepError(f"its process ended with code {self.process.exitcode}") from None
        if not done:
            raise StepError(answer)
        return answer


def _serve(orders: Connection, make: Callable[[], Step]) -> None:
    try:
        started = time.perf_counter()
        step = make()
        step()
        orders.send((True, time.perf_counter() - started))
        while True:
            name, *arguments = orders.recv()
            orders.send((True, step() if name == "gradient" else take_turn(step, *arguments)))
    except EOFError:
        pass
    except Exception as error:  # of a library: PyTorch's compilers raise anything
        orders.send((False, " ".join(f"{type(error).__name__}: {error}".split())[:300]))
