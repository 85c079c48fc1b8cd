"""The head of a page: a headline, questions with their answers, and phrases that they share."""

from __future__ import annotations

from dataclasses import dataclass

from ort_deepdream.measure.analysis import Speedup, TimedContender
from ort_deepdream.measure.result import Kind, Size
from ort_deepdream.measure.seed_table import SIZE as SEED_SIZE
from ort_deepdream.report import words
from ort_deepdream.report.figures import interval_in_words, ratio_in_words

WHAT: dict[Kind, str] = {
    "warm": "a dream in a program that is already running",
    "step": "one step of a dream",
    "cold": "a one-off dream, starting included,",
}


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


def place(size: Size) -> str:
    """Return a size of picture, and whether it is that of 2019."""
    return f"{words.size(size)} pixels{', the size of 2019,' if size == SEED_SIZE else ''}"


def described(contender: TimedContender) -> str:
    """Return what a contender computed on, and with which library."""
    threads = f", {threads_of(contender)}" if contender.on_processor else ""
    return f"{contender.device}{threads}; {words.clean(contender.record.library)}"


def threads_of(contender: TimedContender) -> str:
    """Return how many threads a contender had: all cores where it was not told."""
    threads = contender.record.threads
    if threads is None:
        return f"all {words.counted(contender.result.machine.cores, 'core')}"
    return words.counted(threads, "thread")


def verdict_on(called: str, found: Speedup) -> str:
    """Return whether what is `called` so is faster, slower, or neither beyond the noise."""
    if found.is_faster:
        return f"{called} is {ratio_in_words(found)}"
    if found.is_slower:
        return f"{called} is slower and takes {ratio_in_words(found)}"
    if found.count == 1:
        return f"{ratio_in_words(found)} by one sample, which does not tell a difference from noise"
    return "no difference can be told from the noise"


def against(found: Speedup, other: TimedContender) -> str:
    """Return a speed-up over another contender, with its interval."""
    return f"{ratio_in_words(found)} as {other.name} ({interval_in_words(found)})"
