"""The energy of a dream, from counters that are renewed now and then.

A dream may be over before a counter moves once. So dreams go on, one after another, until so many
renewals have passed that what is missed at both ends is small: the count begins and ends at a
renewal, and of what was used between two of them less than one in RENEWALS is not a dream's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ort_deepdream.measure.sensors.watch import Watch

RENEWALS = 100
LEAST = 1.0  # seconds, so that a scheduler's hiccup is a hundredth
PATIENCE = 20  # renewals that a counter may be late before it counts as standing still
POLLS = 50  # looks at a counter between two renewals


class NoEnergyError(Exception):
    """Why the energy could not be measured, in a few words."""


@dataclass(frozen=True)
class Used:
    """What so many dreams took together."""

    dreams: int
    seconds: float
    joules: dict[str, float]  # by device, of all that they did meanwhile


def window(watch: Watch) -> float:
    """Return the seconds that dreams have to go on for."""
    return max(LEAST, RENEWALS * watch.update)


def energy(
    dream: Callable[[], object],
    watch: Watch,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], object] = time.sleep,
) -> Used:
    """Dream until the counters tell, and return what was used.

    Raise NoEnergyError where there is no counter, or one stands still.
    """
    if not watch.has_energy:
        raise NoEnergyError("; ".join(f"{n}: {why}" for n, why in watch.missing.items()))
    before, began = _renewed(watch, clock, sleep)
    dreams, least = 0, window(watch)
    while clock() - began < least:
        dream()
        dreams += 1
    after, ended = _renewed(watch, clock, sleep)
    joules = {name: after[name] - value for name, value in before.items()}
    still = sorted(name for name, value in joules.items() if value <= 0)
    if still:
        raise NoEnergyError(f"the energy counter of {', '.join(still)} stood still")
    return Used(dreams, ended - began, joules)


def _renewed(
    watch: Watch, clock: Callable[[], float], sleep: Callable[[float], object]
) -> tuple[dict[str, float], float]:
    """Wait until the slowest counter moves; return the counters and the moment."""
    slow = max((one for one in watch.sensors if one.joules()), key=lambda one: one.update)
    first, since = slow.joules(), clock()
    while slow.joules() == first:
        if clock() - since > PATIENCE * slow.update:
            raise NoEnergyError(f"{slow.name}: its energy counter stands still")
        sleep(slow.update / POLLS)
    return watch.joules(), clock()
