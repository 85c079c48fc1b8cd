"""What no machine can have measured: dreams quicker than their arithmetic, or than their steps.

The least arithmetic of a step is counted from the network's convolutions, without the file that is
judged: forwards as much as each convolution's values take, and as much again for the gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from ort_deepdream.engine.octaves import octave_sizes
from ort_deepdream.measure.result import Contender, Kind, Limit, Result, Series, Size
from ort_deepdream.weights.architectures import ARCHITECTURES

# Winograd's algorithm does a 3x3 convolution with 2.25 times fewer operations than are counted.
FEWER = 2.25
NOISE = 1.1  # a peak that was measured while the machine was hot

# Beyond these no machine is: a core with two units of 16 lanes at 6 GHz does 0.4 Tflop/s, one with
# matrix tiles ten times as much; the largest accelerators a few Pflop/s in TF32.
MOST_OF_A_CORE = 4e12
MOST_OF_A_DEVICE = 5e15
MOST_BYTES = 2e13  # a second

SLOWEST_STRIDE = 32  # of a network: smaller octaves than that are not dreamt on
# An octave may be a little quicker than its share of pixels, never twice as quick.
LEAST_SHARE = 0.5
LEAST_GROWTH = 0.7  # of a larger picture's time over a smaller one's


def beyond_physics(result: Result) -> Iterator[str]:
    """Yield what cannot have been measured."""
    yield from _limits(result)
    yield from _steps(result)
    yield from _dreams(result)
    yield from _sizes(result)


def least_flop(architecture: str, layer: str, size: Size) -> float:
    """Return the operations that a step takes at least; 0 for a network or layer not known here.

    Of the layer's own block only the layer is counted: it may be one of several branches.
    """
    known = ARCHITECTURES.get(architecture)
    if known is None or layer not in known.layers:
        return 0.0
    names = [*known.layers]
    whole_block = layer.endswith("/output")
    block = layer.partition("/")[0]
    before = names[: names.index(layer) + 1]
    counted = [
        name for name in before if name == layer or whole_block or name.partition("/")[0] != block
    ]
    forwards = sum(
        2.0 * np.prod(known.parameters[f"{name}.weight"]) * _places(size, known.layers[name].stride)
        for name in counted
        if f"{name}.weight" in known.parameters
    )
    return float(2 * forwards)


def _places(size: Size, stride: int) -> int:
    return (size.width // stride) * (size.height // stride)


def _limits(result: Result) -> Iterator[str]:
    contenders = {one.name: one for one in result.contenders}
    for limit in result.limits:
        most = _most(result, contenders[limit.contender])
        if limit.flops > most:
            yield (
                f"{limit.contender} has a peak of {limit.flops:.3g} flop/s; no machine of its kind "
                f"does more than {most:.3g}"
            )
        if (limit.bytes_per_second or 0) > MOST_BYTES:
            yield f"{limit.contender} copies {limit.bytes_per_second:.3g} bytes a second"


def _most(result: Result, contender: Contender) -> float:
    """Return the operations a second beyond which nothing like a contender's device is."""
    on_cores = contender.threads is not None or contender.backend == "cpu"
    return result.machine.cores * MOST_OF_A_CORE if on_cores else MOST_OF_A_DEVICE


def _steps(result: Result) -> Iterator[str]:
    limits = {limit.contender: limit for limit in result.limits}
    contenders = {one.name: one for one in result.contenders}
    for series in result.series:
        if series.kind == "step" and series.samples:
            peak = _peak(limits.get(series.contender), _most(result, contenders[series.contender]))
            least = _flop(result, series.size) / (peak * FEWER * NOISE)
            fastest = min(_seconds(series))
            if fastest < least:
                yield (
                    f"a step of {series.contender} at {series.size} took {fastest:.3g} s; its "
                    f"arithmetic takes {least:.3g} s at least, by the recorded peak"
                )


def _peak(limit: Limit | None, most: float) -> float:
    return limit.flops if limit else most


def _flop(result: Result, size: Size) -> float:
    """Return the least operations of a step: a cheaper layer is in what a dearer one counts."""
    model = result.model
    return max(least_flop(model.architecture, layer, size) for layer in model.layers)


def _dreams(result: Result) -> Iterator[str]:
    """Hold a dream against its steps, and a one-off dream against a further one."""
    fastest = {
        (one.contender, one.size, one.kind): min(_seconds(one))
        for one in result.series
        if one.samples
    }
    for (name, size, kind), seconds in fastest.items():
        step = fastest.get((name, size, "step"))
        if kind == "warm" and step is not None:
            least = LEAST_SHARE * step * _steps_in_dream(result, size)
            if seconds < least:
                yield (
                    f"a dream of {name} at {size} took {seconds:.3g} s; its steps alone take "
                    f"{least:.3g} s at least"
                )
        warm = fastest.get((name, size, "warm"))
        if kind == "cold" and warm is not None and seconds < warm:
            yield f"a one-off dream of {name} at {size} is quicker than one without its start"


def _steps_in_dream(result: Result, size: Size) -> float:
    """Return how many steps at full size take as long as a dream's steps at least."""
    settings = result.settings
    sizes = octave_sizes(
        size.height, size.width, settings.octaves, settings.octave_scale, SLOWEST_STRIDE
    )
    share = sum(height * width for height, width in sizes) / size.pixels
    return float(settings.iterations * share)


def _sizes(result: Result) -> Iterator[str]:
    """Hold a larger picture against a smaller one."""
    found: dict[tuple[str, Kind], list[tuple[Size, float]]] = {}
    for series in result.series:
        if series.samples:
            middle = float(np.median(_seconds(series)))
            found.setdefault((series.contender, series.kind), []).append((series.size, middle))
    for (name, kind), timed in found.items():
        timed.sort(key=lambda one: one[0].pixels)
        for (small, quick), (large, slow) in pairwise(timed):
            if slow < quick * LEAST_GROWTH:
                yield (
                    f"{name}, {kind}: {large} took {slow:.3g} s and {small}, which is smaller, "
                    f"{quick:.3g} s"
                )


def _seconds(series: Series) -> list[float]:
    return [sample.seconds for sample in series.samples]
