"""What a result says: the one analysis between a result file and everything that is made of it.

    analysis = analyse(read_result(path))
    analysis.leading, analysis.no_speedup       one of the two is None

The terminal, the page, `dream compare` and the exit codes show what is found here and decide
nothing on their own: which contenders are sound, what is an accelerator, which CPU contender it is
set against, and how many times as fast it is, or why that cannot be said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ort_deepdream.measure import seed_table
from ort_deepdream.measure.lazily import Lazily
from ort_deepdream.measure.libraries import OURS
from ort_deepdream.measure.result import Check, Contender, Kind, Machine, Result, Series, Size
from ort_deepdream.measure.statistics import (
    cold_samples,
    counted,
    median,
    ratio,
    spread,
    warm_up,
)
from ort_deepdream.text import clean

Timed = tuple[Kind, Size]  # what of a contender was timed

CPU = "cpu"
UNKNOWN_DEVICE = "an unknown device"
FULL = "float32"  # and "float32 (TF32)", as most run it

# What an answer is made of, the best first: whole dreams, as they were timed in 2019.
KINDS: tuple[Kind, ...] = ("warm", "step", "cold")

# Parts of a one-off dream: before its first step, and what later steps need not do again.
STARTING, FIRST = ("start", "import", "session"), ("first steps",)

OPENVINO = {"openvino", "OpenVINOExecutionProvider"}
ON_PROCESSOR = {
    "CPUExecutionProvider",
    "DnnlExecutionProvider",
    "XnnpackExecutionProvider",
    "ACLExecutionProvider",
    "ArmNNExecutionProvider",
}
CHOOSING = ("device_type", "MLComputeUnits", "backend_type")  # options that name a device
# Devices that are the processor: OpenVINO's, and drivers that play a graphics card on it.
PROCESSOR = re.compile(
    r"\b(cpu|cpuonly|swiftshader|llvmpipe|lavapipe|softpipe|software|basic render)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Figure:
    """A median in seconds, how sure it is, and how far the samples lie apart."""

    median: float
    low: float  # 95 % interval of the median
    high: float
    fast: float  # percentiles of the samples, as fine as their number justifies
    slow: float
    beyond: int  # which: 10 for the 10th and the 90th, 0 for the least and the most
    count: int  # of samples
    stable: bool
    note: str


@dataclass(frozen=True)
class Speedup:
    """How many times as fast `quick` is as `slow`, with its 95 % bootstrap interval."""

    slow: Figure
    quick: Figure
    size: Size
    value: float
    low: float
    high: float

    @property
    def count(self) -> int:
        """Return how many samples the less measured of the two has."""
        return min(self.slow.count, self.quick.count)

    @property
    def is_settled(self) -> bool:
        """Whether both medians are stable."""
        return self.slow.stable and self.quick.stable

    @property
    def is_faster(self) -> bool:
        """Tell whether it is faster beyond the noise."""
        return self.count > 1 and self.low > 1

    @property
    def is_slower(self) -> bool:
        """Tell whether it is slower beyond the noise."""
        return self.count > 1 and self.high < 1


@dataclass(frozen=True, eq=False)
class TimedContender:
    """A contender that was timed, with everything that its result tells of it."""

    record: Contender
    result: Result
    letter: str  # of its result, where there are several; else ""
    on_processor: bool  # what is not is an accelerator
    checks: tuple[Check, ...]
    series: Mapping[tuple[Kind, Size], Series]  # those that have samples
    cold: Mapping[tuple[Kind, Size], int]  # samples of each that belong to a warm-up
    counted: Mapping[tuple[Kind, Size], tuple[int, ...]]  # the numbers of those that figures are of
    figures: Mapping[tuple[Kind, Size], Figure]

    @property
    def name(self) -> str:
        """Return its name, fit to be shown, where its result is plain."""
        return clean(self.record.name)

    @property
    def label(self) -> str:
        """Return its name among the contenders of several results."""
        return f"{self.letter} · {self.name}" if self.letter else self.name

    @property
    def usual_name(self) -> str:
        """Return its name without a number of threads that is that of all cores.

        On two cores `cpu, 2 threads` is `cpu`, however it was asked for.
        """
        return usual_name(self.record, self.result.machine)

    @property
    def device(self) -> str:
        """Return what it ran on, fit to be shown."""
        known = self.record.device or (self.on_processor and self.result.machine.processor)
        return clean(known or UNKNOWN_DEVICE)

    @property
    def is_sound(self) -> bool:
        """Tell whether no check found it wrong: a fast wrong answer is no answer."""
        return all(check.passed for check in self.checks)

    @property
    def is_reference(self) -> bool:
        """Tell whether others were checked against it."""
        return any(check.reference == self.record.name for check in self.result.checks)

    @property
    def is_full_precision(self) -> bool:
        """Whether it computed in float32 throughout."""
        return self.record.precision.startswith(FULL)

    def sizes(self, kind: Kind) -> list[Size]:
        """Return the sizes at which it was timed, the smallest first."""
        return ordered(size for of, size in self.series if of == kind)

    def seconds(self, kind: Kind, size: Size) -> tuple[float, ...]:
        """Return the samples in the order they were taken; none when it was not measured.

        Those of a warm-up are left out: they are cold, whatever was meant to be measured. So are
        those that heat or others slowed, unless all were.
        """
        series = self.series.get((kind, size))
        counted = self.counted[kind, size] if series else ()
        return tuple(series.samples[number].seconds for number in counted) if series else ()

    def from_the_first(self, kind: Kind, size: Size) -> tuple[float, ...]:
        """Return what went before the samples and all of them, in the order they were taken."""
        series = self.series[kind, size]
        return (*series.first, *(sample.seconds for sample in series.samples))

    def cold_seconds(self, kind: Kind, size: Size) -> tuple[float, ...]:
        """Return what was slower at the beginning of a series than what followed."""
        every = self.from_the_first(kind, size)
        return every[: warm_up(every)]

    def joules(self, size: Size) -> float | None:
        """Return the energy of a further dream on all devices that tell; None: not measured."""
        for one in self.result.energy:
            if (one.contender, one.size) == (self.record.name, size) and one.missing is None:
                return sum(one.joules.values()) / one.dreams if one.dreams else None
        return None

    def price(self, size: Size, dreams: int = 1000) -> float | None:
        """Return what so many further dreams cost, one after another, by the price of an hour."""
        hour, figure = self.result.price_per_hour, self.figures.get(("warm", size))
        return None if hour is None or figure is None else hour / 3600 * figure.median * dreams

    def slowed(self) -> Mapping[tuple[Kind, Size], tuple[str, ...]]:
        """Return what slowed samples of each series, in words, but for series it did not."""
        found = {
            key: tuple(dict.fromkeys(word for sample in one.samples for word in sample.slowed))
            for key, one in self.series.items()
        }
        return {key: words for key, words in found.items() if words}

    def part_seconds(self, size: Size, parts: Sequence[str]) -> list[tuple[float, float]]:
        """Return (seconds of the parts, of the whole) of each one-off dream at a size.

        A dream whose parts were not measured is left out.
        """
        series = self.series.get(("cold", size))
        return [
            (sum(sample.parts.get(part, 0.0) for part in parts), sample.seconds)
            for sample in (series.samples if series else ())
            if sample.parts
        ]


@dataclass(frozen=True, eq=False)
class Pair:
    """An accelerator and the CPU contender of the same library that it is set against."""

    cpu: TimedContender
    accelerator: TimedContender
    speedups: Mapping[Kind, tuple[Speedup, ...]]  # where both were timed, the smallest size first

    @property
    def kind(self) -> Kind:
        """Return what an answer is made of: the best kind of measurement that both have."""
        return next(kind for kind in KINDS if kind in self.speedups)

    @property
    def headline(self) -> Speedup:
        """Return the speed-up at the size of 2019; at the smallest where that was not timed."""
        found = self.speedups[self.kind]
        return next((one for one in found if one.size == seed_table.SIZE), found[0])


@dataclass(frozen=True)
class NoSpeedup:
    """Why no speed-up can be given."""

    sentence: str
    details: tuple[str, ...]  # what became of each accelerator, in sentences


@dataclass(frozen=True, eq=False)
class Analysis:
    """What a result says."""

    result: Result
    contenders: tuple[TimedContender, ...]
    pairs: tuple[Pair, ...]  # ONNX Runtime's first
    leading: Pair | None  # what the answer is about
    baseline: TimedContender | None  # the CPU contender that all others are set against
    no_speedup: NoSpeedup | None  # None where there is a leading pair

    @property
    def sound(self) -> tuple[TimedContender, ...]:
        """The contenders that failed no check."""
        return tuple(contender for contender in self.contenders if contender.is_sound)

    @property
    def accelerators(self) -> tuple[TimedContender, ...]:
        """Return the sound contenders that do not compute on the processor."""
        return tuple(contender for contender in self.sound if not contender.on_processor)

    @property
    def failures(self) -> tuple[Check, ...]:
        """Return the checks that a contender did not pass, timed or not."""
        return tuple(check for check in self.result.checks if not check.passed)

    @property
    def unknown_devices(self) -> tuple[TimedContender, ...]:
        """Return what counts as an accelerator though its device could not be told."""
        return tuple(one for one in self.accelerators if one.record.device is None)

    @property
    def unchecked(self) -> tuple[TimedContender, ...]:
        """Return the contenders of which nobody knows whether they are right."""
        return tuple(one for one in self.sound if not one.checks and not one.is_reference)


def analyse(result: Result, letter: str = "") -> Analysis:
    """Return what a result says; `letter` tells its contenders from those of other results."""
    contenders = tuple(_timed(result, letter))
    sound = [contender for contender in contenders if contender.is_sound]
    pairs = tuple(_pairs(sound))
    leading = min(pairs, key=_lead, default=None)
    return Analysis(
        result=result,
        contenders=contenders,
        pairs=pairs,
        leading=leading,
        baseline=leading.cpu if leading else find_baseline(sound),
        no_speedup=None if leading else _no_speedup(result, contenders),
    )


def _timed(result: Result, letter: str) -> Iterator[TimedContender]:
    for record in result.contenders:
        series = {
            (series.kind, series.size): series
            for series in result.series
            if series.contender == record.name and series.samples
        }
        if series:
            cold = Lazily(series, partial(_cold, series))
            counts = Lazily(series, partial(_counted, series, cold))
            yield TimedContender(
                record=record,
                result=result,
                letter=letter,
                on_processor=computes_on_processor(record, result.machine),
                checks=tuple(c for c in result.checks if c.contender == record.name),
                series=series,
                cold=cold,
                counted=counts,
                figures=Lazily(series, partial(_figure, series, counts)),
            )


def computes_on_processor(contender: Contender, machine: Machine) -> bool:
    """Tell whether a contender computes on the machine's processor, and is no accelerator.

    What decides is its device, not the name of its backend: OpenVINO takes the processor unless
    told otherwise, and a driver may play a graphics card there. One whose device cannot be told
    counts as an accelerator, and `Analysis.unknown_devices` names it.
    """
    chosen = (contender.options.get(option) for option in CHOOSING)
    device = " ".join(filter(None, [contender.device, *chosen]))
    used = {contender.backend, contender.provider}
    return (
        contender.backend == CPU
        or contender.provider in ON_PROCESSOR
        or contender.device == machine.processor
        or (bool(used & OPENVINO) and not device)
        or bool(PROCESSOR.search(device))
    )


def usual_name(contender: Contender, machine: Machine) -> str:
    """Return a contender's name without a number of threads that is that of all cores."""
    name, threads = contender.name, contender.threads
    if threads is None or threads != machine.cores:
        return name
    return name.removesuffix(f", {threads} thread{'s' if threads > 1 else ''}")


def partners(before: Analysis, after: Analysis) -> list[tuple[TimedContender, TimedContender]]:
    """Return the contenders that two results share, in the first one's order.

    They have the same name, or the same usual one where one result has nothing of the other's name.
    """
    names = {contender.record.name for contender in before.contenders}
    exact = {contender.record.name: contender for contender in after.contenders}
    usual = {one.usual_name: one for one in after.contenders if one.record.name not in names}
    found = []
    for one in before.contenders:
        other = exact.get(one.record.name) or usual.pop(one.usual_name, None)
        if other is not None:
            found.append((one, other))
    return found


def _cold(series: Mapping[Timed, Series], key: Timed) -> int:
    """Return how many samples of a series belong to its warm-up."""
    one = series[key]
    return cold_samples(one.first, [sample.seconds for sample in one.samples])


def _counted(
    every: Mapping[Timed, Series], cold: Mapping[Timed, int], key: Timed
) -> tuple[int, ...]:
    """Return the numbers of the samples that figures are of: warm ones that nothing slowed."""
    return counted(cold[key], [bool(sample.slowed) for sample in every[key].samples])


def _figure(
    every: Mapping[Timed, Series], counted: Mapping[Timed, tuple[int, ...]], key: Timed
) -> Figure:
    series = every[key]
    samples = [series.samples[number].seconds for number in counted[key]]
    apart, sure = spread(samples), median(samples)
    return Figure(
        median=apart.median,
        low=sure.low,
        high=sure.high,
        fast=apart.low,
        slow=apart.high,
        beyond=apart.beyond,
        count=len(samples),
        stable=series.stable,
        note=clean(series.note or ""),
    )


def speedup(slow: TimedContender, quick: TimedContender, kind: Kind, size: Size) -> Speedup:
    """Return how many times as fast `quick` is. Raise KeyError where one was not timed."""
    figures = slow.figures[kind, size], quick.figures[kind, size]
    same_rounds = slow.counted[kind, size] == quick.counted[kind, size]
    found = ratio(slow.seconds(kind, size), quick.seconds(kind, size), paired=same_rounds)
    return Speedup(*figures, size, found.value, found.low, found.high)


def find_baseline(contenders: Iterable[TimedContender]) -> TimedContender | None:
    """Return the CPU as one would use it: full precision, ONNX Runtime's own, all its threads."""
    on_processor = [contender for contender in contenders if contender.on_processor]
    return max(on_processor, key=_as_one_would_use_it, default=None)


def _as_one_would_use_it(contender: TimedContender) -> tuple[bool, bool, bool, float, int]:
    record = contender.record
    threads = float("inf") if record.threads is None else record.threads
    plain = record.backend == CPU
    ours = record.library == OURS
    return contender.is_full_precision, ours, plain, threads, len(contender.series)


def _pairs(sound: Sequence[TimedContender]) -> Iterator[Pair]:
    """Like is set against like: each accelerator against its own library on the CPU."""
    libraries = dict.fromkeys(contender.record.library for contender in sound)
    for library in sorted(libraries, key=lambda name: name != OURS):
        contenders = [contender for contender in sound if contender.record.library == library]
        cpu = find_baseline(contenders)
        for contender in contenders if cpu else ():
            if cpu and not contender.on_processor and (found := _speedups(cpu, contender)):
                yield Pair(cpu, contender, found)


def _speedups(
    cpu: TimedContender, accelerator: TimedContender
) -> Mapping[Kind, tuple[Speedup, ...]]:
    both = {kind: ordered(set(cpu.sizes(kind)) & set(accelerator.sizes(kind))) for kind in KINDS}

    def found(kind: Kind) -> tuple[Speedup, ...]:
        return tuple(speedup(cpu, accelerator, kind, size) for size in both[kind])

    return Lazily([kind for kind in KINDS if both[kind]], found)


def _lead(pair: Pair) -> tuple[bool, bool, float]:
    """Order pairs: ONNX Runtime leads, and full precision; then the fastest."""
    accelerator = pair.accelerator
    foreign = accelerator.record.library != OURS
    return foreign, not accelerator.is_full_precision, -pair.speedups[pair.kind][0].value


def _no_speedup(result: Result, contenders: Sequence[TimedContender]) -> NoSpeedup:
    return NoSpeedup(_why(contenders), tuple(_details(result, contenders)))


def _why(contenders: Sequence[TimedContender]) -> str:
    sound = [contender for contender in contenders if contender.is_sound]
    if not contenders:
        return "How much faster a GPU is cannot be said here: nothing was measured."
    if not sound:
        return "How much faster a GPU is cannot be said here: every contender failed its check."
    if not any(contender.on_processor for contender in sound):
        return "No speed-up can be given: there is no CPU to compare with."
    return "How much faster a GPU is cannot be said here: none was compared."


def _details(result: Result, contenders: Sequence[TimedContender]) -> Iterator[str]:
    for record in result.contenders:
        if record.missing is not None and not computes_on_processor(record, result.machine):
            yield f"{clean(record.name)}: {why_missing(record)}."
    for contender in contenders:
        if contender.on_processor:
            continue
        if contender.is_sound:
            yield (f"{contender.name} was measured, but nothing of its kind on the CPU beside it.")
        else:
            yield f"{contender.name} failed its check."


def why_missing(contender: Contender) -> str:
    """Return why a contender was not measured, without what its name says already."""
    reason = clean(contender.missing or "")
    return reason.removeprefix(f"backend {clean(contender.name)} cannot be used here: ")


def ordered(sizes: Iterable[Size]) -> list[Size]:
    """Return the sizes, each once, the smallest first."""
    return sorted(set(sizes), key=lambda size: (size.pixels, size.width))
