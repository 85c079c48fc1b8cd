"""Large arrays in files that have no name: as much room as a disk has, and no memory for long.

The pages of such a file are memory that the kernel may take back at any time, and `let_go` gives
them back at once; what was written stays in the file. Nobody else can open it, and when the last
view of it is gone, or the process is killed, it is gone too.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from math import prod
from pathlib import Path

import numpy as np

from ort_deepdream.errors import DreamError
from ort_deepdream.step import Array

# Bytes of a picture that are worked on at once. glibc does not give back what larger parts take
# while the dream goes on: 19 MB at 1024x1024 with 1 << 24.
BAND = 1 << 22


def pictures_folder() -> Path:
    """Return the folder for large pictures. Raise DreamError when this user has no home folder."""
    from ort_deepdream.weights.catalogue import cache_folder  # few need it

    return cache_folder() / "pictures"


class Store:
    """Where a dream's whole pictures are: in files in `folder`, or in memory where it is None."""

    # Not a dataclass, and modules are imported where they are used: each start would pay for it.

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    def empty(self, *shape: int) -> Array:
        """Return a new float32 array; in a file it is zero, else whatever was there.

        Raise DreamError when the disk is full or cannot be written to.
        """
        if self.folder is None:
            return np.empty(shape, np.float32)
        return _mapped(self.folder, shape)


def _mapped(folder: Path, shape: tuple[int, ...]) -> Array:
    import mmap
    import tempfile

    size = prod(shape) * 4
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:  # without a name from its beginning
            _reserve(file.fileno(), size)
            return np.frombuffer(mmap.mmap(file.fileno(), size), np.float32).reshape(shape)
    except OSError as error:
        from ort_deepdream.weights.catalogue import CACHE_VARIABLE

        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        reason = "the disk is full" if full else error.strerror or error
        raise DreamError(
            f"{folder}: {size / 1e9:.1f} GB for a large picture cannot be written there "
            f"({reason}); make room, or name another folder in {CACHE_VARIABLE}"
        ) from error


def _reserve(descriptor: int, size: int) -> None:
    """Take the room now: a disk that is full later would end the process without a word."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
    else:
        os.truncate(descriptor, size)


def let_go(*arrays: Array) -> None:
    """Give back the memory of arrays of a Store, and leave what is in them."""
    for array in arrays:
        found: object = array
        while isinstance(found, np.ndarray):
            found = found.base
        if isinstance(found, memoryview):
            found = found.obj
        if hasattr(found, "madvise"):
            import mmap

            with suppress(OSError):
                found.madvise(mmap.MADV_DONTNEED)


def bands(height: int, row_bytes: int) -> Iterator[slice]:
    """Yield the rows of a picture in parts of about BAND bytes."""
    rows = max(BAND // row_bytes, 1)
    for top in range(0, height, rows):
        yield slice(top, min(top + rows, height))
