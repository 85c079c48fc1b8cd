"""How much memory a dream takes on the CPU, and how much there is for it.

The kernel ends a process that takes more than there is without a word, so it is asked before the
first step. Where nothing can be told, as outside Linux, nothing is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ort_deepdream.engine.machine.control_groups import groups
from ort_deepdream.errors import DreamError

# Of the largest octave, at the peak, measured with 0.6 to 2.5 million pixels. Nearly all of it is
# values before the third pooling, so deeper layers take hardly more.
BYTES_PER_PIXEL = 680
BYTES_PER_PIXEL_BEFORE_INCEPTION = 400
INCEPTION_STRIDE = 8

SPARE = 0.95  # of what is free: a size that is said to fit should

PROC = Path("/proc")

_most: int | None = None  # bytes that a dream of this process may take


@dataclass(frozen=True)
class Room:
    """Memory that can still be taken, in bytes, and what limits it."""

    free: int
    limit: str


@dataclass(frozen=True)
class _Files:
    """Where a version of control groups keeps its numbers."""

    root: Path
    limit: str
    used: str
    swap: str
    swap_includes_memory: bool
    prefix: str  # of what memory.stat counts with the groups inside


VERSION_1 = _Files(
    Path("/sys/fs/cgroup/memory"),
    limit="memory.limit_in_bytes",
    used="memory.usage_in_bytes",
    swap="memory.memsw.limit_in_bytes",
    swap_includes_memory=True,
    prefix="total_",
)
VERSION_2 = _Files(
    Path("/sys/fs/cgroup"),
    limit="memory.max",
    used="memory.current",
    swap="memory.swap.max",
    swap_includes_memory=False,
    prefix="",
)


def bytes_needed(height: int, width: int, stride: int) -> int:
    """Return the bytes that a dream of this size takes on the CPU, for a layer of this stride."""
    shallow = stride < INCEPTION_STRIDE
    return height * width * (BYTES_PER_PIXEL_BEFORE_INCEPTION if shallow else BYTES_PER_PIXEL)


@contextmanager
def enough_memory(
    height: int, width: int, stride: int, on_cpu: bool, more: float = 0
) -> Iterator[None]:
    """Raise DreamError when a dream of this size does not fit, before the body or out of it.

    `more` are bytes for each pixel beside what every dream takes.
    On other devices than the CPU only what runs out in the body is told.
    """
    needed = bytes_needed(height, width, stride) + int(height * width * more)
    takes = f"a dream of {width}x{height} pixels takes about {gigabytes(needed)} of memory"
    room = available() if on_cpu else None
    if room is not None and needed > room.free:
        smaller = (SPARE * room.free / needed) ** 0.5
        raise DreamError(
            f"{takes}, and {gigabytes(room.free)} are {room.limit}; "
            f"{int(width * smaller)}x{int(height * smaller)} would fit: make the picture smaller"
        )
    try:
        yield
    except MemoryError as error:
        raise DreamError(f"{takes}, and there is not enough; make the picture smaller") from error


def gigabytes(count: int) -> str:
    """Return a number of bytes in words."""
    return f"{count / 1e9:.2f} GB" if count < 1e9 else f"{count / 1e9:.1f} GB"


def limit_to(most: int | None) -> None:
    """Have each dream of this process take so many bytes at most, for others want theirs.

    It is one number for all of them, for what others take at a moment is chance.
    """
    global _most
    _most = most


def available() -> Room | None:
    """Return the least memory that any limit leaves this process; None where none can be told."""
    rooms = [*_of_machine(), *_of_cgroup(), *_of_process()]
    if _most is not None:
        rooms.append(Room(_most, "this worker's share"))
    return min(rooms, key=lambda room: room.free, default=None)


def _of_machine() -> Iterator[Room]:
    with suppress(OSError, KeyError):
        yield Room(_table(PROC / "meminfo")["MemAvailable"] * 1024 + _free_swap(), "free here")


def _free_swap() -> int:
    with suppress(OSError):
        return _table(PROC / "meminfo").get("SwapFree", 0) * 1024
    return 0


def _of_process() -> Iterator[Room]:
    """Of `ulimit -v` and `ulimit -d`."""
    with suppress(ImportError, OSError, ValueError, KeyError):
        import resource

        used = _table(PROC / "self" / "status")
        for kind, of in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
            limit = resource.getrlimit(kind)[0]
            if limit != resource.RLIM_INFINITY:
                yield Room(max(limit - used[of] * 1024, 0), "left by ulimit")


def _of_cgroup() -> Iterator[Room]:
    """Of every control group that this process is in, such as a container's.

    What their files are read from is kept by the kernel until something else needs the room, so it
    counts as free.
    """
    versions = {files.root: files for files in (VERSION_1, VERSION_2)}
    first, second = versions
    for root, group in groups(PROC, "memory", version_1=first, version_2=second):
        files = versions[root]
        with suppress(OSError, ValueError, KeyError):  # `max` is no number: there is no limit
            limit, used = _number(group / files.limit), _number(group / files.used)
            kept = _table(group / "memory.stat")
            reclaimable = sum(kept[f"{files.prefix}{kind}_file"] for kind in ("inactive", "active"))
            free = limit - used + reclaimable + min(_swap(group, files, limit), _free_swap())
            yield Room(max(free, 0), "left by the container's limit")


def _swap(group: Path, files: _Files, limit: int) -> int:
    """Return the swap that a group may use; where nobody counts it, all."""
    try:
        return _number(group / files.swap) - files.swap_includes_memory * limit
    except (OSError, ValueError):
        return sys.maxsize


def _number(path: Path) -> int:
    return int(path.read_text())


def _table(path: Path) -> dict[str, int]:
    """Return the numbers of a file with `name number` on each line, perhaps with a colon."""
    found = {}
    for line in path.read_text().splitlines():
        with suppress(ValueError):  # of other words, and of none
            name, number, *_ = line.split()
            found[name.rstrip(":")] = int(number)
    return found
