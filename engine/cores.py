"""How many cores this process may keep busy: by its affinity, and by its container's quota."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
GROUPS = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Return how many threads can compute at once: never more than the quota pays for."""
    granted = quota()
    return cores() if granted is None else min(cores(), math.ceil(granted))


def cores() -> int:
    """Return how many cores this process may run on, each for a while."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def quota() -> float | None:
    """Return the cores' worth of time that a container is granted, such as 0.5.

    None where there is no limit, and outside Linux.
    """
    return min(_quotas(), default=None)


def _quotas() -> Iterator[float]:
    """Yield the limit of every control group that this process is in, version 1 or 2."""
    with suppress(OSError, ValueError):
        for line in (PROC / "self" / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                yield from _of_groups(GROUPS, path)
            elif "cpu" in controllers.split(","):
                yield from _of_groups(GROUPS / "cpu", path)


def _of_groups(root: Path, path: str) -> Iterator[float]:
    """Yield those of a group and those around it. In a container its path may be an outer one."""
    folder = root / path.strip("/")
    for group in [folder, *folder.parents]:
        with suppress(OSError, ValueError):  # `max` is no number: there is no limit
            granted, period = _granted(group)
            if granted > 0 and period > 0:  # -1 is no limit
                yield granted / period
        if group == root:
            return


def _granted(group: Path) -> tuple[int, int]:
    """Return microseconds of processor time, and of the period that they are for."""
    if (group / "cpu.max").exists():
        granted, period = (group / "cpu.max").read_text().split()
    else:
        granted, period = (
            (group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period")
        )
    return int(granted), int(period)
