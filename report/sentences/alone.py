"""The answer where there is no CPU and GPU to compare: what one contender takes, and why so."""

from __future__ import annotations

from ort_deepdream.measure.analysis import KINDS, Analysis, NoSpeedup, TimedContender, speedup
from ort_deepdream.measure.result import Kind, Size
from ort_deepdream.measure.seed_table import SIZE as SEED_SIZE
from ort_deepdream.report import words
from ort_deepdream.report.figures import interval_in_words, noise
from ort_deepdream.report.sentences.beside import other_cpus, others_on_the_cpu, starting
from ort_deepdream.report.sentences.cautions import cautions
from ort_deepdream.report.sentences.head import (
    WHAT,
    Answer,
    Point,
    described,
    place,
    threads_of,
    verdict_on,
)

ONE: dict[Kind, str] = {"warm": "a dream", "step": "a step", "cold": "a one-off dream"}


def on_the_cpu(analysis: Analysis, cpu: TimedContender, why: NoSpeedup) -> Answer:
    """Return the answer whose headline is the CPU's time, beside another way to use the CPU."""
    kind, size = _alone(cpu)
    others = other_cpus(analysis, cpu, kind, size)
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
            *others_on_the_cpu(analysis, cpu, kind, size),
        ),
    )


def without_a_cpu(analysis: Analysis, gpu: TimedContender, why: NoSpeedup) -> Answer:
    """Return the answer whose headline is an accelerator's time."""
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


def _takes(contender: TimedContender, where: str) -> str:
    """Return how long it takes, where nothing can be set beside it."""
    kind, size = _alone(contender)
    takes = words.seconds(contender.figures[kind, size].median)
    return f"At {place(size)} {WHAT[kind]} takes {takes} on {where} ({described(contender)})."


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
        f"At {place(size)} {WHAT[kind]} takes {words.seconds(found.quick.median)} on the CPU with "
        f"{ours} ({cpu.device}, {threads_of(cpu)}) and {words.seconds(found.slow.median)} with "
        f"{theirs}: "
        f"{verdict_on(ours, found)} ({interval_in_words(found)})."
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


def nothing_sound(analysis: Analysis, why: NoSpeedup) -> Answer:
    """Return the answer where nothing was timed that passed its check."""
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
