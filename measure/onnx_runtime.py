"""ONNX Runtime as it is measured: through the engine, as `dream run` uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.engine.ascent import make_ascent
from ort_deepdream.engine.deepdream import Progress, Settings, dream
from ort_deepdream.engine.loading import find_backend, load_model
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.octaves import octave_sizes
from ort_deepdream.measure.subject import Job, Subject

Array = NDArray[np.float32]


class OnnxRuntime(Subject):
    def __init__(self, job: Job) -> None:
        super().__init__(job)
        backend = find_backend(job.backend, job.options)
        self.model: Model = load_model(job.model, backend, job.threads, job.allow_cpu_nodes)

    def about(self) -> dict[str, Any]:
        backend = self.model.backend
        return {
            "provider": backend.provider,
            "device": self.model.device,
            "options": dict(backend.provider_options),
            "precision": self.model.precision,
            "target": self.model.info.target,
            "placement": dict(self.model.placement),
        }

    def prepare(self, rgb: Array) -> None:
        settings = self.job.settings
        least = self.model.least_side
        height, width = rgb.shape[:2]
        octaves = octave_sizes(height, width, settings.octaves, settings.octave_scale, least)
        for size in octaves:
            self.model.session(*size)

    def dream(self, rgb: Array, settings: Settings, tell: Callable[[Progress], None]) -> Array:
        return dream(self.model, rgb, settings, on_step=tell).rgb

    def stepper(self, rgb: Array) -> Callable[[], object]:
        height, width = rgb.shape[:2]
        ascent = make_ascent(self.model, height, width)
        ascent.put(self.model.preprocess(rgb))
        length = self.job.settings.step * float(self.model.info.scale.mean())
        jitter = self.job.settings.jitter
        random = np.random.default_rng(self.job.settings.seed)

        def step() -> None:
            across, down = (int(shift) for shift in random.integers(-jitter, jitter + 1, 2))
            ascent.step(length, down, across)

        return step

    def gradient(self, rgb: Array) -> Array:
        return self.model.gradient(self.model.preprocess(rgb))[1]

    def profile(self, rgb: Array, runs: int) -> list[dict[str, Any]]:
        from dataclasses import asdict, replace

        from ort_deepdream.measure.operators import profile

        found = profile(self.model, self.model.preprocess(rgb), runs, self.job.threads)
        # On another device the profiler times the launch of a kernel, not the kernel.
        timed = self.model.backend.memory == "cpu"
        return [asdict(kind if timed else replace(kind, seconds=0.0)) for kind in found]

    def limits(self) -> dict[str, float | None]:
        from ort_deepdream.measure.limits import limits

        return limits(self.model.backend, self.job.threads)
