"""The seed's table, repeated: trials of one dream, CPU and GPU, in 2019 and now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ort_deepdream.measure import seed_table
from ort_deepdream.measure.analysis import TimedContender
from ort_deepdream.report import words
from ort_deepdream.report.runs import Run
from ort_deepdream.report.tables.table import Table

TRIALS = len(seed_table.CPU.seconds)
DREAM = (seed_table.ARCHITECTURE, seed_table.LAYER)
STEPS = (seed_table.OCTAVES, seed_table.OCTAVE_SCALE, seed_table.ITERATIONS)


def then_and_now(runs: Sequence[Run]) -> Table:
    """Return a table of the first five trials, the median of all, and the ratio of the medians.

    A dash was not measured.
    """
    then = seed_table.CPU, seed_table.GPU
    columns: list[tuple[str, Sequence[float]]] = [
        (f"{seed_table.YEAR}, {row.name}", row.seconds) for row in then
    ]
    speedups = [_ratio(*(row.seconds for row in then))]
    for run in runs:
        leading = run.analysis.leading
        cpu, gpu = run.analysis.baseline, leading.accelerator if leading else None
        trials = [_trials(cpu), _trials(gpu)]
        columns += [(_heading("CPU", cpu, run), trials[0]), (_heading("GPU", gpu, run), trials[1])]
        speedups.append(_ratio(*trials))
    rows = [
        (f"trial {number + 1}", *(_cell(trials, number) for _, trials in columns))
        for number in range(TRIALS)
    ]
    if any(len(trials) > TRIALS for _, trials in columns):
        rows.append(("further trials", *(_further(trials) for _, trials in columns)))
    rows.append(("median of all", *(_median(trials) for _, trials in columns)))
    rows.append(("CPU / GPU", *(cell for found in speedups for cell in ("", found))))
    return Table(("", *(heading for heading, _ in columns)), tuple(rows))


def same_dream(run: Run) -> str:
    """Return what was dreamt now, and whether that can be set beside 2019."""
    model, settings = run.result.model, run.result.settings
    layers = words.listed([words.clean(layer) for layer in model.layers])
    now = f"Now{f' ({run.letter})' if run.letter else ''}"
    steps = f"{words.counted(settings.octaves, 'octave')} of {settings.iterations} steps"
    network = words.clean(model.architecture)
    said = f"{now}: {layers} of {network}, {steps}, dreamt in a program that is already running"
    steps_now = settings.octaves, settings.octave_scale, settings.iterations
    if ((model.architecture, *model.layers), steps_now) == (DREAM, STEPS):
        return f"{said}. The network, the layer and the steps are those of 2019."
    return f"{said}. That is not the dream of 2019, so the times are not to be compared with it."


def _heading(kind: str, contender: TimedContender | None, run: Run) -> str:
    when = f"{run.letter} · now" if run.letter else "now"
    return f"{when}, {contender.label if contender and not run.letter else kind}"


def _trials(contender: TimedContender | None) -> tuple[float, ...]:
    """Return all, in the order they were taken, as the seed's were."""
    return contender.seconds("warm", seed_table.SIZE) if contender else ()


def _cell(trials: Sequence[float], number: int) -> str:
    return words.seconds(trials[number]) if number < len(trials) else words.DASH


def _further(trials: Sequence[float]) -> str:
    return f"{len(trials) - TRIALS} more" if len(trials) > TRIALS else words.DASH


def _median(trials: Sequence[float]) -> str:
    return words.seconds(float(np.median(trials))) if trials else words.DASH


def _ratio(cpu: Sequence[float], gpu: Sequence[float]) -> str:
    if not cpu or not gpu:
        return words.DASH
    return words.times(float(np.median(cpu) / np.median(gpu)))
