"""What a worker of a Dask cluster does: it loads the model once, then dreams on what it is given.

The workers import this module by its name, so they have this package installed, the same version.
"""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import distributed
import onnxruntime

from ort_deepdream.cli.crew.work import Answer, Task, Work
from ort_deepdream.cli.crew.worker import attempted
from ort_deepdream.cli.machine import Machine
from ort_deepdream.cli.subject import ALPHA
from ort_deepdream.engine.machine.cores import usable_threads
from ort_deepdream.engine.sessions.checking import weights_beside
from ort_deepdream.errors import DreamError
from ort_deepdream.files import writing
from ort_deepdream.version import VERSION

SHARE = 0.6  # of a worker's memory for a dream: with 0.8 of it taken Dask gives it nothing to do


@dataclass(frozen=True)
class Greeting:
    """What a worker says of itself: its versions, and where it would dream."""

    versions: dict[str, str]
    backend: str
    target: str


class Order(NamedTuple):
    """A picture to dream on: a file that the worker can open, or its content."""

    task: Task  # as the files are named where the command was typed
    content: bytes | None = None  # of the photograph, where it is sent


class Dreamt(NamedTuple):
    """What became of an order: what was noted, why there is no dream, its file where it is sent.

    Not the error itself: Dask would send all errors that it came of, too, which may be in a circle.
    """

    notes: list[str]
    refused: str = ""
    content: bytes | None = None


class CannotBeginError(DreamError):
    """A worker cannot load the model, whatever the picture."""


def versions() -> dict[str, str]:
    """Return what must be the same on all machines: else they do not understand one another."""
    return {
        "Python": ".".join(platform.python_version_tuple()[:2]),
        "ort-deepdream": VERSION,
        "onnxruntime": onnxruntime.__version__,
        "distributed": distributed.__version__,
    }


def greet(machine: Machine) -> Greeting | DreamError:
    """Return what a worker says of itself, on the machine that a command asks for."""

    def greeting() -> Greeting:
        backend = machine.find()
        return Greeting(versions(), backend.name, backend.file_target)

    found: Greeting | DreamError = attempted(greeting)
    return DreamError(str(found)) if isinstance(found, DreamError) else found


class Files(NamedTuple):
    """A file as it is sent, with what else lies beside it."""

    contents: dict[str, bytes]  # by names; the first is the one that is asked for

    @classmethod
    def of(cls, path: Path, beside: Sequence[Path] = ()) -> Files:
        """Return a file and others as they are now. Raise DreamError for one that is not there."""
        found = {}
        for one in (path, *beside):
            try:
                found[os.path.relpath(one, path.parent)] = one.read_bytes()
            except OSError as error:
                raise DreamError(f"{one}: cannot be read ({error.strerror})") from None
        return cls(found)

    def put(self, folder: Path) -> Path:
        """Write the files into a folder, and return the first one."""
        paths = [folder / name for name in self.contents]
        for path, content in zip(paths, self.contents.values(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return paths[0]


class Dreamer(distributed.WorkerPlugin):  # type: ignore[misc]
    """On each worker, those that come later too: what all pictures are dreamt with."""

    def __init__(self, name: str, work: Work[Any]) -> None:
        self.name = name
        self.work = work
        self.model = Files.of(work.file, weights_beside(work.file))
        subject = work.subject
        self.guide = None if subject.guide is None else Files.of(subject.guide)
        named = subject.mask not in (None, ALPHA)
        self.mask = Files.of(Path(str(subject.mask))) if named else None
        self.scratch = Path()
        self.threads: int | None = None
        self.memory: int | None = None
        self.one: threading.Lock  # a dream at a time has all threads of a worker
        self.gone: threading.Event  # who gave the work does not want the rest

    def setup(self, worker: distributed.Worker) -> None:
        """Take what the worker has to give."""
        self.one, self.gone = threading.Lock(), threading.Event()
        self.scratch = Path(tempfile.mkdtemp(prefix="dream-", dir=worker.local_directory))
        self.threads = min(worker.state.nthreads, usable_threads())
        limit = worker.memory_manager.memory_limit
        self.memory = int(SHARE * limit) if limit else None

    def teardown(self, worker: distributed.Worker) -> None:
        """Forget the model, and have what takes long end."""
        self.gone.set()
        self.__dict__.pop("act", None)
        shutil.rmtree(self.scratch, ignore_errors=True)

    @cached_property
    def act(self) -> Callable[[Task], Answer]:
        """Dreams on a picture, with the model that was loaded when the first one came."""
        work, scratch = self.work, self.scratch
        subject, machine = work.subject, work.machine
        if self.guide is not None:
            subject = replace(subject, guide=self.guide.put(scratch / "guide"))
        if self.mask is not None:
            subject = replace(subject, mask=str(self.mask.put(scratch / "mask")))
        here = replace(
            work,
            file=self.model.put(scratch / "model"),
            subject=subject,
            machine=replace(machine, threads=machine.threads or self.threads),
            memory=self.memory,
            wanted_still=lambda: not self.gone.is_set(),
        )
        begun: Callable[[Task], Answer] | DreamError = attempted(here.begin)
        if isinstance(begun, DreamError):
            raise CannotBeginError(str(begun))
        return begun

    def dream(self, order: Order) -> Dreamt:
        """Dream on a picture. Raise CannotBeginError when it is not the picture's fault."""
        with self.one:
            return self._dream(self.act, order)

    def _dream(self, act: Callable[[Task], Answer], order: Order) -> Dreamt:
        if order.content is None:
            return _dreamt(attempted(act, order.task))
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            photo, output = (Path(folder, kind, path.name) for kind, path in _kinds(order.task))
            with writing(photo.parent):
                photo.parent.mkdir()
                photo.write_bytes(order.content)
            dreamt = _dreamt(attempted(act, Task(photo, output)))
            if dreamt.refused:
                named = dreamt.refused.replace(str(photo), str(order.task.photo))
                return Dreamt([], named.replace(str(output), str(order.task.output)))
            return Dreamt(dreamt.notes, content=output.read_bytes())


def _dreamt(answer: Answer) -> Dreamt:
    return Dreamt([], str(answer)) if isinstance(answer, DreamError) else Dreamt(answer)


def _kinds(task: Task) -> list[tuple[str, Path]]:
    return [("photo", task.photo), ("dream", task.output)]


def dream(name: str, order: Order) -> Dreamt:
    """Dream on a picture, on the worker that this is called on."""
    plugin: Dreamer = distributed.get_worker().plugins[name]
    return plugin.dream(order)
