"""What there is time for: how long measurements take, reckoned from steps that were timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from ort_deepdream.measure.plan import Plan, steps_in_dream
from ort_deepdream.measure.result import Measurement, Size
from ort_deepdream.measure.timing import PAUSE, steps_in_turn

RESERVED = 0.15  # of the budget: for the operators and limits after the rounds


class Budget:
    """The seconds of a plan, what is left of them, and what a measurement would take.

    `started` is on the clock of `time.perf_counter`. `seconds_to_start` has those of each
    contender's process, and may grow meanwhile.
    """

    def __init__(self, plan: Plan, started: float, seconds_to_start: Mapping[str, float]) -> None:
        self.plan = plan
        self.started = started
        self.seconds_to_start = seconds_to_start
        self.step_seconds: dict[tuple[str, Size], float] = {}  # of contenders, as they are timed

    @property
    def ends(self) -> float:
        """Return when all of it is spent, on the clock of `time.perf_counter`."""
        return self.started + self.plan.budget

    def left(self) -> float:
        """Return the seconds that are left for the rounds."""
        return self.plan.budget * (1 - RESERVED) - (time.perf_counter() - self.started)

    def cost(self, measurement: Measurement) -> float:
        """Return the estimated seconds of a sample."""
        step = self.step(measurement.contender, measurement.size)
        if measurement.kind == "step":
            return steps_in_turn(step) * step + PAUSE
        dream = step * steps_in_dream(measurement.size, self.plan.settings, self.plan.stride)
        start = self.seconds_to_start[measurement.contender]
        return dream + (start if measurement.kind == "cold" else PAUSE)

    def step(self, name: str, size: Size) -> float:
        """Return the seconds of a step, as measured or scaled from the next smaller size.

        0 before anything was measured.
        """
        known = {s: seconds for (n, s), seconds in self.step_seconds.items() if n == name}
        if size in known:
            return known[size]
        if not known:
            return 0.0
        nearest = max(known, key=lambda size: size.pixels)
        return known[nearest] * size.pixels / nearest.pixels

    def steps_in_turn(self, measurement: Measurement) -> int:
        """Return how many steps a sample of a contender's steps is of."""
        return steps_in_turn(self.step_seconds[measurement.contender, measurement.size])

    def too_long(self, cost: float) -> str:
        """Return why there is no time for what would cost so many seconds; 0: nobody knows."""
        if not cost:
            return f"not tried: the budget of {self.plan.budget:.0f} s is spent on the others"
        return (
            f"{self.plan.trials} trials would take {cost:.0f} s more, "
            f"beyond the budget of {self.plan.budget:.0f} s"
        )


def affordable(
    groups: Iterable[Sequence[Measurement]], cost: Callable[[Measurement], float], seconds: float
) -> list[Measurement]:
    """Return the measurements of the quickest groups, of as many whole ones as fit the seconds."""
    chosen: list[Measurement] = []
    for group in sorted(groups, key=lambda group: sum(map(cost, group))):
        seconds -= sum(map(cost, group))
        if seconds > 0:
            chosen += group
    return chosen
