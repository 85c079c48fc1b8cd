"""NVIDIA's GPUs by NVML, through the package nvidia-ml-py (the extra `sensors`).

The energy counter is exact over long times and is renewed about each 100 ms; `power` is a mean of
a part of the time only on newer GPUs (arXiv 2312.02741), and is shown, never summed up.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ort_deepdream.measure.sensors.sensor import Moment

MODULE = "pynvml"  # as the package nvidia-ml-py calls it
DRIVERS_OWN = "nvidia-smi"  # which comes with a driver
NO_DRIVER = "there is no NVIDIA driver"
NO_PACKAGE = "there is no pynvml; pip install 'ort-deepdream[sensors]'"
UPDATE = 0.1  # seconds
MILLI, NANO, MEGA = 1e-3, 1e-9, 1e6

# NVML's bits, as nvml.h has them: why the clocks are what they are.
SLOWED = {
    0x08: "the GPU's hardware slowed its clocks",
    0x10: "the GPU's clocks were those of a slower one beside it",
    0x20: "the GPU was too hot, by its driver",
    0x40: "the GPU was too hot, by its hardware",
    0x80: "the GPU's power supply held it back",
}
CAPPED = {0x04: "the GPU was at its power limit", 0x02: "the GPU's clocks were set by hand"}
# Counters of the time that was lost, of which nothing is missed between two looks.
LOST = {
    "NVML_PERF_POLICY_THERMAL": "the GPU was too hot",
    "NVML_PERF_POLICY_RELIABILITY": "the GPU was held back for its reliability",
    "NVML_PERF_POLICY_BOARD_LIMIT": "the GPU's board held it back",
}


class Nvml:
    """All GPUs of the machine. `library` is pynvml, or what answers like it."""

    name = "NVML"
    update = UPDATE
    is_watched = True

    def __init__(self, library: Any = None) -> None:
        self.missing: str | None = None
        self.handles: dict[str, Any] = {}
        try:
            self.nvml = library or importlib.import_module(MODULE)
        except ImportError:
            self.missing = NO_PACKAGE if shutil.which(DRIVERS_OWN) else NO_DRIVER
            return
        try:
            self.nvml.nvmlInit()
            for index in range(self.nvml.nvmlDeviceGetCount()):
                self.handles[f"GPU {index}"] = self.nvml.nvmlDeviceGetHandleByIndex(index)
        except self.nvml.NVMLError as error:
            self.missing = f"the driver does not answer: {error}"
        if not self.handles and self.missing is None:
            self.missing = "there is no NVIDIA GPU"

    def joules(self) -> dict[str, float]:
        """Return the energy by GPU since its driver was loaded; before Volta they have none."""
        return {
            name: value * MILLI for name, value in self._each("nvmlDeviceGetTotalEnergyConsumption")
        }

    def slowdowns(self) -> dict[str, float]:
        """Return the seconds that each policy took from a GPU, all of them together."""
        found: dict[str, float] = {}
        for policy, words in LOST.items():
            number = getattr(self.nvml, policy)
            for _, status in self._each("nvmlDeviceGetViolationStatus", number):
                found[words] = found.get(words, 0.0) + status.violationTime * NANO
        return found

    def moment(self) -> Moment:
        """Return what the clocks are, and why."""
        reasons = 0
        for _, bits in self._each(self._reasons()):
            reasons |= bits
        clocks = self._each("nvmlDeviceGetClockInfo", self.nvml.NVML_CLOCK_SM)
        sensor = self.nvml.NVML_TEMPERATURE_GPU
        return Moment(
            slowed=frozenset(words for bit, words in SLOWED.items() if reasons & bit),
            capped=frozenset(words for bit, words in CAPPED.items() if reasons & bit),
            clocks={name: value * MEGA for name, value in clocks},
            temperatures=dict(self._each("nvmlDeviceGetTemperature", sensor)),
            powers={name: value * MILLI for name, value in self._each("nvmlDeviceGetPowerUsage")},
        )

    def _reasons(self) -> str:
        """Return what drivers from 2023 on, or those before, call the function."""
        new = "nvmlDeviceGetCurrentClocksEventReasons"
        return new if hasattr(self.nvml, new) else "nvmlDeviceGetCurrentClocksThrottleReasons"

    def _each(self, function: str, *arguments: object) -> Iterator[tuple[str, Any]]:
        """Yield each GPU's answer; one that does not know it is left out."""
        ask = getattr(self.nvml, function)
        for name, handle in self.handles.items():
            with suppress(self.nvml.NVMLError):
                yield name, ask(handle, *arguments)
