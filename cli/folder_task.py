"""One picture of a folder, dreamt in a worker that has the model already."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from ort_deepdream.cli.machine import Machine
from ort_deepdream.cli.messages import NAME
from ort_deepdream.cli.options.loop import LoopSettings
from ort_deepdream.cli.sources import OPTIMISED, Request
from ort_deepdream.cli.subject import Subject
from ort_deepdream.cli.tiles import Tiles
from ort_deepdream.engine.memory import limit_to
from ort_deepdream.engine.model import Model
from ort_deepdream.errors import DreamError
from ort_deepdream.files import writing
from ort_deepdream.weights.catalogue import cache_folder

NOTE = f"{NAME}: note: "

Answer = list[str] | DreamError  # what was noted of a dream, or why there is none
DONE: list[str] = []  # the answer to a task that was done before: no notes


class Task(NamedTuple):
    """A picture to dream on, and where the dream goes."""

    photo: Path
    output: Path


@dataclass(frozen=True)
class Dreaming:
    """What all pictures of a folder are dreamt with. `subject` names the folder as its photo.

    `key` is a digest of all that decides a dream but for the photograph.
    """

    file: Path  # of the gradient
    wanted: Request
    machine: Machine
    subject: Subject
    settings: LoopSettings
    tiles: Tiles
    key: str
    memory: int | None = None  # bytes that a dream may take, where workers share a machine

    def key_of(self, photo: Path) -> str:
        """Return the key of a picture's task, "" when it cannot be read."""
        try:
            # Not what is no file: opening a pipe waits for who writes to it.
            content = sha256_of(photo) if photo.is_file() else ""
        except OSError:
            return ""
        return hashlib.sha256(f"{self.key} {content}".encode()).hexdigest() if content else ""

    def begin(self) -> Callable[[Task], list[str]]:
        """Load the model; return what dreams with it on one picture after the other."""
        from ort_deepdream.engine.loading import load_model

        machine = self.machine
        limit_to(self.memory)
        graph_cache = cache_folder() / OPTIMISED
        model = load_model(
            self.file, machine.find(), machine.threads, machine.allow_cpu_nodes, graph_cache
        )
        return partial(self.dream, model)

    def dream(self, model: Model, task: Task) -> list[str]:
        """Dream on a picture as `dream run` does, and return the notes. Raise DreamError."""
        from ort_deepdream.cli import photo
        from ort_deepdream.cli.products import Products

        with writing(task.output.parent):
            task.output.parent.mkdir(parents=True, exist_ok=True)
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as said:
            photo.run(
                replace(self.subject, photo=task.photo),
                self.wanted,
                self.settings,
                self.machine,
                self.tiles,
                Products(task.output),
                lambda: model,
                self.key_of(task.photo),
            )
        lines = said.getvalue().splitlines()
        return [line.removeprefix(NOTE) for line in lines if line.startswith(NOTE)]


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file. Raise OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
