"""What the sensors saw while something ran: energy, clocks, and whether anything slowed it.

    watch = Watch(sensors())
    with watch.during() as seen:
        dream()
    seen.slowed, seen.joules

Counters are read before and after. What tells of the moment only is asked again and again by a
thread of this process, which waits for the contender's: some calls of 0.1 ms twenty times a second.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ort_deepdream.measure.sensors.nvml import Nvml
from ort_deepdream.measure.sensors.powercap import Powercap
from ort_deepdream.measure.sensors.processor import HOT, QUOTA, STOLEN, Processor
from ort_deepdream.measure.sensors.sensor import Moment, Sensor

EVERY = 0.05  # seconds between two looks at what has to be watched

# A share of the time, of one core where it is of cores, from which on something was slowed by it.
# Below that it cannot be told from the counters' own steps, and is less than the figures' noise.
LEAST_SHARE = 0.02
LEAST_SECONDS = {STOLEN: 0.03, QUOTA: 0.002}  # steps of the counters: ticks of 10 ms, slices


def sensors() -> list[Sensor]:
    """Return every sensor that there could be; those that are not here say why."""
    return [Nvml(), Powercap(), Processor()]


@dataclass
class Seen:
    """What was seen from one moment to another."""

    seconds: float = 0.0
    joules: dict[str, float] = field(default_factory=dict)  # by device
    slowed: list[str] = field(default_factory=list)  # in words, each once
    capped: list[str] = field(default_factory=list)
    clocks: dict[str, float] = field(default_factory=dict)  # mean, Hz
    temperatures: dict[str, float] = field(default_factory=dict)  # highest
    powers: dict[str, float] = field(default_factory=dict)  # mean, watts


def as_fields(seen: Seen) -> dict[str, Any]:
    """Return what a sample of the result file keeps of it."""
    return {
        "slowed": tuple(seen.slowed),
        "capped": tuple(seen.capped),
        "clocks": seen.clocks,
        "temperatures": seen.temperatures,
        "powers": seen.powers,
    }


class Watch:
    """The sensors that are here, read around what is measured."""

    def __init__(
        self,
        found: Sequence[Sensor],
        clock: Callable[[], float] = time.perf_counter,
        cores: int | None = None,
    ) -> None:
        self.sensors = [sensor for sensor in found if sensor.missing is None]
        self.missing = {one.name: one.missing for one in found if one.missing is not None}
        self.clock = clock
        self.cores = cores or os.cpu_count() or 1
        self.moments: list[Moment] = []

    def told(self) -> dict[str, str | None]:
        """Return why each sensor has nothing to tell; None for those that have."""
        return {**{sensor.name: None for sensor in self.sensors}, **self.missing}

    @property
    def has_energy(self) -> bool:
        """Whether any sensor has an energy counter."""
        return bool(self.joules())

    @property
    def update(self) -> float:
        """The seconds that may pass between two values of the slowest energy counter."""
        return max((sensor.update for sensor in self.sensors if sensor.joules()), default=0.0)

    def joules(self) -> dict[str, float]:
        """Return the energy counters of all devices."""
        return {name: value for sensor in self.sensors for name, value in sensor.joules().items()}

    def look(self) -> None:
        """Note how things are at this moment."""
        self.moments += [sensor.moment() for sensor in self.sensors]

    @contextmanager
    def during(self) -> Iterator[Seen]:
        """Give what is seen until the end of the body, which is filled in then."""
        seen, self.moments = Seen(), []
        joules, lost, began = self.joules(), self._lost(), self.clock()
        with self._watching():
            yield seen
        seen.seconds = self.clock() - began
        seen.joules = _grown(joules, self.joules())
        self.look()
        grown = _grown(lost, self._lost())
        words = [word for word, value in grown.items() if self._has_slowed(word, value, seen)]
        _add_up(seen, self.moments)
        seen.slowed = list(dict.fromkeys([*words, *seen.slowed]))

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Look again and again in a thread, where any sensor has to be watched."""
        if not any(sensor.is_watched for sensor in self.sensors):
            yield
            return
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(EVERY):
                self.look()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _lost(self) -> dict[str, float]:
        return {
            word: value for sensor in self.sensors for word, value in sensor.slowdowns().items()
        }

    def _has_slowed(self, word: str, value: float, seen: Seen) -> bool:
        """Tell whether a counter grew enough to matter; that of heat counts events."""
        if word == HOT:
            return value > 0
        whole = seen.seconds * (self.cores if word == STOLEN else 1)
        return value > max(LEAST_SHARE * whole, LEAST_SECONDS.get(word, 0.0))


def _grown(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    return {name: after[name] - value for name, value in before.items() if name in after}


def _add_up(seen: Seen, moments: Sequence[Moment]) -> None:
    """Fill in what moments tell together: means, the highest temperature, every reason."""
    for name, highest in (("clocks", False), ("temperatures", True), ("powers", False)):
        found: dict[str, list[float]] = {}
        for moment in moments:
            for device, value in getattr(moment, name).items():
                found.setdefault(device, []).append(value)
        together = max if highest else _mean
        setattr(seen, name, {device: together(values) for device, values in found.items()})
    seen.slowed = sorted(set().union(*(moment.slowed for moment in moments)))
    seen.capped = sorted(set().union(*(moment.capped for moment in moments)))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
