"""Machines that are replayed: a clock, an NVML library and sysfs files that follow a trace.

A trace is watts, heat and slowdowns as functions of time. The counters are what hardware would
make of them: the GPU's energy is renewed every 100 ms, in millijoules; a package's each
millisecond, in microjoules, and begins anew at its range.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

Course = Callable[[float], float]  # of something, by the second


@dataclass
class Trace:
    """What happens to a machine."""

    gpu: Course = lambda second: 0.0  # watts, integrated: joules until then
    package: Course = lambda second: 0.0
    reasons: Callable[[float], int] = lambda second: 0x1  # NVML's bits: idle
    lost: Course = lambda second: 0.0  # seconds until then, to heat, by NVML's own count
    hot: Course = lambda second: 0.0  # events until then, of the processor
    stolen: Course = lambda second: 0.0  # seconds until then
    throttled: Course = lambda second: 0.0
    now: float = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeNvml:
    """As much of pynvml as a sensor asks for, of one GPU."""

    class NVMLError(Exception):
        pass

    NVML_CLOCK_SM = 1
    NVML_TEMPERATURE_GPU = 0
    NVML_PERF_POLICY_THERMAL = 1
    NVML_PERF_POLICY_BOARD_LIMIT = 3
    NVML_PERF_POLICY_RELIABILITY = 5
    RENEWED = 0.1

    def __init__(self, trace: Trace, has_energy: bool = True, why_not: str = "") -> None:
        self.trace, self.has_energy, self.why_not = trace, has_energy, why_not

    def nvmlInit(self) -> None:  # noqa: N802
        if self.why_not:
            raise self.NVMLError(self.why_not)

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:  # noqa: N802
        if not self.has_energy:
            raise self.NVMLError("Not Supported")
        renewed = math.floor(self.trace.now / self.RENEWED + 1e-9) * self.RENEWED
        return int(self.trace.gpu(renewed) * 1e3)

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: int) -> int:  # noqa: N802
        return self.trace.reasons(self.trace.now)

    def nvmlDeviceGetViolationStatus(self, handle: int, policy: int) -> SimpleNamespace:  # noqa: N802
        if policy != self.NVML_PERF_POLICY_THERMAL:
            raise self.NVMLError("Not Supported")
        return SimpleNamespace(violationTime=int(self.trace.lost(self.trace.now) * 1e9))

    def nvmlDeviceGetClockInfo(self, handle: int, kind: int) -> int:  # noqa: N802
        return 1410

    def nvmlDeviceGetTemperature(self, handle: int, kind: int) -> int:  # noqa: N802
        return 61

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:  # noqa: N802
        return 250_000


class FakeFiles:
    """Folders as Linux has them, written anew at every look."""

    RANGE = 262_143.0  # joules after which a package's counter begins anew: 2**18, as Intel's

    def __init__(self, folder: Path, trace: Trace) -> None:
        self.trace = trace
        self.written: dict[Path, str] = {}
        self.powercap = folder / "powercap"
        self.cpus, self.proc, self.groups = folder / "cpu", folder / "proc", folder / "cgroup"
        for number, name in enumerate(("package-0", "psys")):
            zone = self.powercap / f"intel-rapl:{number}"
            zone.mkdir(parents=True)
            (zone / "name").write_text(f"{name}\n")
            (zone / "max_energy_range_uj").write_text(f"{int(self.RANGE * 1e6)}\n")
        for number in range(2):
            (self.cpus / f"cpu{number}" / "thermal_throttle").mkdir(parents=True)
            (self.cpus / f"cpu{number}" / "cpufreq").mkdir()
            (self.cpus / f"cpu{number}" / "cpufreq" / "scaling_cur_freq").write_text("3100000\n")
        (self.proc / "self").mkdir(parents=True)
        (self.proc / "self" / "cgroup").write_text("0::/bench\n")
        (self.groups / "bench").mkdir(parents=True)
        self.write()

    def put(self, path: Path, text: str) -> None:
        if self.written.get(path) != text:
            path.write_text(text)
            self.written[path] = text

    def write(self) -> None:
        now = self.trace.now
        renewed = math.floor(now * 1000 + 1e-9) / 1000
        energy = int(self.trace.package(renewed) % self.RANGE * 1e6)
        for number in range(2):
            self.put(self.powercap / f"intel-rapl:{number}" / "energy_uj", f"{energy}\n")
            hot = self.cpus / f"cpu{number}" / "thermal_throttle" / "core_throttle_count"
            self.put(hot, f"{int(self.trace.hot(now))}\n")
        ticks = int(self.trace.stolen(now) * 100)
        self.put(self.proc / "stat", f"cpu  1 2 3 4 5 6 7 {ticks} 0 0\ncpu0 1\n")
        lost = int(self.trace.throttled(now) * 1e6)
        self.put(self.groups / "bench" / "cpu.stat", f"usage_usec 1\nthrottled_usec {lost}\n")
