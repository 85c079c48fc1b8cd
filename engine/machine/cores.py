"""How many cores this process may keep busy: by its affinity, and by its container's quota."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from ort_deepdream.engine.machine.control_groups import groups

PROC = Path("/proc")
GROUPS = Path("/sys/fs/cgroup")
TOPOLOGY = Path("/sys/devices/system/cpu")


def default_threads() -> int | None:
    """Return how many threads ONNX Runtime should start where nobody asks for a number.

    None leaves that to itself: one for each physical core of the machine. It knows of no quota, and
    of no affinity: what is granted to a container for each tenth of a second would be used up by
    all threads at once, and then all would wait.
    """
    every, usable, granted = range(os.cpu_count() or 1), _processors(), quota()
    if len(usable) >= len(every) and granted is None:
        return None  # most often, and no more need be read
    most = _physical(every)
    threads = min(_physical(usable), math.ceil(granted or most))
    return threads if threads < most else None


def shared_out(processes: int) -> int:
    """Return how many threads each of so many processes should start, at least one."""
    return max(usable_threads() // processes, 1)


def usable_threads() -> int:
    """Return how many threads can compute at once: one for each physical core."""
    most, granted = _physical(_processors()), quota()
    return most if granted is None else min(most, math.ceil(granted))


def usable_cores() -> int:
    """Return how many threads can compute at once: never more than the quota pays for."""
    granted = quota()
    return cores() if granted is None else min(cores(), math.ceil(granted))


def cores() -> int:
    """Return how many cores this process may run on, each for a while."""
    return len(_processors())


def _processors() -> Collection[int]:
    """Return the numbers of the logical processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return range(os.cpu_count() or 1)


def _physical(processors: Collection[int]) -> int:
    """Return how many cores these are of; each is one of its own where nothing is known."""
    found: set[object] = set()
    for number in processors:
        folder = TOPOLOGY / f"cpu{number}" / "topology"
        try:
            names = ("physical_package_id", "core_id")
            found.add(tuple((folder / name).read_text() for name in names))
        except OSError:
            found.add(number)
    return len(found)


def quota() -> float | None:
    """Return the cores' worth of time that a container is granted, such as 0.5.

    None where there is no limit, and outside Linux.
    """
    return min(_quotas(), default=None)


def _quotas() -> Iterator[float]:
    """Yield the limit of every control group that this process is in."""
    for _, group in groups(PROC, "cpu", version_1=GROUPS / "cpu", version_2=GROUPS):
        with suppress(OSError, ValueError):  # `max` is no number: there is no limit
            granted, period = _granted(group)
            if granted > 0 and period > 0:  # -1 is no limit
                yield granted / period


def _granted(group: Path) -> tuple[int, int]:
    """Return microseconds of processor time, and of the period that they are for."""
    if (group / "cpu.max").exists():
        granted, period = (group / "cpu.max").read_text().split()
    else:
        granted, period = (
            (group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")
        )
    return int(granted), int(period)
