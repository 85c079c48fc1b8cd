"""An end that is asked for from outside: Ctrl-C, `kill`, a terminal that hangs up.

Each becomes a KeyboardInterrupt in the main thread, so that whatever is half done is undone on the
way out. That may arrive as another exception: numpy, interrupted while it is imported, raises an
ImportError. So `received` tells, and not what was raised.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType
from typing import Any

SAID = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}
PATIENCE = 1.0  # seconds; some send a signal twice at once, but who sends it later will not wait

received: signal.Signals | None = None  # the first one
_since = 0.0


def watch() -> None:
    """Be interrupted by each signal that ends a process, unless it was started to ignore it."""
    for name in SAID:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    sys.unraisablehook = _unless_interrupted


def check() -> None:
    """Raise KeyboardInterrupt again after a signal, in case some library has caught it."""
    if received is not None:
        raise KeyboardInterrupt


def farewell() -> tuple[str, int]:
    """Return what to say after a signal, and the exit code as shells count: 128 + its number."""
    number = received or signal.SIGINT
    return SAID[number.name], 128 + number


def end_at_once() -> None:
    """Let a signal end the process from now on, for there is nothing left to undo."""
    for name in SAID:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is _interrupt:
            signal.signal(number, _leave)


def _interrupt(number: int, frame: FrameType | None) -> None:
    global received, _since
    if received is None:
        received, _since = signal.Signals(number), time.monotonic()
        raise KeyboardInterrupt
    if time.monotonic() - _since > PATIENCE:
        _leave(number, frame)


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)


def _unless_interrupted(unraisable: Any) -> None:
    """Report what was raised where nothing can catch it; of an interruption one line is enough."""
    if received is None or not isinstance(unraisable.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
