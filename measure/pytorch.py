"""PyTorch as it is measured: the gradient file's network, rebuilt, in the way that is quickest."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ort_deepdream.engine.deepdream import Progress, Settings
from ort_deepdream.engine.gradient_file import read_gradient_file
from ort_deepdream.errors import DreamError
from ort_deepdream.export.verify import rebuild
from ort_deepdream.measure.subject import Job, Subject
from ort_deepdream.measure.timing import timed
from ort_deepdream.measure.torch_step import (
    Gradient,
    Objective,
    TorchAscent,
    careful_network,
    compiled,
    dream,
    gradient_of,
    preprocess,
)

Array = NDArray[np.float32]

PRODUCT_SIDE = 4096
COPIED = 2**26  # values
RUNS = 10


class Way(NamedTuple):
    """To write the step; which is the quickest depends on the processor and the size."""

    channels_last: bool
    torch_lrn: bool

    def __str__(self) -> str:
        norm = "own" if self.torch_lrn else "banded"
        return f"{'NHWC' if self.channels_last else 'NCHW'}, {norm} LRN"


class PyTorch(Subject):
    def __init__(self, job: Job) -> None:
        super().__init__(job)
        if job.threads is not None:
            torch.set_num_threads(job.threads)
        self.device = job.backend
        if self.device != "cpu" and not torch.cuda.is_available():
            raise DreamError(f"this PyTorch ({torch.__version__}) sees no GPU")
        self.info = read_gradient_file(Path(job.model)).info
        try:
            network, terms, _, _ = rebuild(Path(job.model))
        except (DreamError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DreamError(f"its network cannot be rebuilt in PyTorch ({error})") from error
        if len(terms) > 1 or terms[0].channel is not None or terms[0].weight != 1:
            raise DreamError("in PyTorch one whole layer is measured, and this is none")
        self.layer = terms[0].layer
        self.architecture = network.architecture
        self.tensors = network.convolutions.state_dict()
        self.chosen: dict[tuple[int, ...], Way] = {}  # by the shape of the picture
        self.gradients: dict[Way, Gradient] = {}

    @cached_property
    def ways(self) -> list[Way]:
        norms = (False, True) if self.architecture.local_response_norm else (False,)
        if self.job.compiled:
            norms = norms[:1]  # its kernels are its own
        return [Way(last, norm) for last in (True, False) for norm in norms]

    def gradient_function(self, way: Way) -> Gradient:
        if way not in self.gradients:
            network = careful_network(self.architecture, self.tensors, *way).to(self.device)
            objective = Objective(network, self.layer)
            self.gradients[way] = gradient_of(
                compiled(objective) if self.job.compiled else objective
            )
        return self.gradients[way]

    def ascent(self, rgb: Array) -> TorchAscent:
        """In the way that is the quickest at this size, found by trying each."""
        image = preprocess(rgb, self.architecture.preprocessing)
        if rgb.shape not in self.chosen:
            self.chosen[rgb.shape] = min(self.ways, key=lambda way: self.trial(way, image))
        return self.make_ascent(self.chosen[rgb.shape])

    def make_ascent(self, way: Way) -> TorchAscent:
        gradient = self.gradient_function(way)
        preprocessing = self.architecture.preprocessing
        return TorchAscent(gradient, preprocessing, way.channels_last, self.device)

    def trial(self, way: Way, image: Array) -> float:
        ascent = self.make_ascent(way)
        ascent.put(image)
        return min([timed(lambda: ascent.step(0.0)) for _ in range(3)][1:])

    def about(self) -> dict[str, Any]:
        on_gpu = self.device != "cpu"
        tf32 = on_gpu and torch.backends.cudnn.allow_tf32
        return {
            "device": torch.cuda.get_device_name() if on_gpu else None,
            "options": {"way": str(next(iter(self.chosen.values()), self.ways[0]))},
            "precision": "float32 (TF32)" if tf32 else "float32",
        }

    def prepare(self, rgb: Array) -> None:
        self.ascent(rgb)

    def dream(self, rgb: Array, settings: Settings, tell: Callable[[Progress], None]) -> Array:
        height, width = rgb.shape[:2]

        def hear(iteration: int) -> None:
            tell(Progress(0, 0, iteration, settings.iterations, height, width, 0.0, 0.0))

        preprocessing = self.architecture.preprocessing
        return dream(rgb, self.ascent(rgb), preprocessing, settings, self.info.stride, hear)

    def stepper(self, rgb: Array) -> Callable[[], object]:
        ascent = self.ascent(rgb)
        ascent.put(preprocess(rgb, self.architecture.preprocessing))
        settings = self.job.settings
        random = np.random.default_rng(settings.seed)

        def step() -> None:
            shifts = random.integers(-settings.jitter, settings.jitter + 1, 2)
            across, down = (int(shift) for shift in shifts)
            ascent.step(settings.step, down, across)

        return step

    def gradient(self, rgb: Array) -> Array:
        ascent = self.ascent(rgb)
        ascent.put(preprocess(rgb, self.architecture.preprocessing))
        found: Array = ascent.gradient(ascent.picture)[1].contiguous().cpu().numpy()
        return found

    def profile(self, rgb: Array, runs: int) -> list[dict[str, Any]]:
        return []

    def limits(self) -> dict[str, float | None]:
        a, b = torch.rand(2, PRODUCT_SIDE, PRODUCT_SIDE, device=self.device)
        values = torch.ones(COPIED, device=self.device)
        copy = torch.empty_like(values)
        return {
            "flops": 2 * PRODUCT_SIDE**3 / self.fastest(lambda: torch.mm(a, b)),
            "bytes_per_second": 2 * values.nbytes / self.fastest(lambda: copy.copy_(values)),
        }

    def fastest(self, act: Callable[[], object]) -> float:
        def run() -> None:
            act()
            if self.device != "cpu":
                torch.cuda.synchronize()

        return min(timed(run) for _ in range(RUNS))
