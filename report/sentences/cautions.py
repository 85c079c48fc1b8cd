"""What a reader must know before believing a result."""

from __future__ import annotations

from ort_deepdream.measure.agreement import ITERATIONS
from ort_deepdream.measure.analysis import Analysis, TimedContender
from ort_deepdream.measure.result import Check
from ort_deepdream.report import words
from ort_deepdream.report.sentences.costs import slowed

# What is compared: whole dreams amplify the last digit, and are no two alike.
SHORT = f"dreams of {words.counted(ITERATIONS, 'step')} in each octave"
MOST_NAMED = 3  # measurements that did not settle: more are counted


def cautions(analysis: Analysis) -> list[str]:
    """Return sentences on interruptions, other processes, failed checks, doubts and noise."""
    result = analysis.result
    said = [words.sentence(words.clean(warning)) for warning in result.warnings]
    if not result.complete:
        said.insert(0, "The measurement was interrupted; what is missing is missing for that.")
    said += [_failure(one) for one in analysis.contenders if not one.is_sound]
    said += unknown_devices(analysis)
    if analysis.unchecked:
        names = words.listed([contender.name for contender in analysis.unchecked])
        said.append(f"Not checked for correctness: {names}.")
    return [*said, *slowed(analysis), *_unsettled(analysis)]


def unknown_devices(analysis: Analysis) -> list[str]:
    """Return a sentence for each accelerator that may be none."""
    return [
        f"{contender.name}: its device is not known, and may be a processor that plays a GPU."
        for contender in analysis.unknown_devices
    ]


def _failure(contender: TimedContender) -> str:
    failed = next(check for check in contender.checks if not check.passed)
    return (
        f"{contender.name} failed its check at {words.size(failed.size)} and is left out of the "
        f"answer: against {words.clean(failed.reference)}, {deviation(failed)}; "
        f"required was {words.clean(failed.limit)}."
    )


def deviation(check: Check) -> str:
    """Return how far a contender was from its reference, in words."""
    said = []
    if check.equal:
        said.append(f"{SHORT} equal in every pixel")
    elif check.psnr is not None:
        said.append(f"{SHORT} alike to {words.figures(check.psnr)} dB")
    if check.gradient_error is not None:
        said.append(f"gradient off by {words.figures(check.gradient_error, 2)} of its length")
    return ", ".join(said) or "nothing to compare"


def _unsettled(analysis: Analysis) -> list[str]:
    said = [
        f"{contender.name}, {words.KINDS[kind]} at {words.size(size)}: the spread did not settle"
        + (f" ({figure.note})." if figure.note else ".")
        for contender in analysis.contenders
        for (kind, size), figure in contender.figures.items()
        if not figure.stable
    ]
    if len(said) <= MOST_NAMED:
        return said
    measured = sum(len(contender.figures) for contender in analysis.contenders)
    return [f"{len(said)} of {measured} measurements did not settle; each is marked in its table."]
