"""The answer where a GPU was measured beside the CPU."""

from __future__ import annotations

from collections.abc import Sequence

from ort_deepdream.measure.analysis import Analysis, Pair, Speedup, TimedContender, speedup
from ort_deepdream.measure.result import Kind, Size
from ort_deepdream.report import words
from ort_deepdream.report.figures import (
    headline_noise,
    interval,
    interval_in_words,
    pace,
    ratio_in_words,
    times,
)
from ort_deepdream.report.sentences.beside import other_cpus, others_on_the_cpu, starting
from ort_deepdream.report.sentences.cautions import cautions
from ort_deepdream.report.sentences.growth import at_size, growth, wins_from
from ort_deepdream.report.sentences.head import (
    WHAT,
    Answer,
    Point,
    against,
    described,
    place,
    verdict_on,
)


def on_a_gpu(analysis: Analysis, pair: Pair) -> Answer:
    """Return the answer whose headline is how many times as fast an accelerator is."""
    kind, first = pair.kind, pair.headline
    speedups = pair.speedups[kind]
    points = [
        Point("At other sizes?", _other_sizes(speedups, first)),
        Point("Does the advantage grow with the picture?", (growth(speedups),)),
        Point(f"From which size on does {_called(pair)} win?", _wins(pair)),
        Point("And if the program must first be started?", _one_off(pair, first.size)),
        *_further_gpus(analysis, pair, kind, first.size),
        *others_on_the_cpu(analysis, pair.cpu, kind, first.size),
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
        f"At {place(found.size)} {WHAT[kind]} takes {words.seconds(found.slow.median)} on the CPU "
        f"({described(pair.cpu)}) and {words.seconds(found.quick.median)} on {_called(pair)} "
        f"({described(pair.accelerator)}): {verdict_on(_called(pair), found)}."
    )


def _called(pair: Pair) -> str:
    """Return what the accelerator is called: a GPU only where its device is known."""
    contender = pair.accelerator
    return "the GPU" if contender.record.device is not None else contender.name


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
        f"{verdict_on(_called(pair), found)} ({interval_in_words(found)})."
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
        f"{words.seconds(found.quick.median)}, {against(found, cpu)}."
    )


def _against_a_faster_cpu(analysis: Analysis, pair: Pair, kind: Kind, size: Size) -> list[str]:
    """Set the GPU against other ways to use the CPU, where those beat the one of the headline."""
    faster = [
        contender
        for contender in other_cpus(analysis, pair.cpu, kind, size)
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
