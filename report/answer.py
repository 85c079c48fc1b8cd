"""The answer in words, made from the numbers of one run; every figure beside its noise.

A contender whose check failed takes no part. What cannot be said is said so, with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ort_deepdream.measure.result import Check, Contender, Kind, Size
from ort_deepdream.measure.seed_table import SIZE as SEED_SIZE
from ort_deepdream.report import words
from ort_deepdream.report.runs import Line, Run, computes_on_cpu
from ort_deepdream.report.series import (
    Figure,
    Pair,
    Speedup,
    baseline,
    figure,
    leading_pair,
    sound,
    speedup,
)

# What the headline is made of: whole dreams, as in 2019, if they were measured.
KINDS: tuple[Kind, ...] = ("warm", "step", "cold")
WHAT: dict[Kind, str] = {
    "warm": "a dream in a program that is already running",
    "step": "one step of a dream",
    "cold": "a one-off dream, starting included,",
}
ONE: dict[Kind, str] = {"warm": "a dream", "step": "a step", "cold": "a one-off dream"}
START, FIRST = ("start", "import", "session"), ("first steps",)  # parts of a one-off dream
MOST_NAMED = 3  # measurements that did not settle: more are counted
LEVEL = 1.05  # speed-ups that differ by less are called the same


@dataclass(frozen=True)
class Point:
    """A question, and what the numbers say to it."""

    question: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    headline: str
    unit: str  # what the headline counts
    sentence: str
    noise: str
    points: tuple[Point, ...]
    cautions: tuple[str, ...]


def answer(run: Run) -> Answer:
    pair = leading_pair(run, KINDS)
    if pair is not None:
        return _on_a_gpu(pair)
    cpu = baseline(sound(run))
    return _on_the_cpu(cpu) if cpu else _without_a_cpu(run)


# --- CPU and GPU -------------------------------------------------------------------------------


def _on_a_gpu(pair: Pair) -> Answer:
    kind = next(kind for kind in KINDS if pair.speedups(kind))
    speedups = pair.speedups(kind)
    first = _at_seeds_size(speedups)
    points = [
        Point("At other sizes?", _other_sizes(speedups, first)),
        Point("Does the advantage grow with the picture?", (growth(speedups),)),
        Point("From which size on does the GPU win?", _wins(pair)),
        Point("And if the program must first be started?", _one_off(pair, first.size)),
        *_further_gpus(pair, kind, first.size),
        *_others_on_the_cpu(pair.cpu, kind, first.size),
    ]
    return Answer(
        headline=first.text,
        unit="as fast on the GPU as on the CPU",
        sentence=_sentence(pair, kind, first),
        noise=first.noise,
        points=tuple(points),
        cautions=(
            *_against_a_faster_cpu(pair, kind, first.size),
            *cautions(pair.cpu.run),
        ),
    )


def _at_seeds_size(speedups: Sequence[Speedup]) -> Speedup:
    """The smallest one if the seed's size was not measured."""
    return next((found for found in speedups if found.size == SEED_SIZE), speedups[0])


def _sentence(pair: Pair, kind: Kind, found: Speedup) -> str:
    return (
        f"At {_place(found.size)} {WHAT[kind]} takes {found.slow.text} on the CPU "
        f"({_described(pair.cpu)}) and {found.quick.text} on the GPU ({_described(pair.gpu)}): "
        f"{_verdict(found)}."
    )


def _place(size: Size) -> str:
    return f"{words.size(size)} pixels{', the size of 2019,' if size == SEED_SIZE else ''}"


def _described(line: Line) -> str:
    threads = f", {_threads(line)}" if line.on_cpu else ""
    return f"{line.device}{threads}; {words.clean(line.contender.library)}"


def _threads(line: Line) -> str:
    threads = line.contender.threads
    if threads is None:
        return f"all {words.counted(line.run.result.machine.cores, 'core')}"
    return words.counted(threads, "thread")


def _verdict(found: Speedup) -> str:
    if found.is_faster:
        return f"the GPU is {words.figures(found.value)} times as fast"
    if found.is_slower:
        return f"the GPU is slower and takes {words.figures(1 / found.value)} times as long"
    if found.count == 1:
        return f"{found.text} as fast by one sample, which does not tell a difference from noise"
    return "no difference can be told from the noise"


def _other_sizes(speedups: Sequence[Speedup], first: Speedup) -> tuple[str, ...]:
    others = [found for found in speedups if found is not first]
    return tuple(f"{_at(found)} ({found.interval})." for found in others) or (
        "No other size was measured on both.",
    )


def growth(speedups: Sequence[Speedup]) -> str:
    """Whether the GPU's advantage grows with the picture, and until where."""
    if len(speedups) < 2:
        return "Not known: only one size was measured on both."
    if any(found.count == 1 for found in speedups):
        return "Not known: a single sample does not tell growth from noise."
    first, last = speedups[0], speedups[-1]
    top = next(s for s in speedups if not any(_is_more(other, s) for other in _after(s, speedups)))
    lowest = min(speedups, key=lambda s: s.value)
    highest = max(speedups, key=lambda s: s.value)
    if not _is_more(highest, lowest):
        return (
            f"No: it stays between {lowest.text} and {highest.text} "
            f"from {words.size(first.size)} to {words.size(last.size)}."
        )
    if top is first:
        return f"No, it shrinks: from {_at(first)} to {_at(last)}."
    if _falls_before(top, speedups):
        return f"It rises and falls: {_at(lowest)}, {_at(highest)}, {_at(last)}."
    if top is last:
        return (
            f"Yes: from {_at(first)} to {_at(last)}, the largest picture that was measured; "
            f"it may grow further."
        )
    return f"Yes, from {_at(first)} to {_at(top)}; {_beyond(top, last)}."


def _beyond(top: Speedup, last: Speedup) -> str:
    if _is_more(top, last):
        return f"beyond it falls, to {_at(last)}"
    return f"larger pictures gain no more ({_at(last)})"


def _after(found: Speedup, speedups: Sequence[Speedup]) -> Sequence[Speedup]:
    return speedups[list(speedups).index(found) + 1 :]


def _falls_before(top: Speedup, speedups: Sequence[Speedup]) -> bool:
    rising = speedups[: list(speedups).index(top) + 1]
    return any(_is_more(a, b) for a in rising for b in _after(a, rising))


def _is_more(one: Speedup, other: Speedup) -> bool:
    """Beyond the noise, and by enough to matter."""
    return one.low > other.high and one.value > LEVEL * other.value


def _at(found: Speedup) -> str:
    return f"{found.text} at {words.size(found.size)}"


def _wins(pair: Pair) -> tuple[str, ...]:
    return tuple(
        f"{words.KINDS[kind].capitalize()}: {wins_from(speedups)}"
        for kind in words.KINDS
        if (speedups := pair.speedups(kind))
    )


def wins_from(speedups: Sequence[Speedup]) -> str:
    """From which size on the GPU is faster, beyond the noise."""
    if any(found.count == 1 for found in speedups):
        return "not known; a single sample does not tell a difference from noise."
    winning = [found for found in speedups if found.is_faster]
    if not winning:
        last = speedups[-1]
        return f"at no size that was measured ({_at(last)}, {last.interval})."
    lasting = len(speedups)
    while lasting and speedups[lasting - 1].is_faster:
        lasting -= 1
    if lasting == 0:
        return f"at every size that was measured, from {words.size(speedups[0].size)} on."
    if lasting == len(speedups):
        sizes = words.listed([words.size(found.size) for found in winning])
        return f"only at {sizes}, and not at the largest ({_at(speedups[-1])})."
    before = speedups[lasting - 1]
    return f"from {words.size(speedups[lasting].size)} on; {_at(before)} ({before.interval})."


def _one_off(pair: Pair, size: Size) -> tuple[str, ...]:
    said = [
        f"A one-off dream at {words.size(size)} takes {found.slow.text} on the CPU and "
        f"{found.quick.text} on the GPU: {_verdict(found)} ({found.interval})."
        for found in pair.speedups("cold")
        if found.size == size
    ]
    said += [text for line in (pair.cpu, pair.gpu) if (text := starting(line, size))]
    return tuple(said) or ("Not measured.",)


def _further_gpus(pair: Pair, kind: Kind, size: Size) -> list[Point]:
    cpu = pair.cpu
    lines = [
        line
        for line in sound(cpu.run)
        if not line.on_cpu and line is not pair.gpu and (kind, size) in line.series
    ]
    said = tuple(_beside(speedup(cpu, line, kind, size), line, cpu) for line in lines)
    return [Point("Other ways to use a GPU?", said)] if said else []


def _beside(found: Speedup, line: Line, cpu: Line) -> str:
    """Another contender against the CPU that the headline is about."""
    precision = words.clean(line.contender.precision)
    return (
        f"{line.name} ({line.device}, {precision}): {found.quick.text}, "
        f"{words.figures(found.value)} times as fast as {cpu.name} ({found.interval})."
    )


# --- CPU only, or less -------------------------------------------------------------------------


def _on_the_cpu(cpu: Line) -> Answer:
    kind = next(kind for kind in KINDS if cpu.sizes(kind))
    size = SEED_SIZE if SEED_SIZE in cpu.sizes(kind) else cpu.sizes(kind)[0]
    found = _figure(cpu, kind, size)
    points = [
        Point("Why is no GPU compared?", _why_no_gpu(cpu.run)),
        Point("How does the time grow with the picture?", per_pixel(cpu, kind)),
        Point("And if the program must first be started?", _start_alone(cpu, size)),
        *_others_on_the_cpu(cpu, kind, size),
    ]
    return Answer(
        headline=found.text,
        unit=f"{ONE[kind]} on the CPU; no GPU compared",
        sentence=f"How much faster a GPU is cannot be said here: none was compared. At "
        f"{_place(size)} {WHAT[kind]} takes {found.text} on the CPU ({_described(cpu)}).",
        noise=found.noise,
        points=tuple(points),
        cautions=tuple(cautions(cpu.run)),
    )


def _without_a_cpu(run: Run) -> Answer:
    gpu = next(iter(sound(run)), None)
    if gpu is None:
        return _nothing(run)
    kind = next(kind for kind in KINDS if gpu.sizes(kind))
    size = SEED_SIZE if SEED_SIZE in gpu.sizes(kind) else gpu.sizes(kind)[0]
    found = _figure(gpu, kind, size)
    points = [
        Point("How does the time grow with the picture?", per_pixel(gpu, kind)),
        Point("And if the program must first be started?", _start_alone(gpu, size)),
    ]
    return Answer(
        headline=found.text,
        unit=f"{ONE[kind]} on the GPU; no CPU to compare with",
        sentence=f"No speed-up can be given: there is no CPU to compare with. At {_place(size)} "
        f"{WHAT[kind]} takes {found.text} on {gpu.name} ({_described(gpu)}).",
        noise=found.noise,
        points=tuple(points),
        cautions=tuple(cautions(run)),
    )


def _nothing(run: Run) -> Answer:
    reason = "every contender failed its check" if run.lines else "nothing was measured"
    points = (Point("Why is no GPU compared?", _why_no_gpu(run)),)
    sentence = f"How much faster a GPU is cannot be said here: {reason}."
    return Answer("No answer", "", sentence, "", points, tuple(cautions(run)))


def _figure(line: Line, kind: Kind, size: Size) -> Figure:
    found = figure(line, kind, size)
    assert found is not None  # asked for only where it was measured
    return found


def _why_no_gpu(run: Run) -> tuple[str, ...]:
    said = [
        f"{words.clean(contender.name)}: {reason(contender)}."
        for contender in run.result.contenders
        if contender.missing and not computes_on_cpu(contender, run.result.machine)
    ]
    for line in run.lines:
        if line.on_cpu:
            continue
        if line.failed:
            said.append(f"{line.name} failed its check.")
        else:
            said.append(f"{line.name} was measured, but nothing of its kind on the CPU beside it.")
    return tuple(said) or ("No GPU was asked for.",)


def reason(missing: Contender) -> str:
    """Why a contender is missing, without what its name says already."""
    said = words.clean(missing.missing or "")
    return said.removeprefix(f"backend {words.clean(missing.name)} cannot be used here: ")


def per_pixel(line: Line, kind: Kind) -> tuple[str, ...]:
    """How the time grows from the smallest to the largest picture."""
    sizes = line.sizes(kind)
    if len(sizes) < 2:
        return ("Not known: only one size was measured.",)
    ends = sizes[0], sizes[-1]
    first, last = (_figure(line, kind, size) for size in ends)
    more = words.pixels(ends[1]) / words.pixels(ends[0])
    return (
        f"{words.size(ends[1])} has {words.figures(more)} times as many pixels as "
        f"{words.size(ends[0])}, and takes {words.figures(last.median / first.median)} times "
        "as long.",
        *(
            f"At {words.size(size)}: {found.text}, {_each_pixel(found, size)} for each pixel "
            f"({found.noise})."
            for size, found in zip(ends, (first, last), strict=True)
        ),
    )


def _each_pixel(found: Figure, size: Size) -> str:
    return words.seconds(found.median / words.pixels(size))


def _start_alone(line: Line, size: Size) -> tuple[str, ...]:
    return (starting(line, size) or "Not measured.",)


# --- Both --------------------------------------------------------------------------------------


def starting(line: Line, size: Size) -> str:
    """What share of a one-off dream is gone before its first step, and what the first ones take."""
    sizes = line.sizes("cold")
    if not sizes:
        return ""
    nearest = size if size in sizes else sizes[0]
    before, first = part_shares(line, nearest, START), part_shares(line, nearest, FIRST)
    if not before:
        return ""
    found = _figure(line, "cold", nearest)
    return (
        f"On {line.name} starting is {_share(before)} of a one-off dream at {words.size(nearest)}, "
        f"which takes {found.text} in all ({found.noise}). The first step of each octave, in which "
        f"room is made and kernels are chosen, is {_share(first)}."
    )


def part_shares(line: Line, size: Size, parts: Sequence[str]) -> list[float]:
    """Of each sample of a one-off dream whose parts were measured."""
    return [
        sum(sample.parts.get(part, 0.0) for part in parts) / sample.seconds
        for sample in line.series["cold", size].samples
        if sample.parts
    ]


def _share(shares: Sequence[float]) -> str:
    middle = words.percent(float(np.median(shares)))
    return f"{middle} ({words.percent(min(shares))} to {words.percent(max(shares))})"


def _others_on_the_cpu(cpu: Line, kind: Kind, size: Size) -> list[Point]:
    """Other thread counts and libraries, against the CPU that the headline is about."""
    lines = [
        line
        for line in sound(cpu.run)
        if line.on_cpu and line is not cpu and (kind, size) in line.series
    ]
    said = tuple(_longer(speedup(line, cpu, kind, size), line, cpu) for line in lines)
    return [Point("Other ways to use the CPU?", said)] if said else []


def _longer(found: Speedup, line: Line, cpu: Line) -> str:
    """`found` is how many times as fast `cpu` is as `line`."""
    return (
        f"{line.name} takes {found.slow.text}, {words.figures(found.value)} times as long as "
        f"{cpu.name} ({found.interval})."
    )


def _against_a_faster_cpu(pair: Pair, kind: Kind, size: Size) -> list[str]:
    """The GPU against other ways to use the CPU, where those beat the one of the headline."""
    faster = [
        line
        for line in sound(pair.cpu.run)
        if line.on_cpu
        and line is not pair.cpu
        and (kind, size) in line.series
        and speedup(line, pair.cpu, kind, size).is_slower
    ]
    return [
        f"{line.name} is faster than {pair.cpu.name}, which the GPU is set against here; against "
        f"it the GPU is {found.text} as fast ({found.interval})."
        for line in faster
        for found in [speedup(line, pair.gpu, kind, size)]
    ]


def cautions(run: Run) -> list[str]:
    """What a reader must know before believing anything."""
    said = [words.sentence(words.clean(warning)) for warning in run.result.warnings]
    if not run.result.complete:
        said.insert(0, "The measurement was interrupted; what is missing is missing for that.")
    said += [_failure(line) for line in run.lines if line.failed]
    said += [
        f"{line.name}: its device is not known, and may be a processor that plays a GPU."
        for line in sound(run)
        if not line.on_cpu and line.contender.device is None
    ]
    unchecked = [line.name for line in sound(run) if not line.checks and not _is_judge(line)]
    if unchecked:
        said.append(f"Not checked for correctness: {words.listed(unchecked)}.")
    return said + _unsettled(run)


def _failure(line: Line) -> str:
    failed = next(check for check in line.checks if not check.passed)
    return (
        f"{line.name} failed its check at {words.size(failed.size)} and is left out of the "
        f"answer: against {words.clean(failed.reference)}, {deviation(failed)}; "
        f"required was {words.clean(failed.limit)}."
    )


def deviation(check: Check) -> str:
    """How far a contender was from its reference."""
    said = []
    if check.equal:
        said.append("equal dreams")
    elif check.psnr is not None:
        said.append(f"dreams {words.figures(check.psnr)} dB apart")
    if check.gradient_error is not None:
        said.append(f"gradient off by {words.figures(check.gradient_error, 2)} of its length")
    return ", ".join(said) or "nothing to compare"


def _is_judge(line: Line) -> bool:
    return any(check.reference == line.contender.name for check in line.run.result.checks)


def _unsettled(run: Run) -> list[str]:
    said = [
        f"{line.name}, {words.KINDS[kind]} at {words.size(size)}: the spread did not settle"
        + (f" ({words.clean(series.note)})." if series.note else ".")
        for line in run.lines
        for (kind, size), series in line.series.items()
        if not series.stable
    ]
    if len(said) <= MOST_NAMED:
        return said
    measured = sum(len(line.series) for line in run.lines)
    return [f"{len(said)} of {measured} measurements did not settle; each is marked in its table."]
