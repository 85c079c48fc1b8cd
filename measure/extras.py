"""What explains the figures, measured after them: operators, the work of a step, the limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from ort_deepdream.measure.contenders.process import ContenderError
from ort_deepdream.measure.libraries import OURS, WEB
from ort_deepdream.measure.operators import Kind, uncounted
from ort_deepdream.measure.result import Limit, Measurement, Operator, Result, Size, Work
from ort_deepdream.measure.running import Contenders

OnProgress = Callable[[float, str], None]  # fraction, and what is being done

NO_CLOCK = "ONNX Runtime's profiler times launches there, not kernels"
RUNS = 3  # of a step under the profiler


class Extras:
    """Operators, work and limits of a bench; what was known before an interruption is kept."""

    def __init__(self, before: Result | None) -> None:
        self.operators = list(before.operators) if before else []
        self.limits = list(before.limits) if before else []
        self.work = list(before.work) if before else []

    def measure(
        self,
        contenders: Contenders,
        measurements: Iterable[Measurement],
        ends: float,
        on_progress: OnProgress,
    ) -> None:
        """Measure what there is time for until `ends`, on the clock of `time.perf_counter`."""
        self.contenders, self.ends = contenders, ends
        for name in list(contenders.processes) if contenders.plan.limits else ():
            if not self.is_over():
                on_progress(0.96, f"what {name} could do at best")
                self.measure_limit(name)
        for measurement in measurements:
            ours = contenders.specs[measurement.contender].library == OURS
            if measurement.kind == "step" and ours and not self.is_over():
                on_progress(0.98, f"operators of {measurement.contender} at {measurement.size}")
                self.profile(measurement.contender, measurement.size)

    def is_over(self) -> bool:
        """Return whether the budget has ended, which the result says then."""
        over = time.perf_counter() > self.ends
        if over:
            self.contenders.warn("the budget ended before every limit and operator was measured")
        return over

    def measure_limit(self, name: str) -> None:
        """Measure what the device of a contender reaches at best."""
        browser = self.contenders.specs[name].library == WEB  # which shows nothing of it
        if browser or name in [limit.contender for limit in self.limits]:
            return
        try:
            found = self.contenders.processes[name].ask("limits")
        except ContenderError as error:
            self.contenders.warn(f"{name}: its limits were not measured: {error}")
        else:
            self.limits.append(Limit(contender=name, **found))

    def profile(self, name: str, size: Size) -> None:
        """Time the operators of a contender's step, and count its work."""
        if any(o.contender == name and o.size == size for o in self.operators):
            return
        try:
            order = {"photo": str(self.contenders.photo(size)), "runs": RUNS}
            kinds = [
                Kind(**kind) for kind in self.contenders.processes[name].ask("profile", **order)
            ]
        except (ContenderError, KeyError) as error:
            self.contenders.warn(f"{name}: its operators were not timed at {size}: {error}")
            return
        total = sum(kind.seconds for kind in kinds)
        if total == 0:
            self.contenders.warn(f"{name}: its operators were not timed: {NO_CLOCK}")
        for kind in kinds if total > 0 else ():
            share = kind.seconds / total
            self.operators.append(
                Operator(
                    contender=name, size=size, operator=kind.name, share=share, nodes=kind.kernels
                )
            )
        flop, moved = (float(sum(getattr(k, name) for k in kinds)) for name in ("flop", "moved"))
        if flop > 0 and not uncounted(kinds) and size not in [work.size for work in self.work]:
            self.work.append(Work(size=size, flop=flop, bytes=moved or None))
