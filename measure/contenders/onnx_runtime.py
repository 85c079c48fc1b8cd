"""ONNX Runtime as it is measured: through the engine, as `dream run` uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ort_deepdream.engine.ascent import make_ascent
from ort_deepdream.engine.backends import open_session
from ort_deepdream.engine.deepdream import Progress, dream
from ort_deepdream.engine.loading import find_backend, load_model
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.octaves import octave_sizes
from ort_deepdream.engine.settings import Settings
from ort_deepdream.measure import limits, operators
from ort_deepdream.measure.contenders.contender import ContenderSpec, LoadedContender, Step

Array = NDArray[np.float32]


class OnnxRuntimeContender(LoadedContender):
    """A gradient file on an execution provider."""

    def __init__(self, spec: ContenderSpec) -> None:
        super().__init__(spec)
        library = Path(spec.provider_library) if spec.provider_library else None
        backend = find_backend(spec.backend, spec.options, library)
        kept = Path(spec.graph_cache) if spec.graph_cache else None
        self.model: Model = load_model(
            spec.model, backend, spec.threads, spec.allow_cpu_nodes, graph_cache=kept
        )

    def about(self) -> dict[str, Any]:
        backend = self.model.backend
        plugin = backend.plugged_in
        return {
            "plugin": plugin and plugin.library,
            "plugin_version": plugin and plugin.version,
            "provider": backend.provider,
            "device": self.model.device,
            "options": dict(backend.provider_options),
            "precision": self.model.precision,
            "target": self.model.info.target,
            "placement": dict(self.model.placement),
        }

    def prepare(self, rgb: Array) -> None:
        settings = self.spec.settings
        least = self.model.least_side
        height, width = rgb.shape[:2]
        octaves = octave_sizes(height, width, settings.octaves, settings.octave_scale, least)
        for size in octaves:
            self.model.session(*size)

    def dream(self, rgb: Array, settings: Settings, on_step: Callable[[Progress], None]) -> Array:
        return dream(self.model, rgb, settings, on_step=on_step).rgb

    def step(self, rgb: Array) -> Step:
        height, width = rgb.shape[:2]
        ascent = make_ascent(self.model, height, width)
        ascent.put(self.model.preprocess(rgb))
        length = self.spec.settings.step * float(self.model.info.scale.mean())
        jitter = self.spec.settings.jitter
        random = np.random.default_rng(self.spec.settings.seed)

        def step() -> None:
            across, down = (int(shift) for shift in random.integers(-jitter, jitter + 1, 2))
            ascent.step(length, down, across)

        return step

    def gradient(self, rgb: Array) -> Callable[[], Array]:
        image = self.model.preprocess(rgb)
        if not self.spec.default_session:
            return lambda: self.model.gradient(image)[1]
        session = self._default_session

        def run() -> Array:
            (found,) = session.run(["gradient"], {"image": image})
            return np.asarray(found)

        return run

    @cached_property
    def _default_session(self) -> onnxruntime.InferenceSession:
        """Return a session of the file and nothing else, with ONNX Runtime's default options."""
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = self.spec.threads or 0
        backend = self.model.backend
        return open_session(backend, self.spec.model, options, backend.plain_options)

    def profile(self, rgb: Array, runs: int) -> list[dict[str, Any]]:
        found = operators.profile(self.model, self.model.preprocess(rgb), runs, self.spec.threads)
        # On another device the profiler times the launch of a kernel, not the kernel.
        timed = self.model.backend.memory == "cpu"
        return [asdict(kind if timed else replace(kind, seconds=0.0)) for kind in found]

    def limits(self) -> dict[str, float | None]:
        on = self.model.backend, self.spec.threads
        return limits.limits(limits.onnx_product(*on), limits.onnx_copy(*on))
