"""All machines and ways of several runs in one order, as far as their samples tell one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ort_deepdream.measure.analysis import KINDS, TimedContender
from ort_deepdream.measure.result import Kind, Size
from ort_deepdream.measure.seed_table import SIZE as SEED_SIZE
from ort_deepdream.measure.statistics import Interval, ratio
from ort_deepdream.report import words
from ort_deepdream.report.figures import sure
from ort_deepdream.report.runs import Run
from ort_deepdream.report.tables.table import Table
from ort_deepdream.report.tables.versioned import versioned

WHO = ("rank", "machine", "contender")
TIMES = (
    "median",
    "95 % interval",
    "times as long as the first",
    "95 % interval of that",
)


@dataclass(frozen=True)
class Ranking:
    """The fastest first, by what most of the contenders were measured at."""

    title: str
    table: Table
    others: tuple[str, ...]  # letters of the runs that dreamt another dream, and have no rank


def ranking(runs: Sequence[Run]) -> Ranking | None:
    """Return the order of all sound contenders of several runs; None of one run alone.

    A rank is one more than how many are faster beyond the noise, so that two which the samples do
    not tell apart share theirs.
    """
    dreams = Counter(map(_dream, runs))
    dream = max(dreams, key=lambda one: dreams[one], default="")
    same = [run for run in runs if _dream(run) == dream]
    sound = [(run, one) for run in same for one in run.contenders if one.is_sound]
    measured = Counter(key for _, one in sound for key in one.series)
    if len(runs) < 2 or not measured:
        return None
    kind, size = max(measured, key=lambda key: _preference(measured[key], *key))
    ranked = sorted(
        ((run, one) for run, one in sound if (kind, size) in one.series),
        key=lambda pair: pair[1].figures[kind, size].median,
    )
    table = Table((*WHO, *TIMES), _rows(ranked, kind, size), len(WHO))
    return Ranking(
        f"{words.KINDS[kind].capitalize()} at {words.size(size)}",
        versioned(table, len(WHO), [one for _, one in ranked]),
        tuple(run.letter for run in runs if run not in same),
    )


def _dream(run: Run) -> str:
    """Return what was dreamt: the network, its layers and the settings, but for the seed."""
    model, settings = run.result.model, run.result.settings.model_dump(exclude={"seed"})
    return repr((model.architecture, model.layers, sorted(settings.items())))


def _preference(count: int, kind: Kind, size: Size) -> tuple[int, bool, int, int]:
    """Order measurements: what most have, the size of 2019, whole dreams, small pictures."""
    return count, size == SEED_SIZE, -KINDS.index(kind), -size.pixels


def _rows(
    ranked: Sequence[tuple[Run, TimedContender]], kind: Kind, size: Size
) -> tuple[tuple[str, ...], ...]:
    samples = [one.seconds(kind, size) for _, one in ranked]
    first = samples[0]
    return tuple(
        (
            str(1 + sum(_is_slower(own, other) for other in samples[:place])),
            f"{run.letter} · {run.title}",
            one.name,
            words.seconds(one.figures[kind, size].median),
            sure(one.figures[kind, size]),
            *_cells(ratio(own, first, paired=False), place, min(len(own), len(first))),
        )
        for place, ((run, one), own) in enumerate(zip(ranked, samples, strict=True))
    )


def _is_slower(ours: Sequence[float], theirs: Sequence[float]) -> bool:
    """Tell whether ours are slower beyond the noise, which a single sample does not say."""
    return min(len(ours), len(theirs)) > 1 and ratio(ours, theirs, paired=False).low > 1


def _cells(found: Interval, place: int, count: int) -> tuple[str, str]:
    if place == 0:
        return "1×", words.DASH
    span = words.between(found.low, found.high, "×") if count > 1 else words.DASH
    return words.times(found.value), span
