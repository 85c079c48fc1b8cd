"""What explains the figures, measured after them: operators, the work of a step, the limits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ort_deepdream.measure.operators import Kind
from ort_deepdream.measure.process import ContenderError
from ort_deepdream.measure.result import Limit, Operator, Result, Size, Work
from ort_deepdream.measure.subject import OURS

if TYPE_CHECKING:
    from ort_deepdream.measure.bench import Bench

NO_CLOCK = "ONNX Runtime's profiler times launches there, not kernels"
RUNS = 3  # of a step under the profiler


class Extras:
    """Operators, work and limits of a bench; what was known before an interruption is kept."""

    def __init__(self, before: Result | None) -> None:
        self.operators = list(before.operators) if before else []
        self.limits = list(before.limits) if before else []
        self.work = list(before.work) if before else []

    def measure(self, bench: Bench) -> None:
        for name in list(bench.processes):
            if not self.is_over(bench):
                bench.tell(0.96, f"what {name} could do at best")
                self.measure_limit(bench, name)
        stepped = [cell for cell in bench.cells if cell.kind == "step"]
        for cell in stepped:
            if bench.jobs[cell.contender].library == OURS and not self.is_over(bench):
                bench.tell(0.98, f"operators of {cell.contender} at {cell.size}")
                self.profile(bench, cell.contender, cell.size)

    def is_over(self, bench: Bench) -> bool:
        over = time.perf_counter() - bench.started > bench.wanted.budget
        if over:
            bench.warn(["the budget ended before every limit and operator was measured"])
        return over

    def measure_limit(self, bench: Bench, name: str) -> None:
        if name in [limit.contender for limit in self.limits]:
            return
        try:
            found = bench.processes[name].ask("limits")
        except ContenderError as error:
            bench.warn([f"{name}: its limits were not measured: {error}"])
        else:
            self.limits.append(Limit(contender=name, **found))

    def profile(self, bench: Bench, name: str, size: Size) -> None:
        if any(o.contender == name and o.size == size for o in self.operators):
            return
        try:
            order = {"photo": str(bench.photo(size)), "runs": RUNS}
            kinds = [Kind(**kind) for kind in bench.processes[name].ask("profile", **order)]
        except (ContenderError, KeyError) as error:
            bench.warn([f"{name}: its operators were not timed at {size}: {error}"])
            return
        total = sum(kind.seconds for kind in kinds)
        if total == 0:
            bench.warn([f"{name}: its operators were not timed: {NO_CLOCK}"])
        for kind in kinds if total > 0 else ():
            share = kind.seconds / total
            self.operators.append(
                Operator(
                    contender=name, size=size, operator=kind.name, share=share, nodes=kind.kernels
                )
            )
        flop, moved = (float(sum(getattr(k, name) for k in kinds)) for name in ("flop", "moved"))
        if flop > 0 and size not in [work.size for work in self.work]:
            self.work.append(Work(size=size, flop=flop, bytes=moved or None))
