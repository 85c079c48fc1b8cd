"""What is checked while ONNX Runtime makes a session, in a thread that leaves Python to others.

It does as long as the thread is in one long call, such as a sum of a whole file as it is mapped:
who asks for Python back waits for up to five milliseconds each time.
"""

from __future__ import annotations

import mmap
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def beside(check: Callable[[], None]) -> Iterator[None]:
    """Run `check` in another thread while the body runs; what it raises counts for more."""
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(check)
        try:
            yield
        finally:
            done.result()


def map_file(path: Path) -> mmap.mmap:
    """Return a regular file's bytes.

    Raise OSError when it cannot be read, ValueError when it is empty or not a regular file.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # before it is opened, which waits at a pipe
        raise ValueError("not a regular file")
    with path.open("rb") as stream:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
