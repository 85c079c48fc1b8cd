"""What a worker is given: work, which begins with a model, and one task after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from ort_deepdream.cli.machine import Machine
from ort_deepdream.cli.messages import NAME
from ort_deepdream.cli.sources import OPTIMISED, Request
from ort_deepdream.engine.machine.memory import limit_to
from ort_deepdream.errors import DreamError
from ort_deepdream.weights.catalogue import cache_folder

if TYPE_CHECKING:
    from typing import Self

    from ort_deepdream.cli.options.loop import LoopSettings
    from ort_deepdream.cli.subject import Subject
    from ort_deepdream.cli.tiles import Tiles
    from ort_deepdream.engine.model import Model

NOTE = f"{NAME}: note: "

Answer = list[str] | DreamError  # what was noted of a task, or why it is not done
DONE: list[str] = []  # the answer to a task that was done before: no notes


@dataclass(frozen=True, slots=True)  # there may be very many
class Task:
    """What to dream on, and where the dream goes."""

    photo: Path
    output: Path

    def absolute(self) -> Self:
        """Return the task with its files as they are named from anywhere."""
        return replace(self, photo=self.photo.absolute(), output=self.output.absolute())


Kind = TypeVar("Kind", bound=Task)


def _always() -> bool:
    return True


@dataclass(frozen=True)
class Work(Generic[Kind]):
    """What all tasks are dreamt with. `subject` names what they are parts of as its photo.

    `key` is a digest of all that decides a dream but for what is dreamt on.
    """

    file: Path  # of the gradient
    wanted: Request
    machine: Machine
    subject: Subject
    settings: LoopSettings
    tiles: Tiles
    key: str
    memory: int | None = None  # bytes that a dream may take, where workers share a machine
    wanted_still: Callable[[], bool] = _always  # asked on the way, where a task takes long

    def begin(self) -> Callable[[Kind], list[str]]:
        """Load the model; return what dreams with it on one task after the other."""
        from ort_deepdream.engine.loading import load_model

        machine = self.machine
        limit_to(self.memory)
        graph_cache = cache_folder() / OPTIMISED
        model = load_model(
            self.file, machine.find(), machine.threads, machine.allow_cpu_nodes, graph_cache
        )
        return partial(self.dream, model)

    def dream(self, model: Model, task: Kind) -> list[str]:
        """Dream on what a task names, and return the notes. Raise DreamError."""
        raise NotImplementedError


@contextmanager
def noted() -> Iterator[list[str]]:
    """Give a list that holds, after the body, the notes of it, and have nothing printed."""
    notes: list[str] = []
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as said:
        yield notes
    lines = said.getvalue().splitlines()
    notes += [line.removeprefix(NOTE) for line in lines if line.startswith(NOTE)]
