"""`dream folder`: every picture of a folder, dreamt by workers; what is done is not done again.

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
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from ort_deepdream.cli.folder_task import Dreaming, Task, sha256_of
from ort_deepdream.cli.loading import what_auto_took
from ort_deepdream.cli.machine import Machine
from ort_deepdream.cli.messages import bar, complain, note, say
from ort_deepdream.cli.options.loop import LoopSettings
from ort_deepdream.cli.pool import Pool
from ort_deepdream.cli.record import TASK
from ort_deepdream.cli.sources import Request, find_model
from ort_deepdream.cli.subject import ALPHA, Subject
from ort_deepdream.cli.tiles import Tiles
from ort_deepdream.cli.typed import PICTURES
from ort_deepdream.engine.cores import shared_out
from ort_deepdream.engine.image.reading import peek_metadata
from ort_deepdream.errors import DreamError
from ort_deepdream.files import unreadable

FAILED = 1  # the exit code when some pictures failed and the others were made
SHOWN = 5  # kinds of notes, and of files that are no pictures
DONE: list[str] = []  # the answer to a task that was done before: no notes


@dataclass(frozen=True)
class Place:
    """Where pictures are, where their dreams go, as what, and which of them are wanted."""

    source: Path
    output: Path
    suffix: str
    shard: tuple[int, int] = (1, 1)  # every second number'th picture, from the first number on
    force: bool = False

    def __post_init__(self) -> None:
        if not self.source.exists():
            raise DreamError(f"{self.source}: no such folder; check its name")
        if not self.source.is_dir():
            raise DreamError(f"{self.source}: is no folder; `dream run` takes one picture")
        if self.source.resolve().is_relative_to(self.output.resolve()):
            raise DreamError(
                f"{self.output}: holds the pictures themselves, which dreams would replace; name "
                f"another folder"
            )

    def tasks(self) -> list[Task]:
        """Return each wanted picture with its output, sorted. Raise DreamError for none."""
        found, others = [], Counter[str]()
        for path in self._files():
            if path.suffix.lower() in PICTURES:
                found.append(path.relative_to(self.source))
            else:
                others[path.suffix.lower() or path.name] += 1
        if not found:
            raise DreamError(f"{self.source}: holds no pictures ({', '.join(PICTURES)})")
        if others:
            kinds = ", ".join(name for name, _ in others.most_common(SHOWN))
            note(f"left out, as no pictures by their names: {others.total()} ({kinds})")
        stems = Counter(path.with_suffix("") for path in found)
        first, step = self.shard

        def named(path: Path) -> str:
            """Return a dream's name: the picture's, with its suffix where others share the stem."""
            shared = stems[path.with_suffix("")] > 1
            return (path.name if shared else path.stem) + self.suffix

        return [
            Task(self.source / path, self.output / path.with_name(named(path)))
            for path in sorted(found)[first - 1 :: step]
        ]

    def _files(self) -> Iterator[Path]:
        def refuse(error: OSError) -> None:
            raise error

        output = self.output.resolve()
        for folder, folders, names in os.walk(self.source, onerror=refuse):
            here = Path(folder)
            hidden = (name for name in [*folders] if name.startswith("."))
            for name in {*hidden, *(n for n in folders if (here / n).resolve() == output)}:
                folders.remove(name)
            yield from (here / name for name in names if not name.startswith("."))


@dataclass
class Tally:
    """What became of the pictures."""

    count: int
    dreamt: int = 0
    done: int = 0
    failures: list[tuple[Path, str]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, task: Task, answer: list[str] | DreamError) -> None:
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

    def tell(self, output: Path, seconds: float) -> None:
        """Say what became of all, failures last."""
        for text, count in self.notes.most_common(SHOWN):
            note(f"{count} picture{'s' * (count > 1)}: {text}")
        done = f", {self.done} done before" if self.done else ""
        failed = f", {len(self.failures)} failed" if self.failures else ""
        say(f"{output}: {self.dreamt} dreamt{done}{failed}, {seconds:.1f} s")
        for photo, reason in sorted(self.failures):
            complain(reason if reason.startswith(str(photo)) else f"{photo}: {reason}")


def run(
    place: Place,
    subject: Subject,
    wanted: Request,
    settings: LoopSettings,
    machine: Machine,
    tiles: Tiles,
    workers: int,
) -> int:
    """Dream on every picture of a folder, and return the exit code."""
    started = time.monotonic()
    tasks = place.tasks()
    backend = machine.find()
    file = find_model(wanted, backend.file_target)
    if machine.backend == "auto" and machine.provider_library is None:
        note(what_auto_took(backend))
        machine = replace(machine, backend=backend.name)
    if machine.threads is None and workers > 1:
        machine = replace(machine, threads=shared_out(workers))
    key = common_key(file, subject, settings, tiles, machine)
    dreaming = Dreaming(file, wanted, machine, subject, settings, tiles, key)
    pool = Pool(dreaming.begin, min(workers, len(tasks)))
    tally = Tally(len(tasks))
    with bar("beginning") as update:
        update(0.0, f"0 of {tally.count} pictures")
        for task, answer in pool.answers(tasks, partial(known, dreaming, place.force)):
            tally.add(task, answer)
            failed = f", {len(tally.failures)} failed" if tally.failures else ""
            share = tally.answered / tally.count
            update(share, f"{tally.answered} of {tally.count} pictures{failed}")
    tally.tell(place.output, time.monotonic() - started)
    return FAILED if tally.failures else 0


def known(dreaming: Dreaming, force: bool, task: Task) -> list[str] | DreamError | None:
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


def common_key(
    file: Path, subject: Subject, settings: LoopSettings, tiles: Tiles, machine: Machine
) -> str:
    """Return a digest of all that decides the dreams of a folder, but for the photographs.

    Where they are made is not among it: neither the backend nor the number of threads or workers.
    Raise DreamError for a file that cannot be read.
    """
    mask = subject.mask if subject.mask in (None, ALPHA) else _digest(Path(str(subject.mask)))
    guide = None if subject.guide is None else _digest(subject.guide)
    asked = [subject.size, subject.scale, mask, guide, tiles.tile, tiles.halo, machine.precision]
    parts = [_digest(file), asked, settings.choice()]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _digest(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise DreamError(f"{path}: {unreadable(error, 'check its name')}") from None
