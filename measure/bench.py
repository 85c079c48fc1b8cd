"""`dream bench`: contenders take turns, round by round, until the figures settle or time is up.

After every round the result file is written anew, so an interruption costs one round at most.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ort_deepdream.errors import DreamError
from ort_deepdream.files import scratch_folder
from ort_deepdream.measure.analysis import computes_on_processor
from ort_deepdream.measure.budget import RESERVED, Budget, affordable
from ort_deepdream.measure.checks import Checker
from ort_deepdream.measure.contenders.cold import measure_cold
from ort_deepdream.measure.contenders.contender import ContenderSpec
from ort_deepdream.measure.contenders.process import ContenderError, measure_step, measure_warm
from ort_deepdream.measure.crowds import Crowds
from ort_deepdream.measure.extras import Extras, OnProgress
from ort_deepdream.measure.libraries import WEB
from ort_deepdream.measure.machine import BUSY_CORES, device_memory, disturbances, this_machine
from ort_deepdream.measure.plan import KINDS, Plan
from ort_deepdream.measure.result import (
    Kind,
    Measurement,
    Result,
    Sample,
    Series,
    Settings,
    Size,
    Skipped,
    keep_unknown,
    write_result,
)
from ort_deepdream.measure.running import TRYING, Contenders
from ort_deepdream.measure.sensors.energies import Energies
from ort_deepdream.measure.sensors.watch import Watch, as_fields, sensors
from ort_deepdream.measure.statistics import cold_samples, counted, why_unstable
from ort_deepdream.measure.timing import PAUSE


class Bench:
    """One run of `dream bench`, or the rest of one that was interrupted."""

    def __init__(self, plan: Plan, output: Path, before: Result | None = None) -> None:
        self.plan = plan
        self.output = output
        self.started = time.perf_counter()
        self.before = before
        self.created = before.created if before else datetime.now(UTC).isoformat(timespec="seconds")
        self.machine = before.machine if before else this_machine()
        self.samples: dict[Measurement, list[Sample]] = defaultdict(list)
        self.skipped: dict[Measurement, str] = {}
        self.measurements: list[Measurement] = []
        self.cached: set[str] = set()  # those whose one-off dreams find their graph kept
        self.checker = Checker(before)
        self.extras = Extras(before)
        self.watch = Watch(sensors(), cores=os.cpu_count())
        self.energies = Energies(before, self.watch)
        self.crowds = Crowds(before)
        self.complete = False
        self.saved = False  # whether the result file is there
        self.first: dict[Measurement, tuple[float, ...]] = {}  # seconds, before the samples
        for series in before.series if before else ():
            self.samples[series.measurement] = list(series.samples)
            self.first[series.measurement] = series.first

    # --- from beginning to end --------------------------------------------------------------

    def run(self, on_progress: OnProgress = lambda fraction, what: None) -> Result:
        """Measure everything and write the result; `on_progress` hears what is being done.

        Raise DreamError when nothing could be measured.
        """
        self.on_progress, self.furthest = on_progress, 0.0
        with scratch_folder() as self.folder:
            self.picture = self.folder / "dream.png"
            measured = {
                measurement.contender for measurement, samples in self.samples.items() if samples
            }
            said = self.before.warnings if self.before else ()
            ends = self.started + self.plan.budget
            self.contenders = Contenders(self.plan, self.folder, measured, said, ends)
            self.budget = Budget(self.plan, self.started, self.contenders.seconds_to_start)
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
        ends = self.budget.ends
        self.extras.measure(self.contenders, self.measurements, ends, self.progress)
        self.energies.measure(self.contenders, self.measurements, self.picture, ends)
        if self.plan.throughput:
            self.crowds.measure(
                self.contenders, self.machine, self.measurements, ends, partial(self.progress, 0.99)
            )

    # --- what there is time for -------------------------------------------------------------

    def warm_up(self) -> None:
        """Time one step of each contender at each size, and choose what fits into the budget.

        Everybody's steps come before anybody's dreams, so that each is compared with the others.
        """
        total = 0.0
        for size, kind in itertools.product(self.plan.sizes, KINDS):
            for name in self.contenders.processes:
                if kind not in self.contenders.kinds[name]:
                    continue
                self.progress(0.03, f"warming up {name} at {size}")
                measurement = Measurement(name, size, kind)
                if (
                    self.affords(measurement, total)
                    and self.has_warmed_up(measurement)
                    and self.affords(measurement, total)  # by a step of its own
                ):
                    total += self.whole_cost(measurement)
                    self.measurements.append(measurement)
        for contender in self.contenders.records.values():
            if contender.missing is not None:
                kinds = self.contenders.kinds[contender.name]
                for size, kind in itertools.product(self.plan.sizes, kinds):
                    self.skipped[Measurement(contender.name, size, kind)] = contender.missing
        if not self.measurements:
            raise DreamError(f"nothing could be measured: {next(iter(self.skipped.values()))}")

    def affords(self, measurement: Measurement, total: float) -> bool:
        """Return whether there is time for a measurement beside others that take `total` seconds.

        The result says so where there is none. Whatever the budget, the quickest is measured.
        """
        cost = self.whole_cost(measurement)
        fits = total + cost < self.budget.left() or measurement in self.quickest()
        if not fits:
            known = self.budget.step(measurement.contender, measurement.size)
            self.skipped[measurement] = self.budget.too_long(cost if known else 0.0)
        return fits

    def whole_cost(self, measurement: Measurement) -> float:
        """Return the estimated seconds of all trials, and of what goes before them."""
        return self.plan.trials * self.budget.cost(measurement) + self.warming(measurement)

    def quickest(self) -> set[Measurement]:
        """Return what is measured whatever the budget: a step at the smallest size.

        Not so in a browser.
        """
        specs, smallest = self.contenders.specs, self.plan.sizes[0]
        return {
            Measurement(name, smallest, "step")
            for name in self.contenders.processes
            if specs[name].library != WEB
        }

    def has_warmed_up(self, measurement: Measurement) -> bool:
        """Return whether a contender can step at a size; its first measurement there tries it."""
        key = measurement.contender, measurement.size
        if key in self.budget.step_seconds:
            return True
        self.contenders.limit(measurement.contender, TRYING)
        try:
            order = {"photo": str(self.contenders.photo(measurement.size))}
            first = self.contenders.processes[measurement.contender].ask("warm", **order)
        except ContenderError as error:
            self.skipped[measurement] = str(error)
            return False
        self.budget.step_seconds[key] = first[-1]
        self.first.setdefault(measurement._replace(kind="step"), tuple(first))
        return True

    def warming(self, measurement: Measurement) -> float:
        """Return the seconds before the first sample that counts."""
        return self.budget.cost(measurement) if self.needs_first(measurement) else 0.0

    def needs_first(self, measurement: Measurement) -> bool:
        """Return whether a dream must go before those that count.

        A further dream is one in a process that has done one, and a one-off dream finds its graph
        in the cache folder, as every one of a user's dreams but the first does.
        """
        if measurement.kind == "warm":
            return (measurement.contender, measurement.size) not in self.contenders.dreamt
        return measurement.kind == "cold" and measurement.contender not in self.cached

    # --- the rounds -------------------------------------------------------------------------

    def measure(self) -> None:
        """Take rounds until every measurement is stable or the budget ends."""
        for name in self.contenders.processes:
            self.contenders.limit(name, 1.0)
        for number in itertools.count(max((len(s) for s in self.samples.values()), default=0)):
            todo = [
                measurement
                for measurement in self.measurements
                if len(self.samples[measurement]) < self.plan.trials
            ]
            todo = todo or self.unsettled()
            if not todo or (self.budget.left() < 0 and any(self.samples.values())):
                break
            self.round(number, todo)
            self.save()

    def round(self, number: int, measurements: list[Measurement]) -> None:
        """Take each measurement once. Samples count when the round is whole: rounds stay pairs."""
        taken: dict[Measurement, Sample] = {}
        order = random.Random(number).sample(measurements, len(measurements))
        for done, measurement in enumerate(order):
            what = f"round {number + 1}: {', '.join(map(str, measurement))}"
            self.progress(self.fraction(sum(map(self.budget.cost, order[:done]))), what)
            sample = self.attempt(measurement)
            if sample is not None:
                taken[measurement] = sample
        for measurement, sample in taken.items():
            self.samples[measurement].append(sample)

    def attempt(self, measurement: Measurement) -> Sample | None:
        """Return a sample; a measurement that fails is skipped from then on, with the reason."""
        try:
            if self.needs_first(measurement):
                self.go_first(measurement)
            time.sleep(PAUSE)
            with self.watch.during() as seen:
                found = self.sample(measurement)
            return found.model_copy(update=as_fields(seen))
        except ContenderError as error:
            self.skipped[measurement] = str(error)
            self.measurements = [other for other in self.measurements if other != measurement]
            return None

    def go_first(self, measurement: Measurement) -> None:
        """Dream once before what counts. Raise ContenderError when that fails."""
        if measurement.kind == "warm":
            first = self.sample(measurement).seconds
            self.first.setdefault(measurement, (first,))
            self.contenders.dreamt.add((measurement.contender, measurement.size))
        else:
            spec = self.contenders.specs[measurement.contender]
            short = replace(spec, settings=replace(spec.settings, iterations=1))
            self.cold(short, measurement.size)
            self.cached.add(measurement.contender)

    def cold(self, spec: ContenderSpec, size: Size) -> Sample:
        """Return a sample of a one-off dream, with the bench's own cache folder."""
        photo, cache = self.contenders.photo(size), self.folder / "cache"
        return measure_cold(spec, photo, self.picture, cache)

    def sample(self, measurement: Measurement) -> Sample:
        """Return a sample of a measurement. Raise ContenderError when it fails."""
        if measurement.kind == "cold":
            return self.cold(self.contenders.specs[measurement.contender], measurement.size)
        photo = self.contenders.photo(measurement.size)
        process = self.contenders.processes[measurement.contender]
        if measurement.kind == "warm":
            found = measure_warm(process, photo, self.picture)
        else:
            found = measure_step(process, photo, self.budget.steps_in_turn(measurement))
        record = self.contenders.records[measurement.contender]
        if self.machine.gpu is None or computes_on_processor(record, self.machine):
            return found
        return found.model_copy(update={"device_memory": device_memory(process.child.pid)})

    def unsettled(self) -> list[Measurement]:
        """Return all measurements of the sizes and kinds at which some contender is not stable yet.

        Contenders are compared round by round, so they get their rounds together. Where there is no
        time for all sizes and kinds, the quickest go on.
        """
        groups: dict[tuple[Size, Kind], list[Measurement]] = {}
        for measurement in self.measurements:
            groups.setdefault((measurement.size, measurement.kind), []).append(measurement)
        unsettled = [group for group in groups.values() if any(map(self.is_unsettled, group))]
        return affordable(unsettled, self.budget.cost, self.budget.left())

    def is_unsettled(self, measurement: Measurement) -> bool:
        """Return whether more samples may settle it, of which it has not had the most yet.

        What a warm-up or anything else slowed stands in no figure, so it is measured again.
        """
        samples = self.samples[measurement]
        if len(samples) >= self.plan.most_trials:
            return False
        seconds = self.warm_seconds(measurement, samples)
        return len(seconds) < self.plan.trials or bool(why_unstable(seconds))

    def fraction(self, in_round: float) -> float:
        """Return how much of the planned work is done, by estimated time."""
        whole = {
            measurement: self.plan.trials * self.budget.cost(measurement)
            for measurement in self.measurements
        }
        done = sum(
            min(1.0, len(self.samples[measurement]) / self.plan.trials) * cost
            for measurement, cost in whole.items()
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
        measured = {
            measurement: samples for measurement, samples in self.samples.items() if samples
        }
        return Result(
            created=self.created,
            command=plan.command,
            complete=self.complete,
            machine=self.machine,
            model=plan.model,
            photo=plan.photo_record,
            settings=Settings(**asdict(plan.settings)),
            contenders=tuple(self.contenders.records.values()),
            series=tuple(
                self.series(measurement, samples) for measurement, samples in measured.items()
            ),
            skipped=tuple(
                Skipped(
                    contender=measurement.contender,
                    size=measurement.size,
                    kind=measurement.kind,
                    reason=reason,
                )
                for measurement, reason in self.skipped.items()
                if measurement not in measured
            ),
            checks=tuple(self.checker.checks),
            operators=tuple(self.extras.operators),
            limits=tuple(self.extras.limits),
            work=tuple(self.extras.work),
            energy=tuple(self.energies.found),
            throughput=tuple(self.crowds.found),
            sensors=self.watch.told(),
            price_per_hour=plan.price_per_hour,
            images=tuple(self.checker.images),
            warnings=(*self.contenders.warnings, *busy_neighbours(measured.values())),
        )

    def series(self, measurement: Measurement, samples: list[Sample]) -> Series:
        """Return the record of a measurement's samples."""
        notes = [why_unstable(self.warm_seconds(measurement, samples))]
        stable = notes[0] is None
        if len(samples) < self.plan.trials:
            notes.append(
                f"{len(samples)} of {self.plan.trials} trials: {self.why_fewer(measurement)}"
            )
        note = "; ".join(note for note in notes if note) or None
        return Series(
            contender=measurement.contender,
            size=measurement.size,
            kind=measurement.kind,
            first=self.first.get(measurement, ()),
            samples=tuple(samples),
            stable=stable,
            note=note,
        )

    def warm_seconds(self, measurement: Measurement, samples: list[Sample]) -> list[float]:
        """Return the seconds of the samples that neither a warm-up nor anything else slowed."""
        seconds = [sample.seconds for sample in samples]
        cold = cold_samples(self.first.get(measurement, ()), seconds)
        return [seconds[n] for n in counted(cold, [bool(one.slowed) for one in samples])]

    def why_fewer(self, measurement: Measurement) -> str:
        """Return why a measurement has fewer samples than were asked for."""
        if measurement in self.skipped:
            return self.skipped[measurement]
        return "the budget ended" if self.complete else "interrupted"


def busy_neighbours(measured: Iterable[list[Sample]]) -> list[str]:
    """Return the warning that other processes kept the machine busy, if they did."""
    loads = sorted(s.load for samples in measured for s in samples if s.load is not None)
    middle = loads[len(loads) // 2] if loads else 0.0
    if middle <= BUSY_CORES:
        return []
    return [f"other processes kept {middle:.1f} cores busy while it measured (median)"]
