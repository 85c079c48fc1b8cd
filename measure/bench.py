"""`dream bench`: contenders take turns, round by round, until the figures settle or time is up.

After every round the result file is written anew, so an interruption costs one round at most.
"""

from __future__ import annotations

import itertools
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from ort_deepdream.errors import DreamError
from ort_deepdream.measure.checks import Checker
from ort_deepdream.measure.cold import measure_cold
from ort_deepdream.measure.contenders import Contenders
from ort_deepdream.measure.extras import Extras, OnProgress
from ort_deepdream.measure.machine import BUSY_CORES, device_memory, disturbances, this_machine
from ort_deepdream.measure.plan import Cell, Plan, pixels, steps_in_dream
from ort_deepdream.measure.process import ContenderError, measure_step, measure_warm
from ort_deepdream.measure.result import (
    Result,
    Sample,
    Series,
    Settings,
    Size,
    Skipped,
    keep_unknown,
    write_result,
)
from ort_deepdream.measure.statistics import why_unstable
from ort_deepdream.measure.timing import PAUSE, steps_in_turn

RESERVED = 0.15  # of the budget: for the operators and limits after the rounds


class Bench:
    """One run of `dream bench`, or the rest of one that was interrupted."""

    def __init__(self, plan: Plan, output: Path, before: Result | None = None) -> None:
        self.plan = plan
        self.output = output
        self.started = time.perf_counter()
        self.before = before
        self.created = before.created if before else datetime.now(UTC).isoformat(timespec="seconds")
        self.machine = before.machine if before else this_machine()
        self.step_seconds: dict[tuple[str, Size], float] = {}
        self.samples: dict[Cell, list[Sample]] = defaultdict(list)
        self.skipped: dict[Cell, str] = {}
        self.cells: list[Cell] = []
        self.cached: set[str] = set()  # those whose one-off dreams find their graph kept
        self.checker = Checker(before)
        self.extras = Extras(before)
        self.complete = False
        self.saved = False  # whether the result file is there
        for series in before.series if before else ():
            cell = Cell(series.contender, series.size, series.kind)
            self.samples[cell] = list(series.samples)

    # --- from beginning to end --------------------------------------------------------------

    def run(self, on_progress: OnProgress = lambda fraction, what: None) -> Result:
        """Measure everything and write the result; `on_progress` hears what is being done.

        Raise DreamError when nothing could be measured.
        """
        self.on_progress, self.furthest = on_progress, 0.0
        with tempfile.TemporaryDirectory() as folder:
            self.folder = Path(folder)
            measured = {cell.contender for cell, samples in self.samples.items() if samples}
            said = self.before.warnings if self.before else ()
            self.contenders = Contenders(self.plan, self.folder, measured, said)
            try:
                self.prepare()
                self.warm_up()
                self.measure()
                self.explain()
                self.complete = True
            except KeyboardInterrupt:
                if any(self.samples.values()):
                    self.save()
                raise
            finally:
                self.contenders.close()
        return self.save()

    def progress(self, fraction: float, what: str) -> None:
        """Say how far it is: an estimate may grow, but the bar does not go back."""
        self.furthest = max(self.furthest, fraction)
        self.on_progress(self.furthest, what)

    def prepare(self) -> None:
        """Start the contenders, and let them show that they compute the same."""
        contenders = self.contenders
        self.progress(0.0, "looking who else is at work here")
        contenders.warn(*disturbances())
        for name in contenders.specs:
            self.progress(0.01, f"starting {name}")
            contenders.start(name)
        if not contenders.processes:
            reasons = "; ".join(f"{c.name}: {c.missing}" for c in contenders.records.values())
            raise DreamError(f"nothing can be measured: {reasons}")
        self.progress(0.02, "comparing gradients and dreams")
        self.checker.check(contenders)

    def explain(self) -> None:
        """Measure what explains the figures."""
        ends = self.started + self.plan.budget
        self.extras.measure(self.contenders, self.cells, ends, self.progress)

    # --- what there is time for -------------------------------------------------------------

    def warm_up(self) -> None:
        """Time one step of each contender at each size, and choose what fits into the budget."""
        total = 0.0
        for size in self.plan.sizes:
            for name in list(self.contenders.processes):
                self.progress(0.03, f"warming up {name} at {size}")
                for kind in self.contenders.kinds[name]:
                    cell = Cell(name, size, kind)
                    cost = self.plan.trials * self.cost(cell) + self.warming(cell)
                    # Whatever the budget, the quickest of all is measured.
                    affordable = total + cost < self.left() or cell in self.quickest()
                    if not affordable:
                        self.skipped[cell] = self.too_long(cost)
                    elif self.has_warmed_up(cell):
                        total += self.plan.trials * self.cost(cell) + self.warming(cell)
                        self.cells.append(cell)
        for contender in self.contenders.records.values():
            if contender.missing is not None:
                kinds = self.contenders.kinds[contender.name]
                for size, kind in itertools.product(self.plan.sizes, kinds):
                    self.skipped[Cell(contender.name, size, kind)] = contender.missing
        if not self.cells:
            raise DreamError(f"nothing could be measured: {next(iter(self.skipped.values()))}")

    def quickest(self) -> set[Cell]:
        """Return what is measured whatever the budget: a step at the smallest size."""
        return {Cell(name, self.plan.sizes[0], "step") for name in self.contenders.processes}

    def has_warmed_up(self, cell: Cell) -> bool:
        """Return whether a contender can step at a cell's size; the first cell there tries it."""
        key = cell.contender, cell.size
        if key in self.step_seconds:
            return True
        try:
            order = {"photo": str(self.contenders.photo(cell.size))}
            self.step_seconds[key] = self.contenders.processes[cell.contender].ask("warm", **order)
        except ContenderError as error:
            self.skipped[cell] = str(error)
            return False
        return True

    def cost(self, cell: Cell) -> float:
        """Return the estimated seconds of a sample."""
        step = self.step_estimate(cell.contender, cell.size)
        if cell.kind == "step":
            return steps_in_turn(step) * step + PAUSE
        dream = step * steps_in_dream(cell.size, self.plan.settings, self.plan.stride)
        start = self.contenders.seconds_to_start[cell.contender]
        return dream + (start if cell.kind == "cold" else PAUSE)

    def step_estimate(self, name: str, size: Size) -> float:
        """Return the seconds of a step, as measured or scaled from the next smaller size.

        0 before anything was measured.
        """
        known = {s: seconds for (n, s), seconds in self.step_seconds.items() if n == name}
        if size in known:
            return known[size]
        if not known:
            return 0.0
        nearest = max(known, key=pixels)
        return known[nearest] * pixels(size) / pixels(nearest)

    def warming(self, cell: Cell) -> float:
        """Return the seconds before the first sample that counts."""
        return self.cost(cell) if self.needs_first(cell) else 0.0

    def needs_first(self, cell: Cell) -> bool:
        """Return whether a dream must go before those that count.

        A further dream is one in a process that has done one, and a one-off dream finds its graph
        in the cache folder, as every one of a user's dreams but the first does.
        """
        if cell.kind == "warm":
            return (cell.contender, cell.size) not in self.contenders.dreamt
        return cell.kind == "cold" and cell.contender not in self.cached

    def left(self) -> float:
        """Return the seconds of the budget that are left for the rounds."""
        return self.plan.budget * (1 - RESERVED) - (time.perf_counter() - self.started)

    def too_long(self, cost: float) -> str:
        """Return why there is no time for what would cost so many seconds."""
        return (
            f"{self.plan.trials} trials would take {cost:.0f} s more, "
            f"beyond the budget of {self.plan.budget:.0f} s"
        )

    # --- the rounds -------------------------------------------------------------------------

    def measure(self) -> None:
        """Take rounds until every measurement is stable or the budget ends."""
        for cell in list(self.cells):
            if self.needs_first(cell) and len(self.samples[cell]) < self.plan.trials:
                self.progress(self.fraction(0), f"{cell.contender}: a first dream at {cell.size}")
                if self.attempt(cell) is not None and cell.kind == "cold":  # it does not count
                    self.cached.add(cell.contender)
        for number in itertools.count(max((len(s) for s in self.samples.values()), default=0)):
            todo = [cell for cell in self.cells if len(self.samples[cell]) < self.plan.trials]
            todo = todo or self.unsettled()
            if not todo or (self.left() < 0 and any(self.samples.values())):
                break
            self.round(number, todo)
            self.save()

    def round(self, number: int, cells: list[Cell]) -> None:
        """Take each cell once. Samples count when the round is whole, so that rounds stay pairs."""
        taken: dict[Cell, Sample] = {}
        order = random.Random(number).sample(cells, len(cells))
        for done, cell in enumerate(order):
            what = f"round {number + 1}: {cell.contender}, {cell.size}, {cell.kind}"
            self.progress(self.fraction(sum(map(self.cost, order[:done]))), what)
            sample = self.attempt(cell)
            if sample is not None:
                taken[cell] = sample
        for cell, sample in taken.items():
            self.samples[cell].append(sample)

    def attempt(self, cell: Cell) -> Sample | None:
        """Return a sample; a cell that fails is skipped from then on, with the reason."""
        time.sleep(PAUSE)
        try:
            return self.sample(cell)
        except ContenderError as error:
            self.skipped[cell] = str(error)
            self.cells = [other for other in self.cells if other != cell]
            return None

    def sample(self, cell: Cell) -> Sample:
        """Return a sample of a cell. Raise ContenderError when it fails."""
        photo, output = self.contenders.photo(cell.size), self.folder / "dream.png"
        if cell.kind == "cold":
            spec = self.contenders.specs[cell.contender]
            return measure_cold(spec, photo, output, self.folder / "cache")
        process = self.contenders.processes[cell.contender]
        if cell.kind == "warm":
            found = measure_warm(process, photo, output)
        else:
            steps = steps_in_turn(self.step_seconds[cell.contender, cell.size])
            found = measure_step(process, photo, steps)
        if self.machine.gpu is None or self.contenders.records[cell.contender].backend == "cpu":
            return found
        return found.model_copy(update={"device_memory": device_memory(process.child.pid)})

    def unsettled(self) -> list[Cell]:
        """Return all cells of the sizes and kinds at which some contender is not stable yet.

        Contenders are compared round by round, so they get their rounds together.
        """
        groups = {
            (cell.size, cell.kind)
            for cell in self.cells
            if len(self.samples[cell]) < self.plan.most_trials
            and why_unstable([sample.seconds for sample in self.samples[cell]])
        }
        chosen = [cell for cell in self.cells if (cell.size, cell.kind) in groups]
        return chosen if sum(map(self.cost, chosen)) < self.left() else []

    def fraction(self, in_round: float) -> float:
        """Return how much of the planned work is done, by estimated time."""
        whole = {cell: self.plan.trials * self.cost(cell) for cell in self.cells}
        done = sum(
            min(1.0, len(self.samples[cell]) / self.plan.trials) * cost
            for cell, cost in whole.items()
        )
        total = sum(whole.values()) * (1 + RESERVED)
        return min(0.95, 0.05 + 0.9 * (done + in_round) / total)

    # --- what was found ---------------------------------------------------------------------

    def save(self) -> Result:
        """Write what was found so far, and return it."""
        found = self.result()
        if self.before is not None:
            found = keep_unknown(found, self.before)
        write_result(self.output, found)
        self.saved = True
        return found

    def result(self) -> Result:
        """Return what was found so far."""
        plan = self.plan
        measured = {cell: samples for cell, samples in self.samples.items() if samples}
        return Result(
            created=self.created,
            command=plan.command,
            complete=self.complete,
            machine=self.machine,
            model=plan.model,
            photo=plan.photo_record,
            settings=Settings(**asdict(plan.settings)),
            contenders=tuple(self.contenders.records.values()),
            series=tuple(self.series(cell, samples) for cell, samples in measured.items()),
            skipped=tuple(
                Skipped(contender=cell.contender, size=cell.size, kind=cell.kind, reason=reason)
                for cell, reason in self.skipped.items()
                if cell not in measured
            ),
            checks=tuple(self.checker.checks),
            operators=tuple(self.extras.operators),
            limits=tuple(self.extras.limits),
            work=tuple(self.extras.work),
            images=tuple(self.checker.images),
            warnings=(*self.contenders.warnings, *busy_neighbours(measured.values())),
        )

    def series(self, cell: Cell, samples: list[Sample]) -> Series:
        """Return the record of a cell's samples."""
        notes = [why_unstable([sample.seconds for sample in samples])]
        stable = notes[0] is None
        if len(samples) < self.plan.trials:
            notes.append(f"{len(samples)} of {self.plan.trials} trials: {self.why_fewer(cell)}")
        note = "; ".join(note for note in notes if note) or None
        return Series(
            contender=cell.contender,
            size=cell.size,
            kind=cell.kind,
            samples=tuple(samples),
            stable=stable,
            note=note,
        )

    def why_fewer(self, cell: Cell) -> str:
        """Return why a cell has fewer samples than were asked for."""
        if cell in self.skipped:
            return self.skipped[cell]
        return "the budget ended" if self.complete else "interrupted"


def busy_neighbours(measured: Iterable[list[Sample]]) -> list[str]:
    """Return the warning that other processes kept the machine busy, if they did."""
    loads = sorted(s.load for samples in measured for s in samples if s.load is not None)
    middle = loads[len(loads) // 2] if loads else 0.0
    if middle <= BUSY_CORES:
        return []
    return [f"other processes kept {middle:.1f} cores busy while it measured (median)"]
