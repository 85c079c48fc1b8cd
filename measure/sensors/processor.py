"""Clocks and heat of the processor, and what a hypervisor or a container's quota took from it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ort_deepdream.measure.sensors.sensor import Moment

CPUS = Path("/sys/devices/system/cpu")
PROC = Path("/proc")
GROUPS = Path("/sys/fs/cgroup")

HOT = "the processor was too hot"
STOLEN = "the hypervisor gave the processor to others"
QUOTA = "the quota of the container was used up"
KILO = 1e3

STEAL = 8  # the field of /proc/stat's first line, behind its name
TICKS = 100.0  # a second, where the system does not say


class Processor:
    """Linux's own files: cpufreq, thermal_throttle, /proc/stat and the control group."""

    name = "processor"
    update = 0.0
    is_watched = False

    def __init__(
        self,
        cpus: Path = CPUS,
        proc: Path = PROC,
        groups: Path = GROUPS,
    ) -> None:
        self.cpus, self.proc, self.groups = cpus, proc, groups
        self.missing = None if self.slowdowns() else f"there is neither {proc}/stat nor its like"

    def joules(self) -> dict[str, float]:
        """Return nothing: these are no energy counters."""
        return {}

    def slowdowns(self) -> dict[str, float]:
        """Return the times it was too hot, and the seconds that were stolen or above the quota."""
        found: dict[str, float] = {}
        hot = [_count(path) for path in self._hot()]
        if hot:
            found[HOT] = float(sum(hot))
        with suppress(OSError, ValueError, IndexError):
            fields = (self.proc / "stat").read_text().splitlines()[0].split()
            found[STOLEN] = int(fields[STEAL]) / _ticks()
        with suppress(OSError, ValueError, KeyError):
            found[QUOTA] = int(self._group()["throttled_usec"]) * 1e-6
        return found

    def _hot(self) -> list[Path]:
        return sorted(self.cpus.glob("cpu[0-9]*/thermal_throttle/*_throttle_count"))

    def _group(self) -> dict[str, str]:
        """Return cpu.stat of this process's group: version 2's one line, `0::/its/path`."""
        lines = (self.proc / "self" / "cgroup").read_text().splitlines()
        path = next((line.split(":", 2)[2] for line in lines if line.startswith("0::")), "")
        own = self.groups / path.strip("/") / "cpu.stat"
        text = (own if own.exists() else self.groups / "cpu.stat").read_text()
        return dict(line.split(None, 1) for line in text.splitlines())

    def moment(self) -> Moment:
        """Return the mean clock of the cores."""
        paths = sorted(self.cpus.glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))
        clocks = [_count(path) * KILO for path in paths]
        return Moment(clocks={"processor": sum(clocks) / len(clocks)} if clocks else {})


def _count(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # of a core that was switched off meanwhile
        return 0


def _ticks() -> float:
    return float(os.sysconf("SC_CLK_TCK")) if hasattr(os, "sysconf") else TICKS
