"""The result files of a report, each with a letter, and the contenders in them."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from ort_deepdream.errors import DreamError
from ort_deepdream.measure.result import (
    Check,
    Contender,
    Kind,
    Machine,
    Result,
    Series,
    Size,
    read_result,
)
from ort_deepdream.report import words

CPU, OPENVINO = "cpu", "openvino"
# Devices that are the processor: OpenVINO's, and drivers that play a graphics card.
PLAYED = re.compile(r"\b(cpu|swiftshader|llvmpipe|lavapipe|softpipe|software)\b", re.IGNORECASE)
MOST = len(string.ascii_uppercase)


@dataclass(frozen=True)
class Run:
    """One result file."""

    name: str  # of the file
    letter: str  # "" when there is one file only
    data: bytes  # the file as it is
    result: Result

    @property
    def title(self) -> str:
        machine = self.result.machine
        processor = f"{words.clean(machine.processor)}, {words.counted(machine.cores, 'core')}"
        gpus = (
            [machine.gpu]
            if machine.gpu
            else [line.device for line in self.lines if not line.on_cpu]
        )
        named = words.listed([words.clean(gpu) for gpu in dict.fromkeys(gpus)])
        return f"{processor}; {named or 'no GPU'}"

    @property
    def day(self) -> str:
        try:
            return datetime.fromisoformat(self.result.created).strftime("%-d %B %Y")
        except ValueError:
            return words.clean(self.result.created)

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The contenders that were timed."""
        timed = {series.contender for series in self.result.series if series.samples}
        return tuple(
            Line(self, contender)
            for contender in self.result.contenders
            if contender.missing is None and contender.name in timed
        )


@dataclass(frozen=True, eq=False)
class Line:
    """A contender of a run, and what is known of it."""

    run: Run
    contender: Contender

    @property
    def name(self) -> str:
        """Where its run is plain."""
        return words.clean(self.contender.name)

    @property
    def label(self) -> str:
        """Among the contenders of all runs."""
        return f"{self.run.letter} · {self.name}" if self.run.letter else self.name

    @property
    def on_cpu(self) -> bool:
        return computes_on_cpu(self.contender, self.run.result.machine)

    @property
    def device(self) -> str:
        """What it ran on, for a sentence."""
        machine = self.run.result.machine
        known = self.contender.device or (machine.processor if self.on_cpu else machine.gpu)
        return words.clean(known or self.contender.name)

    @cached_property
    def series(self) -> dict[tuple[Kind, Size], Series]:
        return {
            (series.kind, series.size): series
            for series in self.run.result.series
            if series.contender == self.contender.name and series.samples
        }

    def seconds(self, kind: Kind, size: Size) -> list[float]:
        """The samples in the order they were taken; none when it was not measured."""
        series = self.series.get((kind, size))
        return [sample.seconds for sample in series.samples] if series else []

    def sizes(self, kind: Kind) -> list[Size]:
        """The smallest first."""
        return ordered(size for of, size in self.series if of == kind)

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        checks = self.run.result.checks
        return tuple(check for check in checks if check.contender == self.contender.name)

    @property
    def failed(self) -> bool:
        """A fast wrong answer is no answer."""
        return any(not check.passed for check in self.checks)


def computes_on_cpu(contender: Contender, machine: Machine) -> bool:
    device = f"{contender.device or ''} {contender.options.get('device_type', '')}".strip()
    if contender.backend == OPENVINO and not device:
        return True  # its default
    is_processor = contender.device == machine.processor
    return contender.backend == CPU or is_processor or bool(PLAYED.search(device))


def ordered(sizes: Iterable[Size]) -> list[Size]:
    """Each once, the smallest first."""
    return sorted(set(sizes), key=lambda size: (words.pixels(size), size.width))


def read_runs(paths: Sequence[Path]) -> tuple[Run, ...]:
    """Raises DreamError or DreamError for a file that cannot be used."""
    if len(paths) > MOST:
        raise DreamError(f"{len(paths)} result files are too many for one report; {MOST} at most")
    letters = string.ascii_uppercase[: len(paths)] if len(paths) > 1 else [""]
    return tuple(_read(path, letter) for path, letter in zip(paths, letters, strict=True))


def _read(path: Path, letter: str) -> Run:
    result = read_result(path)
    return Run(path.name, letter, path.read_bytes(), result)
