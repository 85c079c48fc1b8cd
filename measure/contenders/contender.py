"""What is measured: a contender, as it is described to its process and as it is loaded there."""

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

from ort_deepdream.engine.deepdream import Progress
from ort_deepdream.engine.image import read_picture, write_picture
from ort_deepdream.engine.settings import Settings
from ort_deepdream.measure.timing import take_turn

Array = NDArray[np.float32]
Mark = tuple[str, float]  # a part of a dream, and when it ended by `time.perf_counter`
Step = Callable[[], object]


@dataclass(frozen=True)
class ContenderSpec:
    """A contender as its process is told of it.

    `options` are the execution provider's; of PyTorch `way`, how its step is written, which is the
    quickest one unless it is given.
    """

    library: str  # OURS, TORCH or WEB
    model: str  # path of the gradient file
    backend: str  # PyTorch's is its device: "cpu" or "cuda"
    threads: int | None
    settings: Settings
    compiled: bool = False  # by torch.compile
    options: Mapping[str, str] = field(default_factory=dict)
    allow_cpu_nodes: bool = False
    default_session: bool = False  # gradients by ONNX Runtime's default options, not the engine's
    graphed: bool = False  # PyTorch's gradient as a CUDA graph
    graph_cache: str = ""  # the folder where `dream run` keeps optimised graphs
    browser: str = ""  # chromium, firefox or a program's path
    page: str = ""  # the address of the page that dreams there
    provider_library: str = ""  # the path of a plug-in's library, for `backend` with any name
    software: bool = False  # whether WebGPU may run on the processor

    gpu: int | None = None  # the only one that its processes see, where a machine has several

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that its processes are started with."""
        if self.gpu is None:
            return {}
        return {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": str(self.gpu)}

    def dump(self) -> str:
        """Return it as JSON, for `read_spec`."""
        return json.dumps(asdict(self))


def read_spec(text: str) -> ContenderSpec:
    """Return the contender that `ContenderSpec.dump` wrote down."""
    values = json.loads(text)
    return ContenderSpec(**{**values, "settings": Settings(**values["settings"])})


class LoadedContender(ABC):
    """A contender in its process. Pictures are RGB [H, W, 3] in 0..255, or files of them."""

    def __init__(self, spec: ContenderSpec) -> None:
        self.spec = spec

    @abstractmethod
    def about(self) -> dict[str, Any]:
        """Return the fields of a result's contender that are known once it is loaded."""

    @abstractmethod
    def prepare(self, rgb: Array) -> None:
        """Make what a dream of this picture needs and can be made beforehand: sessions."""

    @abstractmethod
    def dream(self, rgb: Array, settings: Settings, on_step: Callable[[Progress], None]) -> Array:
        """Return a whole dream of the picture."""

    @abstractmethod
    def step(self, rgb: Array) -> Step:
        """Return the function that takes a step; the picture stays where the library wants it."""

    def turn(self, rgb: Array, count: int) -> float:
        """Return the seconds of a step, in a turn of `count`."""
        return take_turn(self.step(rgb), count)

    @abstractmethod
    def gradient(self, rgb: Array) -> Callable[[], Array]:
        """Return the function that takes the gradient [1, 3, H, W] on this picture."""

    @abstractmethod
    def profile(self, rgb: Array, runs: int) -> list[dict[str, Any]]:
        """Return the kinds of kernels in a step; none where there is no profiler."""

    @abstractmethod
    def limits(self) -> dict[str, float | None]:
        """Return the `flops` and `bytes_per_second` that the device reaches at best."""

    def dream_to_file(self, photo: Path, output: Path, iterations: int | None = None) -> list[Mark]:
        """Dream from a photo on disk to a dream on disk; return when each part of it ended.

        `iterations` are the settings' unless they are given.
        """
        wanted = self.spec.settings
        settings = replace(wanted, iterations=iterations or wanted.iterations)
        rgb = read_picture(photo).rgb
        self.prepare(rgb)
        marks: list[Mark] = [("session", time.perf_counter())]

        def mark(at: Progress) -> None:
            marks.append(("first steps" if at.iteration == 1 else "steps", time.perf_counter()))

        write_picture(output, self.dream(rgb, settings, mark))
        return [*marks, ("write", time.perf_counter())]


def parts(began: float, marks: Sequence[Mark]) -> dict[str, float]:
    """Return the seconds of each part, from the end of what was before it."""
    total: dict[str, float] = defaultdict(float)
    for name, ended in marks:
        total[name] += ended - began
        began = ended
    return dict(total)
