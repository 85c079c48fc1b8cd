"""What the samples say: the figures of each contender, and how much faster one is than another."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from ort_deepdream.measure.result import Kind, Size
from ort_deepdream.measure.statistics import median, ratio, spread
from ort_deepdream.report import words
from ort_deepdream.report.runs import CPU, Line, Run, ordered

OURS = "ONNX Runtime"
CACHED = 4096  # figures: the page asks for each several times, and a bootstrap takes a while
FULL = "float32"  # and "float32 (TF32)", as most run it


@dataclass(frozen=True)
class Figure:
    """A median in seconds, how sure it is, and how far the samples lie apart."""

    median: float
    low: float  # 95 % bootstrap interval of the median
    high: float
    fast: float  # 10th and 90th percentile of the samples
    slow: float
    count: int
    stable: bool
    note: str

    @property
    def text(self) -> str:
        return words.seconds(self.median)

    @property
    def noise(self) -> str:
        """What stands beside the figure wherever it is a headline."""
        if self.count == 1:
            return "one sample: its noise is not known"
        sure = f"95 % interval {words.seconds(self.low)} to {words.seconds(self.high)}"
        apart = f"samples {words.seconds(self.fast)} to {words.seconds(self.slow)}"
        return f"{sure}, {apart}, n = {self.count}{self.warning}"

    @property
    def warning(self) -> str:
        if self.stable:
            return ""
        return f"; not settled: {self.note}" if self.note else "; not settled"


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
    def text(self) -> str:
        return words.times(self.value)

    @property
    def interval(self) -> str:
        if self.count == 1:
            return "one sample, no interval"
        return f"95 % interval {words.between(self.low, self.high, '×')}{self.warning}"

    @property
    def noise(self) -> str:
        """What stands beside the ratio where it is the headline."""
        if self.count == 1:
            return self.interval
        slow, quick = (
            f"{words.seconds(one.fast)} to {words.seconds(one.slow)}, n = {one.count}"
            for one in (self.slow, self.quick)
        )
        return f"{self.interval}; samples {slow}, and {quick}"

    @property
    def count(self) -> int:
        return min(self.slow.count, self.quick.count)

    @property
    def warning(self) -> str:
        return "" if self.slow.stable and self.quick.stable else "; not settled"

    @property
    def is_faster(self) -> bool:
        return self.count > 1 and self.low > 1

    @property
    def is_slower(self) -> bool:
        return self.count > 1 and self.high < 1


@dataclass(frozen=True)
class Pair:
    """A GPU contender and the CPU contender of the same library that it is set against."""

    cpu: Line
    gpu: Line

    def speedups(self, kind: Kind) -> list[Speedup]:
        """At each size where both were measured, the smallest first."""
        common = set(self.cpu.sizes(kind)) & set(self.gpu.sizes(kind))
        return [speedup(self.cpu, self.gpu, kind, size) for size in ordered(common)]


@functools.lru_cache(CACHED)
def figure(line: Line, kind: Kind, size: Size) -> Figure | None:
    samples = line.seconds(kind, size)
    if not samples:
        return None
    series = line.series[kind, size]
    inside, sure = spread(samples), median(samples)
    return Figure(
        median=inside.median,
        low=sure.low,
        high=sure.high,
        fast=inside.low,
        slow=inside.high,
        count=len(samples),
        stable=series.stable,
        note=words.clean(series.note or ""),
    )


@functools.lru_cache(CACHED)
def speedup(slow: Line, quick: Line, kind: Kind, size: Size) -> Speedup:
    """Both must have been measured so."""
    ours, theirs = slow.seconds(kind, size), quick.seconds(kind, size)
    found = ratio(ours, theirs)
    slow_figure, quick_figure = figure(slow, kind, size), figure(quick, kind, size)
    assert slow_figure is not None
    assert quick_figure is not None
    return Speedup(slow_figure, quick_figure, size, found.value, found.low, found.high)


def sound(run: Run) -> list[Line]:
    """The contenders of a run that an answer may be made of."""
    return [line for line in run.lines if not line.failed]


def baseline(lines: Sequence[Line]) -> Line | None:
    """The CPU as one would use it: all its threads, full precision."""
    on_cpu = [line for line in lines if line.on_cpu]
    return max(on_cpu, key=_as_one_would_use_it, default=None)


def _as_one_would_use_it(line: Line) -> tuple[bool, bool, float, int]:
    one = line.contender
    threads = float("inf") if one.threads is None else one.threads
    return one.precision.startswith(FULL), one.backend == CPU, threads, len(line.series)


def pairs(run: Run) -> list[Pair]:
    """Like is set against like: each GPU contender against its own library on the CPU."""
    found = []
    for library in libraries(run):
        lines = [line for line in sound(run) if line.contender.library == library]
        cpu = baseline(lines)
        if cpu is not None:
            found += [Pair(cpu, line) for line in lines if not line.on_cpu]
    return found


def libraries(run: Run) -> list[str]:
    """Ours first."""
    names = dict.fromkeys(line.contender.library for line in run.lines)
    return sorted(names, key=lambda name: name != OURS)


def leading_pair(run: Run, kinds: Sequence[Kind]) -> Pair | None:
    """The one that the answer is about: ONNX Runtime's if there is one, the fastest of a precision.

    A GPU at half the precision does not lead while there is one at the full.
    """
    candidates = [pair for pair in pairs(run) if any(pair.speedups(kind) for kind in kinds)]
    return min(candidates, key=lambda pair: _lead(pair, kinds), default=None)


def _lead(pair: Pair, kinds: Sequence[Kind]) -> tuple[bool, bool, float]:
    found = next(speedups for kind in kinds if (speedups := pair.speedups(kind)))
    gpu = pair.gpu.contender
    return gpu.library != OURS, not gpu.precision.startswith(FULL), -found[0].value
