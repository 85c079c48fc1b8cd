"""What stands beside a headline: what starting takes, and other ways to use the CPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ort_deepdream.measure.analysis import FIRST, STARTING, Analysis, TimedContender, speedup
from ort_deepdream.measure.result import Kind, Size
from ort_deepdream.report import words
from ort_deepdream.report.figures import noise
from ort_deepdream.report.sentences.head import Point, against


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


def others_on_the_cpu(
    analysis: Analysis, cpu: TimedContender, kind: Kind, size: Size
) -> list[Point]:
    """Set other thread counts and libraries against the CPU that the headline is about."""
    said = [
        f"{contender.name} takes {words.seconds(found.quick.median)}, {against(found, cpu)}."
        for contender in other_cpus(analysis, cpu, kind, size)
        for found in [speedup(cpu, contender, kind, size)]
    ]
    said += [
        f"{contender.name} is {cpu.name} by another name, with all "
        f"{words.counted(contender.result.machine.cores, 'core')}: what they differ by is noise."
        for contender in analysis.sound
        if contender is not cpu and contender.usual_name == cpu.usual_name
    ]
    return [Point("Other ways to use the CPU?", tuple(said))] if said else []


def other_cpus(
    analysis: Analysis, cpu: TimedContender, kind: Kind, size: Size
) -> list[TimedContender]:
    """Return the other sound ways to use the CPU that were measured so."""
    return [
        contender
        for contender in analysis.sound
        if contender.on_processor
        and contender.usual_name != cpu.usual_name
        and (kind, size) in contender.series
    ]
