"""The answer in words, made from what one result says; every figure beside its noise.

What cannot be said is said so, with its reason. What is decided is decided in measure/analysis.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ort_deepdream.measure.analysis import (
    FIRST,
    KINDS,
    STARTING,
    Analysis,
    NoSpeedup,
    Pair,
    Speedup,
    TimedContender,
    speedup,
)
from ort_deepdream.measure.result import Kind, Size
from ort_deepdream.measure.seed_table import SIZE as SEED_SIZE
from ort_deepdream.report import words
from ort_deepdream.report.figures import (
    headline_noise,
    interval,
    interval_in_words,
    noise,
    pace,
    ratio_in_words,
    times,
)
from ort_deepdream.report.sentences.cautions import cautions
from ort_deepdream.report.sentences.costs import costs
from ort_deepdream.report.sentences.growth import at_size, growth, wins_from

WHAT: dict[Kind, str] = {
    "warm": "a dream in a program that is already running",
    "step": "one step of a dream",
    "cold": "a one-off dream, starting included,",
}
ONE: dict[Kind, str] = {"warm": "a dream", "step": "a step", "cold": "a one-off dream"}


@dataclass(frozen=True)
class Point:
    """A question, and what the numbers say to it."""

    question: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """The head of a page."""

    headline: str
    unit: str  # what the headline counts
    sentence: str
    noise: str
    points: tuple[Point, ...]
    cautions: tuple[str, ...]


def answer(analysis: Analysis) -> Answer:
    """Return what a result says to the question of how much faster a GPU is."""
    found, said = _answer(analysis), costs(analysis)
    point = Point("What does a dream cost beside time?", said)
    return replace(found, points=(*found.points, point)) if said else found


def _answer(analysis: Analysis) -> Answer:
    if analysis.leading is not None:
        return _on_a_gpu(analysis, analysis.leading)
    assert analysis.no_speedup is not None  # where no pair leads
    if not analysis.sound:
        return _nothing(analysis, analysis.no_speedup)
    if analysis.baseline is not None:
        return _on_the_cpu(analysis, analysis.baseline, analysis.no_speedup)
    return _without_a_cpu(analysis, analysis.sound[0], analysis.no_speedup)


# --- CPU and GPU -------------------------------------------------------------------------------


def _on_a_gpu(analysis: Analysis, pair: Pair) -> Answer:
    kind, first = pair.kind, pair.headline
    speedups = pair.speedups[kind]
    points = [
        Point("At other sizes?", _other_sizes(speedups, first)),
        Point("Does the advantage grow with the picture?", (growth(speedups),)),
        Point(f"From which size on does {_called(pair)} win?", _wins(pair)),
        Point("And if the program must first be started?", _one_off(pair, first.size)),
        *_further_gpus(analysis, pair, kind, first.size),
        *_others_on_the_cpu(analysis, pair.cpu, kind, first.size),
    ]
    return Answer(
        headline=f"{times(first)}×",
        unit=f"{pace(first)} on {_called(pair)} as on the CPU",
        sentence=_sentence(pair, kind, first),
        noise=headline_noise(first),
        points=tuple(points),
        cautions=(
            *_against_a_faster_cpu(analysis, pair, kind, first.size),
            *cautions(analysis),
        ),
    )


def _sentence(pair: Pair, kind: Kind, found: Speedup) -> str:
    return (
        f"At {_place(found.size)} {WHAT[kind]} takes {words.seconds(found.slow.median)} on the CPU "
        f"({_described(pair.cpu)}) and {words.seconds(found.quick.median)} on {_called(pair)} "
        f"({_described(pair.accelerator)}): {_verdict_on(_called(pair), found)}."
    )


def _called(pair: Pair) -> str:
    """Return what the accelerator is called: a GPU only where its device is known."""
    contender = pair.accelerator
    return "the GPU" if contender.record.device is not None else contender.name


def _place(size: Size) -> str:
    return f"{words.size(size)} pixels{', the size of 2019,' if size == SEED_SIZE else ''}"


def _described(contender: TimedContender) -> str:
    threads = f", {_threads(contender)}" if contender.on_processor else ""
    return f"{contender.device}{threads}; {words.clean(contender.record.library)}"


def _threads(contender: TimedContender) -> str:
    threads = contender.record.threads
    if threads is None:
        return f"all {words.counted(contender.result.machine.cores, 'core')}"
    return words.counted(threads, "thread")


def _verdict_on(called: str, found: Speedup) -> str:
    """Return whether what is `called` so is faster, slower, or neither beyond the noise."""
    if found.is_faster:
        return f"{called} is {ratio_in_words(found)}"
    if found.is_slower:
        return f"{called} is slower and takes {ratio_in_words(found)}"
    if found.count == 1:
        return f"{ratio_in_words(found)} by one sample, which does not tell a difference from noise"
    return "no difference can be told from the noise"


def _other_sizes(speedups: Sequence[Speedup], first: Speedup) -> tuple[str, ...]:
    others = [found for found in speedups if found is not first]
    return tuple(f"{at_size(found)} ({interval(found)})." for found in others) or (
        "No other size was measured on both.",
    )


def _wins(pair: Pair) -> tuple[str, ...]:
    return tuple(
        f"{words.KINDS[kind].capitalize()}: {wins_from(pair.speedups[kind])}"
        for kind in words.KINDS
        if kind in pair.speedups
    )


def _one_off(pair: Pair, size: Size) -> tuple[str, ...]:
    said = [
        f"A one-off dream at {words.size(size)} takes {words.seconds(found.slow.median)} on the "
        f"CPU and {words.seconds(found.quick.median)} on {_called(pair)}: "
        f"{_verdict_on(_called(pair), found)} ({interval_in_words(found)})."
        for found in pair.speedups.get("cold", ())
        if found.size == size
    ]
    said += [text for one in (pair.cpu, pair.accelerator) if (text := starting(one, size))]
    return tuple(said) or ("Not measured.",)


def _further_gpus(analysis: Analysis, pair: Pair, kind: Kind, size: Size) -> list[Point]:
    said = tuple(
        _beside(speedup(pair.cpu, contender, kind, size), contender, pair.cpu)
        for contender in analysis.accelerators
        if contender is not pair.accelerator and (kind, size) in contender.series
    )
    return [Point("Other ways to use a GPU?", said)] if said else []


def _beside(found: Speedup, contender: TimedContender, cpu: TimedContender) -> str:
    """Return what another contender is against the CPU that the headline is about."""
    precision = words.clean(contender.record.precision)
    return (
        f"{contender.name} ({contender.device}, {precision}) takes "
        f"{words.seconds(found.quick.median)}, {_against(found, cpu)}."
    )


def _against(found: Speedup, other: TimedContender) -> str:
    return f"{ratio_in_words(found)} as {other.name} ({interval_in_words(found)})"


# --- CPU only, or less -------------------------------------------------------------------------


def _on_the_cpu(analysis: Analysis, cpu: TimedContender, why: NoSpeedup) -> Answer:
    kind, size = _alone(cpu)
    others = _other_cpus(analysis, cpu, kind, size)
    rival = min(others, key=lambda other: _as_rival(cpu, other, kind, size), default=None)
    return _about_one(
        analysis,
        cpu,
        first=_takes(cpu, "the CPU") if rival is None else _beside_a_rival(cpu, rival, kind, size),
        why=why,
        unit=f"{ONE[kind]} on the CPU; no GPU compared",
        points=(
            Point("Why is no GPU compared?", why.details or ("No GPU was asked for.",)),
            *_growing(cpu, kind, size),
            *_others_on_the_cpu(analysis, cpu, kind, size),
        ),
    )


def _without_a_cpu(analysis: Analysis, gpu: TimedContender, why: NoSpeedup) -> Answer:
    kind, size = _alone(gpu)
    return _about_one(
        analysis,
        gpu,
        first=_takes(gpu, gpu.name),
        why=why,
        unit=f"{ONE[kind]} on the GPU; no CPU to compare with",
        points=_growing(gpu, kind, size),
    )


def _about_one(
    analysis: Analysis,
    contender: TimedContender,
    first: str,
    why: NoSpeedup,
    unit: str,
    points: tuple[Point, ...],
) -> Answer:
    """Return the answer whose headline is one contender's time; `first` is said before why."""
    found = contender.figures[_alone(contender)]
    return Answer(
        headline=words.seconds(found.median),
        unit=unit,
        sentence=f"{first} {why.sentence}",
        noise=noise(found),
        points=points,
        cautions=tuple(cautions(analysis)),
    )


def _takes(contender: TimedContender, place: str) -> str:
    """Return how long it takes, where nothing can be set beside it."""
    kind, size = _alone(contender)
    takes = words.seconds(contender.figures[kind, size].median)
    return f"At {_place(size)} {WHAT[kind]} takes {takes} on {place} ({_described(contender)})."


def _as_rival(
    cpu: TimedContender, other: TimedContender, kind: Kind, size: Size
) -> tuple[bool, bool, float]:
    """Order what a CPU may be set against: another library and full precision, then the fastest."""
    same = other.record.library == cpu.record.library
    return same, not other.is_full_precision, other.figures[kind, size].median


def _beside_a_rival(cpu: TimedContender, rival: TimedContender, kind: Kind, size: Size) -> str:
    """Return what the CPU takes, what another way to use it takes, and which is faster."""
    found = speedup(rival, cpu, kind, size)
    ours, theirs = _told_apart(cpu, rival)
    return (
        f"At {_place(size)} {WHAT[kind]} takes {words.seconds(found.quick.median)} on the CPU with "
        f"{ours} ({cpu.device}, {_threads(cpu)}) and {words.seconds(found.slow.median)} with "
        f"{theirs}: "
        f"{_verdict_on(ours, found)} ({interval_in_words(found)})."
    )


def _told_apart(one: TimedContender, other: TimedContender) -> tuple[str, str]:
    """Return what tells two contenders apart: their libraries, or their names."""
    if one.record.library == other.record.library:
        return one.name, other.name
    return words.clean(one.record.library), other.name


def _alone(contender: TimedContender) -> tuple[Kind, Size]:
    """Return the kind and the size that a headline about one contender is made of."""
    kind = next(kind for kind in KINDS if contender.sizes(kind))
    sizes = contender.sizes(kind)
    return kind, SEED_SIZE if SEED_SIZE in sizes else sizes[0]


def _growing(contender: TimedContender, kind: Kind, size: Size) -> tuple[Point, ...]:
    started = starting(contender, size) or "Not measured."
    return (
        Point("How does the time grow with the picture?", per_pixel(contender, kind)),
        Point("And if the program must first be started?", (started,)),
    )


def _nothing(analysis: Analysis, why: NoSpeedup) -> Answer:
    points = (Point("Why is no GPU compared?", why.details or ("No GPU was asked for.",)),)
    return Answer("No answer", "", why.sentence, "", points, tuple(cautions(analysis)))


def per_pixel(contender: TimedContender, kind: Kind) -> tuple[str, ...]:
    """Return how the time grows from the smallest to the largest picture."""
    sizes = contender.sizes(kind)
    if len(sizes) < 2:
        return ("Not known: only one size was measured.",)
    ends = sizes[0], sizes[-1]
    first, last = (contender.figures[kind, size] for size in ends)
    more = ends[1].pixels / ends[0].pixels
    return (
        f"{words.size(ends[1])} has {words.figures(more)} times as many pixels as "
        f"{words.size(ends[0])}, and takes {words.figures(last.median / first.median)} times "
        "as long.",
        *(
            f"At {words.size(size)}: {words.seconds(found.median)}, "
            f"{words.seconds(found.median / size.pixels)} for each pixel ({noise(found)})."
            for size, found in zip(ends, (first, last), strict=True)
        ),
    )


# --- Both --------------------------------------------------------------------------------------


def starting(contender: TimedContender, size: Size) -> str:
    """Return what share of a one-off dream is gone before its first step; "" if not measured."""
    sizes = contender.sizes("cold")
    if not sizes:
        return ""
    nearest = size if size in sizes else sizes[0]
    before, first = (part_shares(contender, nearest, parts) for parts in (STARTING, FIRST))
    if not before:
        return ""
    found = contender.figures["cold", nearest]
    return (
        f"On {contender.name} starting is {_share(before)} of a one-off dream at "
        f"{words.size(nearest)}, which takes {words.seconds(found.median)} in all "
        f"({noise(found)}). The first step of each octave, in which room is made and kernels are "
        f"chosen, is {_share(first)}."
    )


def part_shares(contender: TimedContender, size: Size, parts: Sequence[str]) -> list[float]:
    """Return what share some parts are of each one-off dream whose parts were measured."""
    return [part / whole for part, whole in contender.part_seconds(size, parts)]


def _share(shares: Sequence[float]) -> str:
    middle = words.percent(float(np.median(shares)))
    return f"{middle} ({words.percent(min(shares))} to {words.percent(max(shares))})"


def _others_on_the_cpu(
    analysis: Analysis, cpu: TimedContender, kind: Kind, size: Size
) -> list[Point]:
    """Set other thread counts and libraries against the CPU that the headline is about."""
    said = [
        f"{contender.name} takes {words.seconds(found.quick.median)}, {_against(found, cpu)}."
        for contender in _other_cpus(analysis, cpu, kind, size)
        for found in [speedup(cpu, contender, kind, size)]
    ]
    said += [
        f"{contender.name} is {cpu.name} by another name, with all "
        f"{words.counted(contender.result.machine.cores, 'core')}: what they differ by is noise."
        for contender in analysis.sound
        if contender is not cpu and contender.usual_name == cpu.usual_name
    ]
    return [Point("Other ways to use the CPU?", tuple(said))] if said else []


def _other_cpus(
    analysis: Analysis, cpu: TimedContender, kind: Kind, size: Size
) -> list[TimedContender]:
    return [
        contender
        for contender in analysis.sound
        if contender.on_processor
        and contender.usual_name != cpu.usual_name
        and (kind, size) in contender.series
    ]


def _against_a_faster_cpu(analysis: Analysis, pair: Pair, kind: Kind, size: Size) -> list[str]:
    """Set the GPU against other ways to use the CPU, where those beat the one of the headline."""
    faster = [
        contender
        for contender in _other_cpus(analysis, pair.cpu, kind, size)
        if speedup(pair.cpu, contender, kind, size).is_faster
    ]
    called = _called(pair)
    return [
        f"{contender.name} is faster than {pair.cpu.name}, which {called} is set against here; "
        f"against it {called} {'is' if found.value >= 1 else 'takes'} {ratio_in_words(found)} "
        f"({interval_in_words(found)})."
        for contender in faster
        for found in [speedup(contender, pair.accelerator, kind, size)]
    ]
