"""A dream watched: its progress in a notebook's cell, and an interrupt that keeps it."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ort_deepdream.engine.deepdream import OnStep, Progress

PAUSE = 0.1  # seconds between two looks of the bar: each is a message to the browser


@contextmanager
def watching() -> Iterator[OnStep]:
    """Yield an `on_step` for a dream, with which an interrupt ends the dream and keeps it.

    In a notebook it shows a bar in the cell, and interrupting the kernel makes the dream stop
    after the step that it is in; elsewhere Ctrl-C does, and nothing is shown. A second interrupt
    raises KeyboardInterrupt. Only in the main thread: no other hears of signals.
    """
    show = _bar()
    with _interrupts() as interrupted:

        def watch(progress: Progress) -> bool:
            show(progress)
            return not interrupted.is_set()

        yield watch


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Yield an event that the first interrupt in the body sets, instead of raising."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def first(number: int, frame: object) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    before = signal.signal(signal.SIGINT, first)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)


def _bar() -> Callable[[Progress], None]:
    """Return what shows a step in the cell that is running; outside notebooks, nothing."""
    if not _in_notebook():
        return lambda progress: None
    from IPython.display import display

    handle = display(  # type: ignore[no-untyped-call]
        {"text/plain": ""}, raw=True, display_id=True
    )
    shown = -math.inf

    def show(progress: Progress) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown < PAUSE and progress.fraction < 1:
            return
        shown = now
        said = _step(progress)
        bar = f'<progress value="{progress.fraction:.3f}" style="width:20em"></progress> {said}'
        handle.update({"text/html": bar, "text/plain": said}, raw=True)

    return show


def _in_notebook() -> bool:
    """Tell whether a kernel runs this: IPython in a terminal cannot change what it displayed."""
    # Whoever is run by IPython has it imported.
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _step(progress: Progress) -> str:
    return (
        f"{progress.fraction:.0%}, octave {progress.octave} of {progress.octaves}, "
        f"{progress.width}×{progress.height}"
    )
