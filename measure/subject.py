"""What is measured, as its own process sees it: a library that takes steps and dreams.

Nothing here may import more than a dream needs: the import is part of what is measured.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.engine.deepdream import Progress, Settings
from ort_deepdream.engine.image import read_picture, write_picture
from ort_deepdream.measure.timing import take_turn

Array = NDArray[np.float32]
Mark = tuple[str, float]  # a part of a dream, and when it ended by `time.perf_counter`

OURS = "ONNX Runtime"
TORCH = "PyTorch"


@dataclass(frozen=True)
class Job:
    """A contender, as its process is told of it."""

    library: str  # OURS or TORCH
    model: str  # path of the gradient file
    backend: str  # PyTorch's is its device: "cpu" or "cuda"
    threads: int | None
    settings: Settings
    compiled: bool = False  # by torch.compile
    options: Mapping[str, str] = field(default_factory=dict)  # of the execution provider
    allow_cpu_nodes: bool = False

    def dump(self) -> str:
        return json.dumps(asdict(self))


def read_job(text: str) -> Job:
    values = json.loads(text)
    return Job(**{**values, "settings": Settings(**values["settings"])})


class Subject(ABC):
    """A contender, loaded. Pictures are files; images are [1, 3, H, W] in the network's units."""

    def __init__(self, job: Job) -> None:
        self.job = job

    @abstractmethod
    def about(self) -> dict[str, Any]:
        """The fields of a result's contender that are known once it is loaded."""

    @abstractmethod
    def prepare(self, rgb: Array) -> None:
        """Make what a dream of this picture needs and can be made beforehand: sessions."""

    @abstractmethod
    def dream(self, rgb: Array, settings: Settings, tell: Callable[[Progress], None]) -> Array:
        """A whole dream."""

    @abstractmethod
    def stepper(self, rgb: Array) -> Callable[[], object]:
        """The function that takes a step on a picture, which stays where the library wants it."""

    @abstractmethod
    def gradient(self, rgb: Array) -> Array:
        """The gradient on a picture."""

    @abstractmethod
    def profile(self, rgb: Array, runs: int) -> list[dict[str, Any]]:
        """The kernels of a step; none where there is no profiler."""

    @abstractmethod
    def limits(self) -> dict[str, float | None]:
        """`flops` and `bytes_per_second` that the device reaches."""

    def dream_to_file(self, photo: Path, output: Path, iterations: int | None = None) -> list[Mark]:
        """From the photo on disk to the dream on disk; `iterations` other than the settings'."""
        settings = replace(self.job.settings, iterations=iterations or self.job.settings.iterations)
        rgb = read_picture(photo).rgb
        self.prepare(rgb)
        marks: list[Mark] = [("session", time.perf_counter())]

        def tell(at: Progress) -> None:
            marks.append(("first steps" if at.iteration == 1 else "steps", time.perf_counter()))

        write_picture(output, self.dream(rgb, settings, tell))
        return [*marks, ("write", time.perf_counter())]

    def turn(self, photo: Path, count: int) -> float:
        """Seconds of a step, in a turn of `count`."""
        return take_turn(self.stepper(read_picture(photo).rgb), count)


def parts(began: float, marks: Sequence[Mark]) -> dict[str, float]:
    """Seconds by part, each from the end of what was before it."""
    total: dict[str, float] = defaultdict(float)
    for name, ended in marks:
        total[name] += ended - began
        began = ended
    return dict(total)


def load_subject(job: Job) -> Subject:
    if job.library == TORCH:
        from ort_deepdream.measure.pytorch import PyTorch

        return PyTorch(job)
    from ort_deepdream.measure.onnx_runtime import OnnxRuntime

    return OnnxRuntime(job)
