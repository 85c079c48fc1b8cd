"""An end that is asked for from outside: Ctrl-C, `kill`, a terminal that hangs up.

The command undoes what is half done, says one line and is gone. An exception would be no way to
that: numpy and others, interrupted while they are imported, print what they think of it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

SAID = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}
PATIENCE = 1.0  # seconds; some send a signal twice at once, but who sends it later will not wait

received: signal.Signals | None = None  # the first one that was raised
_since = 0.0
_raises = 0  # how many bodies of `raised` are running
_undoing: list[Callable[[], object]] = []


def watch() -> None:
    """Mind each signal that ends a process, unless it was started to ignore it."""
    for name in SAID:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    sys.unraisablehook = _on_unraisable


@contextmanager
def undone(action: Callable[[], object]) -> Iterator[None]:
    """Have `action` called if a signal ends the process during the body."""
    _undoing.append(action)
    try:
        yield
    finally:
        _undoing.remove(action)


@contextmanager
def raised() -> Iterator[None]:
    """Have a signal raise KeyboardInterrupt in the body, which has more to do then than to undo."""
    global _raises
    _raises += 1
    try:
        yield
    finally:
        _raises -= 1


def farewell() -> tuple[str, int]:
    """Return what to say after a signal, and the exit code as shells count: 128 + its number."""
    number = received or signal.SIGINT
    return f"dream: {SAID[number.name]}", 128 + number


def _on_signal(number: int, frame: FrameType | None) -> None:
    global received, _since
    if received is not None and time.monotonic() - _since < PATIENCE:
        return
    again = received is not None
    received, _since = signal.Signals(number), time.monotonic()
    if _raises and not again:
        raise KeyboardInterrupt
    _leave()


def _leave() -> None:
    for action in _undoing[::-1]:
        with suppress(Exception):
            action()
    said, code = farewell()
    with suppress(OSError):
        os.write(2, f"{said}\n".encode())
    os._exit(code)


def _on_unraisable(unraisable: Any) -> None:
    """Leave when the KeyboardInterrupt was raised where nothing can catch it."""
    if received is not None and isinstance(unraisable.exc_value, KeyboardInterrupt):
        _leave()
    sys.__unraisablehook__(unraisable)
