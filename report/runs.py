"""The result files of a report, each with a letter, and what they say."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ort_deepdream.errors import DreamError
from ort_deepdream.files import read_limited
from ort_deepdream.measure.analysis import Analysis, TimedContender, analyse
from ort_deepdream.measure.libraries import WEB
from ort_deepdream.measure.result import MOST_BYTES, WHAT, Result, read_result
from ort_deepdream.report import words

MOST = len(string.ascii_uppercase)
NO_PYTHON = "none"  # of the machine, in a file that a page made


@dataclass(frozen=True, eq=False)
class Run:
    """One result file."""

    name: str  # of the file
    letter: str  # "" when there is one file only
    data: bytes  # the file as it is
    analysis: Analysis

    @property
    def result(self) -> Result:
        """What the file holds."""
        return self.analysis.result

    @property
    def contenders(self) -> tuple[TimedContender, ...]:
        """What was measured, with its times."""
        return self.analysis.contenders

    @property
    def title(self) -> str:
        """Return what the run was measured on."""
        machine = self.result.machine
        processor = f"{words.clean(machine.processor)}, {words.counted(machine.cores, 'core')}"
        used = [one.device for one in self.contenders if not one.on_processor]
        gpus = [words.clean(machine.gpu)] if machine.gpu else list(dict.fromkeys(used))
        return f"{processor}; {words.listed(gpus) or 'no GPU'}"

    @property
    def day(self) -> str:
        """Return when it was measured."""
        try:
            return datetime.fromisoformat(self.result.created).strftime("%-d %B %Y")
        except ValueError:
            return words.clean(self.result.created)


def of_a_page(result: Result) -> bool:
    """Tell whether the page of `dream web` made a result: no Python did, and all ran on the web.

    What has a contender of another library is judged as `dream bench` made it, whatever it says.
    """
    on_the_web = all(one.library == WEB for one in result.contenders)
    return result.machine.python == NO_PYTHON and on_the_web


def question(runs: Sequence[Run]) -> str:
    """Return what the runs answer: it is about a GPU only where one was measured."""
    accelerators = [one for run in runs for one in run.analysis.accelerators]
    if any(one.record.device is not None for one in accelerators):
        return "How much faster is a GPU for DeepDream?"
    return f"How fast is DeepDream on {'this machine' if len(runs) == 1 else 'these machines'}?"


def all_contenders(runs: Sequence[Run]) -> list[TimedContender]:
    """Return the contenders of all runs, in the order of their colours."""
    return [contender for run in runs for contender in run.contenders]


def read_runs(paths: Sequence[Path]) -> tuple[Run, ...]:
    """Return what the result files say. Raise DreamError for one that cannot be used."""
    if len(paths) > MOST:
        raise DreamError(f"{len(paths)} result files are too many for one report; {MOST} at most")
    letters = string.ascii_uppercase[: len(paths)] if len(paths) > 1 else [""]
    return tuple(_read(path, letter) for path, letter in zip(paths, letters, strict=True))


def _read(path: Path, letter: str) -> Run:
    result = read_result(path)
    content = read_limited(path, MOST_BYTES, WHAT)
    return Run(path.name, letter, content, analyse(result, letter))
