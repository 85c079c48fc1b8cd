"""The process of a worker: it is told how to begin, then does one task after the other.

`cli/crew/pool.py` starts it. Orders and answers are pickles on the standard streams: the first
order is called to begin, and what that returns is called with each order that follows. What a user
can mend is answered as a DreamError; anything else is a bug, which ends the process with its
traceback.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import IO, Any

from ort_deepdream import signals
from ort_deepdream.errors import DreamError

END = object()


class Orders:
    """What comes in, read beside the work: the end of it means that nobody wants the rest."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._busy = False
        threading.Thread(target=self._read, daemon=True).start()

    def next(self) -> Any:
        """Return the next order, END after the last one."""
        self._busy = False
        order = self._waiting.get()
        self._busy = True
        return order

    def _read(self) -> None:
        try:
            while True:
                self._waiting.put(pickle.load(self._stream))
        except EOFError:
            if self._busy:  # who gave the order is gone: what is half done is undone
                signal.raise_signal(signal.SIGTERM)
            self._waiting.put(END)
        except BaseException:  # an order that cannot be read: nobody would wait for this thread
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)


def serve(orders: IO[bytes], answers: IO[bytes]) -> None:
    """Answer orders until there are none."""
    waiting = Orders(orders)
    act = attempted(waiting.next())
    if isinstance(act, DreamError):
        _answer(answers, act)
        return
    _answer(answers, None)
    while (order := waiting.next()) is not END:
        _answer(answers, attempted(act, order))


def attempted(act: Callable[..., Any], *order: Any) -> Any:
    """Return what an order comes to; what a user can mend as a DreamError that is returned."""
    try:
        return act(*order)
    except DreamError as error:
        return error
    except MemoryError:
        return DreamError("there is not enough memory for it; have fewer workers, or a smaller one")


def _answer(answers: IO[bytes], answer: Any) -> None:
    pickle.dump(answer, answers)
    answers.flush()


def main() -> None:
    """Serve on the standard streams."""
    signals.watch()
    # Libraries print what they like to the standard output; answers keep theirs. Nor does Python
    # close the input at the end, which would wait for who reads it.
    orders = os.fdopen(os.dup(0), "rb", closefd=False)
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        serve(orders, answers)


if __name__ == "__main__":
    main()
