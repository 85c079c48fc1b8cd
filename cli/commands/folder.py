"""Many pictures, dreamt by workers; what is done is not done again.

A dream stores the key of its task, a digest of all that decides it: the photograph's bytes, the
model, the settings. Whoever finds that key in a picture has nothing to do, so a command that was
killed is typed again, by whatever machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ort_deepdream.cli.commands.folder_place import require_place
from ort_deepdream.cli.commands.folder_task import Dreaming, sha256_of
from ort_deepdream.cli.crew.crew import Crew
from ort_deepdream.cli.crew.work import DONE, Answer, Task
from ort_deepdream.cli.machine import Machine
from ort_deepdream.cli.messages import bar, complain, note, say
from ort_deepdream.cli.options.loop import LoopSettings
from ort_deepdream.cli.record import TASK
from ort_deepdream.cli.sources import Request, find_model
from ort_deepdream.cli.subject import ALPHA, Subject
from ort_deepdream.cli.tiles import Tiles
from ort_deepdream.engine.image.reading import peek_metadata
from ort_deepdream.errors import DreamError
from ort_deepdream.files import unreadable

FAILED = 1  # the exit code when some pictures failed and the others were made
SHOWN = 5  # kinds of notes


@dataclass
class Tally:
    """What became of many pictures.

    Attributes:
        count: how many pictures there are.
        dreamt: how many dreams were made.
        done: how many were there already.
        failures: pictures without a dream, with the reason.
        notes: what was said of dreams, and of how many.
    """

    count: int
    dreamt: int = 0
    done: int = 0
    failures: list[tuple[Path, str]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, task: Task, answer: Answer) -> None:
        """Count the answer to a task."""
        if isinstance(answer, DreamError):
            self.failures.append((task.photo, str(answer)))
        elif answer is DONE:
            self.done += 1
        else:
            self.dreamt += 1
            self.notes.update(answer)

    @property
    def answered(self) -> int:
        """How many pictures there is nothing more to do for."""
        return self.dreamt + self.done + len(self.failures)

    def tell(self, place: str, seconds: float) -> None:
        """Say what became of all, failures last."""
        for text, count in self.notes.most_common(SHOWN):
            note(f"{count} picture{'s' * (count > 1)}: {text}")
        done = f", {self.done} done before" if self.done else ""
        failed = f", {len(self.failures)} failed" if self.failures else ""
        say(f"{place}: {self.dreamt} dreamt{done}{failed}, {seconds:.1f} s")
        for photo, reason in sorted(self.failures):
            complain(reason if reason.startswith(str(photo)) else f"{photo}: {reason}")


@dataclass(frozen=True)
class Asked:
    """What all pictures are dreamt with, as it was asked for."""

    subject: Subject  # for all of them: its photograph is none
    wanted: Request
    settings: LoopSettings
    machine: Machine
    tiles: Tiles
    force: bool = False


def run(tasks: Sequence[Task], asked: Asked, crew: Crew, place: str) -> int:
    """Dream on every picture, say what became of them at `place`, and return the exit code."""
    started = time.monotonic()
    with bar("beginning") as update:

        def show(tally: Tally) -> None:
            failed = f", {len(tally.failures)} failed" if tally.failures else ""
            text = f"{tally.answered} of {tally.count} pictures{failed}"
            update(tally.answered / tally.count, text)

        tally = dream_all(tasks, asked, crew, show)
    tally.tell(place, time.monotonic() - started)
    return FAILED if tally.failures else 0


def dream_all(
    tasks: Sequence[Task], asked: Asked, crew: Crew, show: Callable[[Tally], object]
) -> Tally:
    """Dream on every picture, and return what became of them; `show` is given it after each."""
    if asked.force or not all(os.path.lexists(task.output) for task in tasks):
        require_place([task.output.parent for task in tasks])
    with crew:
        machine, target = crew.settle(asked.machine, len(tasks))
        file = find_model(asked.wanted, target)
        dreaming = Dreaming(
            file=file,
            wanted=asked.wanted,
            machine=machine,
            subject=asked.subject,
            settings=asked.settings,
            tiles=asked.tiles,
            key=common_key(file, asked),
        )
        tally = Tally(len(tasks))
        show(tally)
        for task, answer in crew.answers(dreaming, tasks, partial(known, dreaming, asked.force)):
            tally.add(task, answer)
            show(tally)
    return tally


def known(dreaming: Dreaming, force: bool, task: Task) -> Answer | None:
    """Return DONE for a task that was done before, an error for one that must not be, or None.

    That is one whose output is somebody's own picture.
    """
    if force or not os.path.lexists(task.output):
        return None
    try:
        stored = peek_metadata(task.output).get(TASK)
    except DreamError:
        stored = None
    if stored is None:
        return DreamError(
            f"{task.photo}: {task.output} is there already, and not of `dream folder`; move it "
            f"away, or replace it with --force"
        )
    return DONE if stored == dreaming.key_of(task.photo) else None


def common_key(file: Path, asked: Asked) -> str:
    """Return a digest of all that decides the dreams of many pictures, but for the photographs.

    Where they are made is not among it: neither the backend nor the number of threads or workers.
    Raise DreamError for a file that cannot be read.
    """
    subject, tiles = asked.subject, asked.tiles
    mask = subject.mask if subject.mask in (None, ALPHA) else _digest(Path(str(subject.mask)))
    guide = None if subject.guide is None else _digest(subject.guide)
    precision = asked.machine.precision
    options = [subject.size, subject.scale, mask, guide, tiles.tile, tiles.halo, precision]
    parts = [_digest(file), options, asked.settings.choice()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _digest(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise DreamError(f"{path}: {unreadable(error, 'check its name')}") from None
