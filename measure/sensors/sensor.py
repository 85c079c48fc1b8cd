"""What every sensor answers: counters that only grow, and how things are at a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Moment:
    """How things are now. What a sensor does not know is left out."""

    slowed: frozenset[str] = frozenset()  # reasons why clocks are lower than they could be
    capped: frozenset[str] = frozenset()  # reasons that are how a device is used, such as its limit
    clocks: Mapping[str, float] = field(default_factory=dict)  # Hz, by device
    temperatures: Mapping[str, float] = field(default_factory=dict)  # degrees Celsius
    powers: Mapping[str, float] = field(default_factory=dict)  # watts


class Sensor(Protocol):
    """A source of readings.

    `missing` says why it is none here; the others are then not called. `update` is how many seconds
    may pass between two values of its energy counters. Where `is_watched`, `moment` has to be asked
    again and again, for it tells of nothing between; elsewhere counters tell all.
    """

    name: str
    missing: str | None
    update: float
    is_watched: bool

    def joules(self) -> dict[str, float]:
        """Return the energy used since some moment, by device."""

    def slowdowns(self) -> dict[str, float]:
        """Return how often, or how long, each thing has slowed the machine since some moment."""

    def moment(self) -> Moment:
        """Return how things are now."""
