"""What a test's process may do: little memory, and no more than an ordinary user."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def little_memory(more: int) -> Iterator[None]:
    """Let this process ask for `more` bytes beyond what it has; where that can be limited.

    What asks for more gets a MemoryError: a reader's appetite is a failed test, not a dead machine.
    """
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Be nobody, if this is root, who may write anywhere; what is imported must be so before."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Take away the right to write from all in `folder`."""
    inside = [folder, *folder.rglob("*")]
    before = [path.stat().st_mode for path in inside]
    for path in inside:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        yield
    finally:
        for path, mode in zip(inside, before, strict=True):
            path.chmod(mode)


@contextmanager
def open_folder() -> Iterator[Path]:
    """Give a new folder that every user finds; pytest's are for their owner alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
