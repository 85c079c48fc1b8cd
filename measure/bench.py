"""`dream bench`: contenders take turns, round by round, until the figures settle or time is up.

After every round the result file is written anew, so an interruption costs one round at most.
"""

from __future__ import annotations

import itertools
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from ort_deepdream.errors import DreamError
from ort_deepdream.measure.checks import Checker
from ort_deepdream.measure.extras import Extras
from ort_deepdream.measure.machine import BUSY_CORES, device_memory, disturbances, this_machine
from ort_deepdream.measure.pictures import resize_photo
from ort_deepdream.measure.plan import Cell, Wanted, pixels, steps_in_dream
from ort_deepdream.measure.process import (
    ContenderError,
    Process,
    measure_cold,
    measure_step,
    measure_warm,
)
from ort_deepdream.measure.result import (
    Result,
    Sample,
    Series,
    Settings,
    Size,
    Skipped,
    write_result,
)
from ort_deepdream.measure.statistics import why_unstable
from ort_deepdream.measure.timing import PAUSE, steps_in_turn

OnProgress = Callable[[float, str], None]  # fraction, and what is being done

RESERVED = 0.15  # of the budget: for the operators and limits after the rounds


class Bench:
    """One run of `dream bench`, or the rest of one that was interrupted."""

    def __init__(self, wanted: Wanted, output: Path, before: Result | None = None) -> None:
        self.wanted = wanted
        self.output = output
        self.started = time.perf_counter()
        self.created = before.created if before else datetime.now(UTC).isoformat(timespec="seconds")
        self.machine = before.machine if before else this_machine()
        self.contenders = {c.name: c.contender for c in wanted.candidates}
        self.kinds = {c.name: c.kinds for c in wanted.candidates}
        self.jobs = {c.name: c.job for c in wanted.candidates if c.job is not None}
        self.processes: dict[str, Process] = {}
        self.dreamt: set[tuple[str, Size]] = set()  # whole dreams that a process has behind it
        self.opening: dict[str, float] = {}  # seconds to start a process
        self.step_seconds: dict[tuple[str, Size], float] = {}
        self.samples: dict[Cell, list[Sample]] = defaultdict(list)
        self.skipped: dict[Cell, str] = {}
        self.cells: list[Cell] = []
        self.warnings = list(before.warnings) if before else []
        self.checker = Checker(before)
        self.extras = Extras(before)
        self.complete = False
        self.saved = False  # whether the result file is there
        for series in before.series if before else ():
            cell = Cell(series.contender, series.size, series.kind)
            self.samples[cell] = list(series.samples)

    # --- from beginning to end --------------------------------------------------------------

    def run(self, tell: OnProgress = lambda fraction, what: None) -> Result:
        """`tell` hears what is being done. Raises DreamError when nothing could be measured."""
        self.on_progress, self.furthest = tell, 0.0
        with tempfile.TemporaryDirectory() as folder:
            self.folder = Path(folder)
            try:
                self.prepare()
                self.warm_up()
                self.measure()
                self.extras.measure(self)
                self.complete = True
            except KeyboardInterrupt:
                if any(self.samples.values()):
                    self.save()
                raise
            finally:
                for process in self.processes.values():
                    process.close()
        return self.save()

    def tell(self, fraction: float, what: str) -> None:
        """An estimate may grow, but the bar does not go back."""
        self.furthest = max(self.furthest, fraction)
        self.on_progress(self.furthest, what)

    def prepare(self) -> None:
        """Start the contenders, and let them show that they compute the same."""
        self.tell(0.0, "looking who else is at work here")
        self.warn(disturbances())
        for name in self.jobs:
            self.tell(0.01, f"starting {name}")
            self.open(name)
        if not self.processes:
            reasons = "; ".join(f"{c.name}: {c.missing}" for c in self.contenders.values())
            raise DreamError(f"nothing can be measured: {reasons}")
        self.tell(0.02, "comparing gradients and dreams")
        self.checker.check(self)

    def open(self, name: str) -> None:
        """Start the process of a contender; one that cannot is missing from here on."""
        job = self.jobs[name]
        began = time.perf_counter()
        try:
            process = Process(job)
            self.opening[name] = time.perf_counter() - began
            self.processes[name] = process
            about = process.ask("about", photo=str(self.photo(self.wanted.sizes[0])))
        except ContenderError as error:
            self.lose(name, str(error))
        else:
            self.contenders[name] = self.contenders[name].model_copy(update=about)

    def lose(self, name: str, reason: str) -> None:
        """Give a contender up before anything was timed."""
        if any(samples for cell, samples in self.samples.items() if cell.contender == name):
            raise DreamError(
                f"{name} was measured before the interruption, and cannot be now: {reason}; "
                f"leave out --resume to measure anew"
            )
        self.contenders[name] = self.contenders[name].model_copy(update={"missing": reason})
        if name in self.processes:
            self.processes.pop(name).close()

    def photo(self, size: Size) -> Path:
        """The photo at a size, as a file."""
        path = self.folder / f"{size}.png"
        return path if path.exists() else resize_photo(self.wanted.photo, size, self.folder)

    def warn(self, sentences: Iterable[str]) -> None:
        self.warnings += [text for text in sentences if text not in self.warnings]

    # --- what there is time for -------------------------------------------------------------

    def warm_up(self) -> None:
        """Time one step of each contender at each size, and choose what fits into the budget."""
        total = 0.0
        for size in self.wanted.sizes:
            for name in list(self.processes):
                self.tell(0.03, f"warming up {name} at {size}")
                for kind in self.kinds[name]:
                    cell = Cell(name, size, kind)
                    cost = self.wanted.trials * self.cost(cell) + self.warming(cell)
                    # Whatever the budget, the quickest of all is measured.
                    affordable = total + cost < self.left() or cell in self.quickest()
                    if not affordable:
                        self.skipped[cell] = self.too_long(cost)
                    elif self.has_warmed_up(cell):
                        total += self.wanted.trials * self.cost(cell) + self.warming(cell)
                        self.cells.append(cell)
        for contender in self.contenders.values():
            if contender.missing is not None:
                kinds = self.kinds[contender.name]
                for size, kind in itertools.product(self.wanted.sizes, kinds):
                    self.skipped[Cell(contender.name, size, kind)] = contender.missing
        if not self.cells:
            raise DreamError(f"nothing could be measured: {next(iter(self.skipped.values()))}")

    def quickest(self) -> set[Cell]:
        return {Cell(name, self.wanted.sizes[0], "step") for name in self.processes}

    def has_warmed_up(self, cell: Cell) -> bool:
        """Whether the contender can step at the cell's size; the first cell there tries it."""
        key = cell.contender, cell.size
        if key in self.step_seconds:
            return True
        try:
            order = {"photo": str(self.photo(cell.size))}
            self.step_seconds[key] = self.processes[cell.contender].ask("warm", **order)
        except ContenderError as error:
            self.skipped[cell] = str(error)
            return False
        return True

    def cost(self, cell: Cell) -> float:
        """Seconds of a sample, estimated."""
        step = self.step_estimate(cell.contender, cell.size)
        if cell.kind == "step":
            return steps_in_turn(step) * step + PAUSE
        dream = step * steps_in_dream(cell.size, self.wanted.settings, self.wanted.stride)
        return dream + (self.opening[cell.contender] if cell.kind == "cold" else PAUSE)

    def step_estimate(self, name: str, size: Size) -> float:
        """Of a step: measured, or scaled from the next smaller size; nothing for the first."""
        known = {s: seconds for (n, s), seconds in self.step_seconds.items() if n == name}
        if size in known:
            return known[size]
        if not known:
            return 0.0
        nearest = max(known, key=pixels)
        return known[nearest] * pixels(size) / pixels(nearest)

    def warming(self, cell: Cell) -> float:
        """Seconds before the first sample that counts."""
        behind = (cell.contender, cell.size) in self.dreamt
        return self.cost(cell) if cell.kind == "warm" and not behind else 0.0

    def left(self) -> float:
        """Seconds of the budget for the rounds."""
        return self.wanted.budget * (1 - RESERVED) - (time.perf_counter() - self.started)

    def too_long(self, cost: float) -> str:
        return (
            f"{self.wanted.trials} trials would take {cost:.0f} s more, "
            f"beyond the budget of {self.wanted.budget:.0f} s"
        )

    # --- the rounds -------------------------------------------------------------------------

    def measure(self) -> None:
        for cell in self.cells:
            fresh = (cell.contender, cell.size) not in self.dreamt
            if cell.kind == "warm" and fresh and len(self.samples[cell]) < self.wanted.trials:
                self.tell(self.fraction(0), f"{cell.contender}: a first dream at {cell.size}")
                self.attempt(cell)  # not counted
        for number in itertools.count(max((len(s) for s in self.samples.values()), default=0)):
            todo = [cell for cell in self.cells if len(self.samples[cell]) < self.wanted.trials]
            todo = todo or self.unsettled()
            if not todo or (self.left() < 0 and any(self.samples.values())):
                break
            self.round(number, todo)
            self.save()

    def round(self, number: int, cells: list[Cell]) -> None:
        """Each cell once. Its samples count when the round is whole, so that rounds stay pairs."""
        taken: dict[Cell, Sample] = {}
        order = random.Random(number).sample(cells, len(cells))
        for done, cell in enumerate(order):
            what = f"round {number + 1}: {cell.contender}, {cell.size}, {cell.kind}"
            self.tell(self.fraction(sum(map(self.cost, order[:done]))), what)
            sample = self.attempt(cell)
            if sample is not None:
                taken[cell] = sample
        for cell, sample in taken.items():
            self.samples[cell].append(sample)

    def attempt(self, cell: Cell) -> Sample | None:
        """A sample; a cell that fails is given up, with the reason."""
        time.sleep(PAUSE)
        try:
            return self.sample(cell)
        except ContenderError as error:
            self.skipped[cell] = str(error)
            self.cells = [other for other in self.cells if other != cell]
            return None

    def sample(self, cell: Cell) -> Sample:
        photo, output = self.photo(cell.size), self.folder / "dream.png"
        if cell.kind == "cold":
            return measure_cold(self.jobs[cell.contender], photo, output)
        process = self.processes[cell.contender]
        if cell.kind == "warm":
            found = measure_warm(process, photo, output)
        else:
            steps = steps_in_turn(self.step_seconds[cell.contender, cell.size])
            found = measure_step(process, photo, steps)
        if self.machine.gpu is None or self.contenders[cell.contender].backend == "cpu":
            return found
        return found.model_copy(update={"device_memory": device_memory(process.child.pid)})

    def unsettled(self) -> list[Cell]:
        """All cells of the sizes and kinds at which some contender is not stable yet.

        Contenders are compared round by round, so they get their rounds together.
        """
        groups = {
            (cell.size, cell.kind)
            for cell in self.cells
            if len(self.samples[cell]) < self.wanted.most_trials
            and why_unstable([sample.seconds for sample in self.samples[cell]])
        }
        chosen = [cell for cell in self.cells if (cell.size, cell.kind) in groups]
        return chosen if sum(map(self.cost, chosen)) < self.left() else []

    def fraction(self, in_round: float) -> float:
        """Of the work that was planned, by estimated time."""
        whole = {cell: self.wanted.trials * self.cost(cell) for cell in self.cells}
        done = sum(
            min(1.0, len(self.samples[cell]) / self.wanted.trials) * cost
            for cell, cost in whole.items()
        )
        total = sum(whole.values()) * (1 + RESERVED)
        return min(0.95, 0.05 + 0.9 * (done + in_round) / total)

    # --- what was found ---------------------------------------------------------------------

    def save(self) -> Result:
        found = self.result()
        write_result(self.output, found)
        self.saved = True
        return found

    def result(self) -> Result:
        wanted = self.wanted
        measured = {cell: samples for cell, samples in self.samples.items() if samples}
        return Result(
            created=self.created,
            command=wanted.command,
            complete=self.complete,
            machine=self.machine,
            model=wanted.model,
            photo=wanted.photo_record,
            settings=Settings(**asdict(wanted.settings)),
            contenders=tuple(self.contenders.values()),
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
            warnings=(*self.warnings, *self.company(measured.values())),
        )

    def series(self, cell: Cell, samples: list[Sample]) -> Series:
        notes = [why_unstable([sample.seconds for sample in samples])]
        stable = notes[0] is None
        if len(samples) < self.wanted.trials:
            notes.append(f"{len(samples)} of {self.wanted.trials} trials: {self.why_fewer(cell)}")
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
        if cell in self.skipped:
            return self.skipped[cell]
        return "the budget ended" if self.complete else "interrupted"

    def company(self, measured: Iterable[list[Sample]]) -> list[str]:
        """Whether other processes took part while it measured."""
        loads = sorted(s.load for samples in measured for s in samples if s.load is not None)
        middle = loads[len(loads) // 2] if loads else 0.0
        if middle <= BUSY_CORES:
            return []
        return [f"other processes kept {middle:.1f} cores busy while it measured (median)"]
