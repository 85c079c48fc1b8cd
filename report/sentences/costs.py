"""What a dream costs beside time, energy and money, and what slowed the machine, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from ort_deepdream.measure.analysis import Analysis, ordered
from ort_deepdream.measure.result import AtOnce, Throughput
from ort_deepdream.measure.throughput import best
from ort_deepdream.report import words


def costs(analysis: Analysis) -> tuple[str, ...]:
    """Return all that there is to say of what dreams cost."""
    return (*throughput(analysis), *energy(analysis), *prices(analysis))


def slowed(analysis: Analysis) -> Iterator[str]:
    """Yield a sentence for each series of which a sensor saw samples slowed."""
    for contender in analysis.contenders:
        for (kind, size), reasons in contender.slowed().items():
            samples = contender.series[kind, size].samples
            count = sum(bool(sample.slowed) for sample in samples)
            told = words.listed([words.clean(reason) for reason in reasons])
            kept = "left out" if count < len(samples) else "kept, for there are no others"
            yield (
                f"{contender.name}, {words.KINDS[kind]} at {words.size(size)}: {count} of "
                f"{words.counted(len(samples), 'sample')} slowed and {kept}: {told}."
            )


def energy(analysis: Analysis) -> Iterator[str]:
    """Yield what a further dream takes at each size that was measured; why not, where nothing was.

    Files from before there were sensors say nothing of it.
    """
    reasons = []
    for one in analysis.result.energy:
        if one.missing is not None:
            reasons.append(words.clean(one.missing))
        elif one.dreams:
            total = sum(one.joules.values()) / one.dreams
            parts = [
                f"{words.clean(name)} {words.amount(joules / one.dreams, 'J')}"
                for name, joules in one.joules.items()
            ]
            yield (
                f"A further dream at {words.size(one.size)} with {words.clean(one.contender)} "
                f"takes {words.amount(total, 'J')} ({', '.join(parts)}; of "
                f"{words.counted(one.dreams, 'dream')} in {words.seconds(one.seconds)}, "
                f"what idles included)."
            )
    for reason in dict.fromkeys(reasons):
        yield f"Energy was not measured: {reason}."


def throughput(analysis: Analysis) -> Iterator[str]:
    """Yield how many dreams an hour make the most of each contender, and how long each takes."""
    for one in analysis.result.throughput:
        place = f"{words.clean(one.contender)} at {words.size(one.size)}"
        if one.missing is not None:
            yield f"Throughput was not measured of {place}: {words.clean(one.missing)}."
        elif one.tried:
            alone, most = one.tried[0], _best(one)
            yield (
                f"With {place}, {words.counted(most.at_once, 'dream')} at once make "
                f"{words.figures(most.dreams_per_hour)} an hour, each in "
                f"{words.seconds(median(most.seconds))}; one alone makes "
                f"{words.figures(alone.dreams_per_hour)} an hour, each in "
                f"{words.seconds(median(alone.seconds))}."
            )


def _best(found: Throughput) -> AtOnce:
    return found.tried[best([one.dreams_per_hour for one in found.tried])]


def prices(analysis: Analysis) -> Iterator[str]:
    """Yield what a thousand further dreams cost where a price was given, several at once, too."""
    hour = analysis.result.price_per_hour
    if hour is None:
        return
    for contender in analysis.sound:
        told = [
            f"{words.figures(price)} at {words.size(size)}"
            for size in ordered(contender.sizes("warm"))
            if (price := contender.price(size)) is not None
        ]
        told += [
            f"{words.figures(hour / most.dreams_per_hour * 1000)} at {words.size(one.size)} with "
            f"{most.at_once} at once"
            for one in analysis.result.throughput
            if one.contender == contender.record.name and one.tried
            for most in [_best(one)]
            if most.at_once > 1
        ]
        if told:
            yield (
                f"At {words.figures(hour)} an hour a thousand further dreams with "
                f"{contender.name} cost {words.listed(told)}."
            )
