"""Energy of processors by RAPL, as Linux's powercap files have it.

    /sys/class/powercap/intel-rapl:0/{name,energy_uj,max_energy_range_uj}

A package's counter holds its cores; `dram` and `psys` stand for themselves. The counter begins anew
at its range, after some minutes of work. Since 2020 only root may read it.
"""

from __future__ import annotations

import re
from pathlib import Path

from ort_deepdream.measure.sensors.sensor import Moment

FOLDER = Path("/sys/class/powercap")
UPDATE = 0.001  # seconds: Intel's and AMD's counters change a thousand times a second
MICRO = 1e-6
# A package, or a part of one that its own counter does not hold. psys holds packages, too.
WHOLE = re.compile(r"package-\d+|dram")


class Powercap:
    """The energy counters of all packages, and of memory beside them."""

    name = "RAPL"
    update = UPDATE
    is_watched = False

    def __init__(self, folder: Path = FOLDER) -> None:
        self.missing: str | None = None
        self.zones: dict[str, Path] = {}
        self.ranges: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self.before: dict[str, float] = {}  # joules of the times that a counter began anew
        try:
            self._find(folder)
        except PermissionError as error:
            self.missing = f"{error.filename} may be read by root only"
        except (OSError, ValueError) as error:
            self.missing = f"its files cannot be read: {error}"
        if not self.zones and self.missing is None:
            self.missing = f"there are no energy counters in {folder}"

    def _find(self, folder: Path) -> None:
        for zone in sorted(folder.glob("*rapl:*")):
            kind = (zone / "name").read_text().strip()
            if WHOLE.fullmatch(kind):
                # Each package has a zone dram of its own.
                name = kind if kind not in self.zones else f"{kind} {zone.name}"
                self.last[name] = _read(zone / "energy_uj")
                self.ranges[name] = _read(zone / "max_energy_range_uj")
                self.before[name] = 0.0
                self.zones[name] = zone / "energy_uj"

    def joules(self) -> dict[str, float]:
        """Return the energy by package since some moment."""
        return {name: self._joules(name) for name in self.zones}

    def _joules(self, name: str) -> float:
        now = _read(self.zones[name])
        if now < self.last[name]:
            self.before[name] += self.ranges[name]
        self.last[name] = now
        return self.before[name] + now

    def slowdowns(self) -> dict[str, float]:
        """Return nothing: RAPL slows, and does not tell."""
        return {}

    def moment(self) -> Moment:
        """Return nothing: there are counters only."""
        return Moment()


def _read(path: Path) -> float:
    return int(path.read_text()) * MICRO
