"""What a dream costs beside time, energy and money, and what slowed the machine, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from ort_deepdream.measure.analysis import Analysis, ordered
from ort_deepdream.measure.throughput import best
from ort_deepdream.report import words


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
            alone = one.tried[0]
            most = one.tried[best([tried.dreams_per_hour for tried in one.tried])]
            yield (
                f"With {place}, {words.counted(most.at_once, 'dream')} at once make "
                f"{words.figures(most.dreams_per_hour)} an hour, each in "
                f"{words.seconds(median(most.seconds))}; one alone makes "
                f"{words.figures(alone.dreams_per_hour)} an hour, each in "
                f"{words.seconds(median(alone.seconds))}."
            )


def prices(analysis: Analysis) -> Iterator[str]:
    """Yield what a thousand further dreams cost, one after another, where a price was given."""
    hour = analysis.result.price_per_hour
    for contender in analysis.sound if hour is not None else ():
        told = [
            f"{words.figures(price)} at {words.size(size)}"
            for size in ordered(contender.sizes("warm"))
            if (price := contender.price(size)) is not None
        ]
        if told and hour is not None:
            yield (
                f"At {words.figures(hour)} for an hour a thousand further dreams, one after "
                f"another, cost with {contender.name} {words.listed(told)}."
            )
