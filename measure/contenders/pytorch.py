"""PyTorch as it is measured: the gradient file's network, rebuilt, in the way that is quickest."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ort_deepdream.engine.deepdream import Progress
from ort_deepdream.engine.machine.cores import default_threads
from ort_deepdream.engine.sessions.gradient_file import read_gradient_file
from ort_deepdream.engine.settings import Settings
from ort_deepdream.errors import DreamError
from ort_deepdream.export.verify import rebuild
from ort_deepdream.measure import limits
from ort_deepdream.measure.contenders.contender import ContenderSpec, LoadedContender, Step
from ort_deepdream.measure.contenders.torch_step import (
    Gradient,
    Objective,
    TorchAscent,
    Way,
    compiled,
    dream,
    gradient_of,
    graphed,
    memory_format,
    parse_way,
    preprocess,
    tuned,
    ways,
)
from ort_deepdream.measure.timing import timed

Array = NDArray[np.float32]


def use_threads(threads: int | None) -> None:
    """Have PyTorch compute with so many threads; None: with those that a quota or affinity leaves.

    Of a quota PyTorch knows as little as ONNX Runtime does, and both should have the same.
    """
    threads = default_threads() if threads is None else threads
    if threads is not None:
        torch.set_num_threads(threads)


class PyTorchContender(LoadedContender):
    """A network that PyTorch runs, eagerly or compiled, on the CPU or on a GPU."""

    def __init__(self, spec: ContenderSpec) -> None:
        super().__init__(spec)
        use_threads(spec.threads)
        self.device = spec.backend
        if self.device != "cpu" and not torch.cuda.is_available():
            raise DreamError(f"this PyTorch ({torch.__version__}) sees no GPU")
        self.info = read_gradient_file(Path(spec.model)).info
        try:
            self.network, terms, _, _ = rebuild(Path(spec.model))
        except (DreamError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DreamError(f"its network cannot be rebuilt in PyTorch ({error})") from error
        if len(terms) > 1 or terms[0].channel is not None or terms[0].weight != 1:
            raise DreamError("in PyTorch one whole layer is measured, and this is none")
        self.layer = terms[0].layer
        self.preprocessing = self.network.architecture.preprocessing
        self.ways = self._ways(has_lrn=bool(self.network.norms))
        self.chosen: dict[tuple[int, ...], Way] = {}  # by the shape of the picture
        self.gradients: dict[Way, Gradient] = {}

    def _ways(self, has_lrn: bool) -> list[Way]:
        """Return the ways to be tried: the one that was asked for, or all."""
        if "way" in self.spec.options:
            return [parse_way(self.spec.options["way"], has_lrn)]
        found = ways(has_lrn)
        # What torch.compile makes of LRN are kernels of its own, and each way takes it a minute.
        return [way for way in found if not way.torch_lrn] if self.spec.compiled else found

    def _gradient_in(self, way: Way) -> Gradient:
        if way not in self.gradients:
            network = tuned(copy.deepcopy(self.network), way).to(self.device)
            objective = Objective(network, self.layer)
            step = compiled(objective) if self.spec.compiled else objective
            gradient = gradient_of(step)
            self.gradients[way] = graphed(gradient) if self.spec.graphed else gradient
        return self.gradients[way]

    def _ascent_in(self, way: Way) -> TorchAscent:
        gradient = self._gradient_in(way)
        return TorchAscent(gradient, self.preprocessing, way.channels_last, self.device)

    def _quickest(self, rgb: Array) -> Way:
        """Return the way that is the quickest at this size, found by trying each once."""
        if rgb.shape not in self.chosen:
            image = preprocess(rgb, self.preprocessing)

            def seconds(way: Way) -> float:
                ascent = self._ascent_in(way)
                ascent.put(image)
                return min([timed(lambda: ascent.step(0.0)) for _ in range(3)][1:])

            best = self.ways[0] if len(self.ways) == 1 else min(self.ways, key=seconds)
            self.chosen[rgb.shape] = best
        return self.chosen[rgb.shape]

    def about(self) -> dict[str, Any]:
        on_gpu = self.device != "cpu"
        tf32 = on_gpu and torch.backends.cudnn.allow_tf32
        return {
            "device": torch.cuda.get_device_name() if on_gpu else None,
            "options": {"way": str(next(iter(self.chosen.values()), self.ways[0]))},
            "precision": "float32 (TF32)" if tf32 else "float32",
        }

    def prepare(self, rgb: Array) -> None:
        self._quickest(rgb)

    def dream(self, rgb: Array, settings: Settings, on_step: Callable[[Progress], None]) -> Array:
        height, width = rgb.shape[:2]

        def progress(iteration: int) -> None:
            on_step(Progress(0, 0, iteration, settings.iterations, height, width, 0.0, 0.0))

        ascent = self._ascent_in(self._quickest(rgb))
        return dream(rgb, ascent, self.preprocessing, settings, self.info.stride, progress)

    def step(self, rgb: Array) -> Step:
        ascent = self._ascent_in(self._quickest(rgb))
        ascent.put(preprocess(rgb, self.preprocessing))
        settings = self.spec.settings
        random = np.random.default_rng(settings.seed)

        def step() -> None:
            shifts = random.integers(-settings.jitter, settings.jitter + 1, 2)
            across, down = (int(shift) for shift in shifts)
            ascent.step(settings.step, down, across)

        return step

    def gradient(self, rgb: Array) -> Callable[[], Array]:
        way = self._quickest(rgb)
        gradient, order = self._gradient_in(way), memory_format(way.channels_last)
        picture = torch.from_numpy(preprocess(rgb, self.preprocessing)).to(self.device)
        picture = picture.contiguous(memory_format=order)

        def run() -> Array:
            found: Array = gradient(picture)[1].cpu().numpy()
            return found

        return run

    def profile(self, rgb: Array, runs: int) -> list[dict[str, Any]]:
        return []

    def limits(self) -> dict[str, float | None]:
        return limits.limits(torch_product(self.device), torch_copy(self.device))


def torch_product(device: str) -> Callable[[Array, Array], Step]:
    """Return the matrix product by PyTorch on a device."""

    def product(a: Array, b: Array) -> Step:
        one, other = (torch.from_numpy(matrix).to(device) for matrix in (a, b))
        return _finished(lambda: torch.mm(one, other), device)

    return product


def torch_copy(device: str) -> Callable[[Array], Step]:
    """Return the copy by PyTorch on a device."""

    def copied(values: Array) -> Step:
        given = torch.from_numpy(values).to(device)
        made = torch.empty_like(given)
        return _finished(lambda: made.copy_(given), device)

    return copied


def _finished(act: Step, device: str) -> Step:
    """Return `act`, waiting until the device has done it."""

    def run() -> None:
        act()
        if device != "cpu":
            torch.cuda.synchronize()

    return run
