"""What the benchmarks share: this commit's gradient files, made once, and when to skip.

asv runs `setup_cache` once for a commit, in a folder of its own, and each combination of parameters
in new processes there. `setup` comes again before each sample, so what stays warm is cached here.
"""

from __future__ import annotations

import functools
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from benchmarks import machine, sidecar
from benchmarks.older_commits import bridge
from benchmarks.profiles import BACKENDS, PROFILE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ort_deepdream import Model

    Array = NDArray[np.float32]

bridge()

LAYER = "inception_4c/output"  # the default dream's
WEIGHTS = "seeded:0"  # they decide nothing about time, and are the same at every commit
SMALL = 64  # pixels a side, for questions that a small picture answers
RATED = 128  # pixels a side of the step from which larger ones are estimated
BYTES_PER_PIXEL = 1500  # of a step on the CPU: 1.2 GB at 1024x1024, and a margin


@dataclass(frozen=True)
class Prepared:
    """What `setup_cache` found at this commit."""

    missing: str | None  # why nothing can be measured
    models: dict[str, str]  # the gradient file for each graph target
    targets: dict[str, str]  # each backend's graph target
    backends: dict[str, str | None]  # why a backend cannot be used here, or None
    placement: dict[str, dict[str, int]]  # nodes of a step by execution provider, for each backend
    seconds: dict[str, float]  # of a warm step at RATED pixels, for each backend

    def model(self, backend: str) -> str:
        return self.models[self.targets[backend]]


def prepare(folder: Path) -> Prepared:
    """Export this commit's gradient files into `folder`, and try its backends on them."""
    try:
        backends, targets = usable_backends()
        models = export_all(folder)
    except ModuleNotFoundError as error:
        if not str(error.name).startswith(("ort_deepdream", "engine", "export")):
            raise  # the environment lacks what this commit needs: no reason to skip it in silence
        sidecar.begin({})
        return Prepared(f"this commit has no {error.name}", {}, {}, {}, {}, {})
    sidecar.begin(backends)
    placement, seconds = {}, {}
    for name in PROFILE.backends:
        if backends[name] is None:
            placement[name] = nodes_by_provider(models[targets[name]], name)
            seconds[name] = seconds_of_a_step(models[targets[name]], name)
    return Prepared(None, models, targets, backends, placement, seconds)


def usable_backends() -> tuple[dict[str, str | None], dict[str, str]]:
    """Of every backend: why it cannot be used here, or None; and its graph target."""
    from ort_deepdream.engine.backends import BACKENDS as THERE

    reasons = {
        name: THERE[name].why_not() if name in THERE else f"this commit has no backend {name}"
        for name in BACKENDS
    }
    return reasons, {name: backend.target for name, backend in THERE.items()}


def export_all(folder: Path) -> dict[str, str]:
    """A gradient file for each target of this commit, by its own `export`."""
    from ort_deepdream.export.model_file import export_gradient, save
    from ort_deepdream.export.targets import TARGETS
    from ort_deepdream.export.weights import load_weights

    weights = load_weights(WEIGHTS)
    models = {}
    for name, target in TARGETS.items():
        path = folder / f"{name}.onnx"
        save(export_gradient(weights, [LAYER], target), path)
        models[name] = str(path)
    return models


def nodes_by_provider(path: str, backend: str) -> dict[str, int]:
    """How many nodes of a step each execution provider runs."""
    model = loaded(path, backend)
    model.gradient(network_image(model, SMALL, SMALL))
    if told := getattr(model, "placement", None):
        return dict(told)
    placed: dict[str, set[str]] = {}  # older commits do not tell: ONNX Runtime's profiler does
    for event in profiled_step(path, backend, SMALL, SMALL):
        provider = str(event["args"]["provider"])
        placed.setdefault(provider, set()).add(str(event["args"]["node_index"]))
    return {provider: len(nodes) for provider, nodes in placed.items()}


def profiled_step(path: str, backend: str, height: int, width: int) -> list[dict[str, Any]]:
    """The kernels of one run, as ONNX Runtime's profiler has them."""
    import onnxruntime

    from ort_deepdream import find_backend

    chosen = find_backend(backend)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = machine.threads()
    options.enable_profiling = True
    options.profile_file_prefix = str(Path.cwd() / f"profile-{backend}")
    given = {**chosen.provider_options}
    given.pop("enable_cuda_graph", None)  # a captured step is one kernel to the profiler
    providers = [(chosen.provider, given)]
    session = onnxruntime.InferenceSession(path, options, providers=providers)
    image = network_image(loaded(path, backend), height, width)
    session.run(["objective", "gradient"], {"image": image})
    profile = Path(session.end_profiling())
    events: list[dict[str, Any]] = json.loads(profile.read_text("utf-8"))
    profile.unlink()
    return [event for event in events if event["name"].endswith("_kernel_time")]


def seconds_of_a_step(path: str, backend: str) -> float:
    """At RATED pixels: the best of three after the first, for others may be busy."""
    model = loaded(path, backend)
    image = network_image(model, RATED, RATED)
    model.gradient(image)
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        model.gradient(image)
        taken.append(time.perf_counter() - started)
    return min(taken)


@functools.cache
def loaded(path: str, backend: str) -> Model:
    """One session for all samples of a process."""
    from ort_deepdream import load_model

    return load_model(path, backend=backend, threads=machine.threads())


def photo(height: int, width: int) -> Array:
    """RGB [H, W, 3] in 0..255: ramps with noise upon them, the same for every commit."""
    import numpy as np

    down, along = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)
    ramps = np.stack([down + 0 * along, along + 0 * down, (down + along) / 2], axis=2)
    noise = np.random.default_rng(0).uniform(-40, 40, ramps.shape)
    return np.clip(ramps * 255 + noise, 0, 255).astype(np.float32)


def network_image(model: Model, height: int, width: int) -> Array:
    return model.preprocess(photo(height, width))


def check_gradient(image: Array, objective: float, gradient: Array) -> None:
    """The work happened. Raises AssertionError, which asv shows as a failed benchmark."""
    import numpy as np

    assert gradient.shape == image.shape, f"gradient {gradient.shape} of an image {image.shape}"
    assert np.isfinite(objective), f"the objective is {objective}"
    assert objective > 0, f"the objective is {objective}"
    assert np.isfinite(gradient).all(), "the gradient is not finite"
    assert gradient.any(), "the gradient is zero"


class Benchmark:
    """Of something that needs this commit's gradient files; says when to skip, and why."""

    version = "1"  # raised by hand when helpers change what is measured; asv sees only methods
    timeout = 600.0  # seconds for one process: imports, exporting or warming up, and all samples
    warmup_time = 0  # `setup` does it: asv's own would begin before each sample anew
    rounds = PROFILE.rounds
    repeat = PROFILE.steps
    number = 1  # a sample is one call; the median and the quantiles are over calls

    param_names: tuple[str, ...] = ()

    def setup_cache(self) -> Prepared:
        return prepare(Path.cwd())

    def skip(self, reason: str, *parameters: object) -> NoReturn:
        module = type(self).__module__.removeprefix("benchmarks.")
        named = dict(zip(self.param_names, parameters, strict=True))
        sidecar.skip(f"{module}.{type(self).__name__}", named, reason)

    def require_commit(self, prepared: Prepared, *parameters: object) -> None:
        if prepared.missing:
            self.skip(prepared.missing, *parameters)

    def require_backend(self, prepared: Prepared, backend: str, *others: object) -> None:
        """Skip where there is none; fail where it is there and ran nothing."""
        self.require_commit(prepared, backend, *others)
        if reason := prepared.backends[backend]:
            self.skip(reason, backend, *others)
        provider = provider_of(backend)
        nodes = prepared.placement[backend]
        assert nodes.get(provider, 0) > 0, f"{provider} was asked for, but the nodes are on {nodes}"

    def require_size(self, prepared: Prepared, backend: str, pixels: int) -> None:
        """Skip what would take too long, or more memory than is free."""
        estimate = prepared.seconds[backend] * max(1.0, (pixels / RATED) ** 2)
        if estimate > PROFILE.step_budget:
            self.skip(
                f"a step would take about {estimate:.1f} s, and the profile {PROFILE.name} "
                f"allows {PROFILE.step_budget:g} s",
                backend,
                pixels,
            )
        free, needed = machine.free_memory(), BYTES_PER_PIXEL * pixels**2
        if backend == "cpu" and free is not None and free < needed:
            self.skip(
                f"a step needs about {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free",
                backend,
                pixels,
            )


def provider_of(backend: str) -> str:
    from ort_deepdream.engine.backends import BACKENDS as THERE

    return THERE[backend].provider
