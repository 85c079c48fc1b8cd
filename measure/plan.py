"""What a bench is asked to measure, and what of it there is time for."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ort_deepdream.engine.backends import BACKENDS
from ort_deepdream.engine.loading import find_backend
from ort_deepdream.engine.octaves import octave_sizes
from ort_deepdream.engine.providers.plugins import own_name, require_library
from ort_deepdream.engine.sessions.gradient_file import ModelInfo, read_gradient_file
from ort_deepdream.engine.settings import Settings
from ort_deepdream.errors import DreamError
from ort_deepdream.measure.contenders.contender import ContenderSpec
from ort_deepdream.measure.libraries import OURS, TORCH
from ort_deepdream.measure.machine import gpu_names
from ort_deepdream.measure.pictures import parse_size
from ort_deepdream.measure.result import Contender, Kind, Model, Photo, Size
from ort_deepdream.text import clean

CPU, FULL = "cpu", "float32"
ON_CUDA, DEVICE = ("cuda", "tensorrt"), "device_id"  # backends, and the option that chooses
CPU_NODES = "CPU nodes allowed"  # in a contender's name
MODEL = "model"  # the option of a backend that is a gradient file of its own
# Provider options that have a name of their own.
NAMED = {"prefer_nhwc=1": "NHWC", "fuse_conv_bias=1": "fused biases"}
MOST_TRIALS = 40  # of a measurement that does not settle, unless more are asked for
KINDS: tuple[Kind, ...] = ("step", "warm", "cold")  # the cheapest first


@dataclass(frozen=True)
class Profile:
    """How much is measured if nothing else is said."""

    sizes: tuple[Size, ...]
    trials: int
    budget: float  # seconds for everything


def _sizes(*texts: str) -> tuple[Size, ...]:
    return tuple(parse_size(text) for text in texts)


PROFILES = {
    "quick": Profile(_sizes("182x158"), trials=5, budget=90),
    "normal": Profile(_sizes("182x158", "512x512", "1024x1024"), trials=5, budget=900),
    "full": Profile(
        _sizes("182x158", "256x256", "512x512", "1024x1024", "2048x2048"),
        trials=10,
        budget=7200,
    ),
}


@dataclass(frozen=True)
class PlannedContender:
    """A contender before it was tried. It has a spec unless it is missing already."""

    record: Contender
    spec: ContenderSpec | None
    kinds: tuple[Kind, ...] = KINDS

    @property
    def name(self) -> str:
        """Return what it is called in the result, and by everybody meanwhile."""
        return self.record.name


@dataclass(frozen=True)
class Plan:
    """What a bench is asked to measure."""

    photo: Path
    photo_record: Photo
    contenders: tuple[PlannedContender, ...]
    sizes: tuple[Size, ...]  # the smallest first
    trials: int
    most_trials: int  # of a measurement that does not settle
    budget: float
    settings: Settings
    model: Model
    stride: int
    command: tuple[str, ...]
    limits: bool = True  # whether to measure what the hardware can do, too
    price_per_hour: float | None = None  # of the machine
    throughput: bool = False  # whether to dream with several at once, too


FindModel = Callable[[str], Path]  # the gradient file for a graph target


def plan_contenders(
    backends: Sequence[str],
    threads: Sequence[int],
    find_model: FindModel,
    settings: Settings,
    allow_cpu_nodes: bool = False,
    graph_cache: Path | None = None,
    libraries: Sequence[Path] = (),
) -> list[PlannedContender]:
    """Plan a contender for each backend, on the CPU one for each number of threads.

    No backends are all of them. `graph_cache` is where `dream run` keeps graphs as they are
    optimised: the same ones are measured. With `allow_cpu_nodes` contenders may leave a part of the
    network to the CPU, and their names say so. `libraries` are plug-ins' files: see
    `with_libraries`. Raise DreamError for a name that no backend has, and when not one can be used.
    """
    planned = partial(
        _contender,
        find_model=find_model,
        settings=settings,
        allow_cpu_nodes=allow_cpu_nodes,
        graph_cache=graph_cache,
    )
    found: list[PlannedContender] = []
    gpus = gpu_names()
    for name, options, library in with_libraries(backends, libraries):
        counts: list[int | None] = [*dict.fromkeys(threads)] if name == CPU else []
        for count in counts or [None]:
            found += on_each_gpu(planned(name, options, count, library), gpus)
    if all(contender.spec is None for contender in found):
        reasons = (f"{contender.name}: {contender.record.missing}" for contender in found)
        raise DreamError(f"nothing can be measured: {'; '.join(reasons)}")
    return found


def with_libraries(
    backends: Sequence[str], libraries: Sequence[Path]
) -> list[tuple[str, dict[str, str], Path | None]]:
    """Return names and options of what to measure, each with the plug-in's file that it is in.

    The names that no backend has take the files in their order, then those of plug-ins, as
    `dream run --backend NAME --provider-library FILE` does; a file that is left over is called by
    its own name. No backends are all, and take no file. Raise DreamError for a file that is not
    there, and for one name for two.
    """
    left = list(dict.fromkeys(libraries))
    for file in left:
        require_library(file)
    asked = list(map(parse_backend, dict.fromkeys(backends or BACKENDS)))
    names = [name for name, _ in asked] if backends else []
    takers = [name for name in names if name not in BACKENDS]
    takers += [name for name in names if name in BACKENDS and BACKENDS[name].plugin is not None]
    taken = dict(zip(dict.fromkeys(takers), left, strict=False))
    found = [(name, options, taken.get(name)) for name, options in asked]
    for file in left[len(taken) :]:
        name = own_name(file)
        if name in [other for other, _, _ in found]:
            raise DreamError(
                f"{file}: there is a {name} already; give it a name of its own by --backend NAME"
            )
        found.append((name, {}, file))
    return found


def parse_backend(text: str) -> tuple[str, dict[str, str]]:
    """Return the name and the options of `NAME` or `NAME:KEY=VALUE,...`.

    The options are the execution provider's, but for `model`, which is a gradient file of this
    contender's own. Raise DreamError for anything else.
    """
    name, _, listed = text.partition(":")
    options = {}
    for item in listed.split(",") if listed else ():
        key, equals, value = item.partition("=")
        if not key or not equals:
            raise DreamError(f"--backend {text}: write NAME:KEY=VALUE, such as cuda:use_tf32=0")
        options[key] = value
    return name, options


def _contender(
    name: str,
    options: Mapping[str, str],
    threads: int | None,
    library: Path | None,
    find_model: FindModel,
    settings: Settings,
    allow_cpu_nodes: bool,
    graph_cache: Path | None,
) -> PlannedContender:
    known = BACKENDS.get(name)
    provider = known.provider if known else name
    allowed = allow_cpu_nodes and provider != BACKENDS[CPU].provider
    missing, spec, target = None, None, known.target if known else None
    options, words, precision = dict(options), [name], FULL
    own = Path(options.pop(MODEL)).resolve() if MODEL in options else None
    words += [NAMED.get(f"{k}={v}", f"{k}={v}") for k, v in options.items()]
    if own is not None:
        precision = read_gradient_file(own).info.precision
        words.append(own.stem if precision == FULL else precision)
    try:
        backend = find_backend(name, options, library)
    except DreamError as error:
        if known is None and library is None and not name.endswith("ExecutionProvider"):
            raise  # mistyped
        missing = str(error).removeprefix(f"backend {name} cannot be used here: ")
        if library is not None:  # folders are the user's own
            missing = missing.replace(str(library.resolve()), library.name)
    else:
        target = backend.file_target
        model = str(own or find_model(target).resolve())
        spec = ContenderSpec(
            OURS,
            model,
            name,
            threads,
            settings,
            options=options,
            allow_cpu_nodes=allowed,
            graph_cache=str(graph_cache or ""),
            provider_library=str(library.resolve()) if library else "",
        )
    words += [CPU_NODES] * allowed
    record = Contender(
        name=thread_label(", ".join(words), threads),
        library=OURS,
        backend=name,
        provider=provider,
        device=None,
        threads=threads,
        options=options,
        precision=precision,
        target=target,
        placement={},
        cpu_nodes_allowed=allowed,
        missing=missing,
        plugin=clean(library.name) if library else None,
    )
    return PlannedContender(record, spec)


def on_each_gpu(planned: PlannedContender, gpus: Sequence[str]) -> list[PlannedContender]:
    """Return a contender for each GPU of a machine with several, named by its number and name.

    One that computes elsewhere, that is missing, or whose options choose a device stays as it is.
    """
    record, spec = planned.record, planned.spec
    if spec is None or len(gpus) < 2 or record.backend not in ON_CUDA or DEVICE in spec.options:
        return [planned]
    return [
        replace(
            planned,
            record=record.model_copy(update={"name": f"{record.name}, {called}"}),
            spec=replace(spec, gpu=number),
        )
        for number, gpu in enumerate(gpus)
        for called in [f"GPU {number} ({clean(gpu)})"]
    ]


def plan_torch(
    threads: Sequence[int], find_model: FindModel, settings: Settings, compiled: bool
) -> list[PlannedContender]:
    """Plan PyTorch on the CPU and on a GPU, there as CUDA graphs too; `compiled` ones as well.

    Nothing of it is timed in fresh processes: what its import costs is not the question. Raise
    DreamError where there is no PyTorch.
    """
    if importlib.util.find_spec("torch") is None:
        raise DreamError("there is no PyTorch here to measure; pip install 'ort-deepdream[export]'")
    model = str(find_model(CPU).resolve())
    counts: list[int | None] = [*dict.fromkeys(threads)]
    devices = [*((CPU, count) for count in counts or [None]), ("cuda", None)]
    found = [
        ContenderSpec(TORCH, model, device, count, settings, kind)
        for kind in ((False, True) if compiled else (False,))
        for device, count in devices
    ]
    found.append(ContenderSpec(TORCH, model, "cuda", None, settings, graphed=True))
    gpus = gpu_names()
    return [one for spec in found for one in on_each_gpu(_torch_contender(spec), gpus)]


def _torch_contender(spec: ContenderSpec) -> PlannedContender:
    kind = "compiled" if spec.compiled else "graphed" if spec.graphed else "eager"
    record = Contender(
        name=f"PyTorch {kind}, {thread_label(spec.backend, spec.threads)}",
        library=TORCH,
        backend=spec.backend,
        provider=f"PyTorch {spec.backend}",
        device=None,
        threads=spec.threads,
        options={},
        precision="float32",
        target=None,
        placement={},
        missing=None,
    )
    # Each octave of a dream would be compiled, for a minute, or captured.
    once = spec.compiled or spec.graphed
    return PlannedContender(record, spec, ("step",) if once else ("step", "warm"))


def is_plain_cpu(contender: Contender) -> bool:
    """Return whether it is what the others are set against: ONNX Runtime on the CPU."""
    return contender.backend == CPU and contender.library == OURS


def thread_label(name: str, threads: int | None) -> str:
    """Return what a contender with so many threads is called."""
    return name if threads is None else f"{name}, {threads} thread{'s' if threads > 1 else ''}"


def describe_model(contenders: Sequence[PlannedContender]) -> tuple[Model, ModelInfo]:
    """Return the record of the contenders' gradient files, and what they say of themselves."""
    files = {}
    infos = {}
    for contender in contenders:
        if contender.spec is not None:
            path = Path(contender.spec.model)
            info = read_gradient_file(path).info
            kind = info.target if info.precision == FULL else f"{info.target}, {info.precision}"
            infos[kind] = info
            files[kind] = hashlib.sha256(path.read_bytes()).hexdigest()
    info = next(iter(infos.values()))
    record = Model(
        architecture=info.architecture,
        layers=info.layers,
        weights=info.weights,
        weights_sha256=info.weights_sha256,
        files=files,
    )
    return record, info


def check_sizes(sizes: Sequence[Size], stride: int) -> tuple[Size, ...]:
    """Return each size once, the smallest first. Raise DreamError for one below the stride."""
    for size in sizes:
        if min(size.width, size.height) < stride:
            raise DreamError(
                f"{size} is too small to dream at: both sides must be {stride} or more; "
                f"choose an earlier layer or a larger size"
            )
    return tuple(sorted(set(sizes), key=lambda size: (size.pixels, size.width)))


def steps_in_dream(size: Size, settings: Settings, stride: int) -> float:
    """Return how many steps at full size take as long as a dream's steps."""
    octaves = octave_sizes(size.height, size.width, settings.octaves, settings.octave_scale, stride)
    return settings.iterations * sum(h * w for h, w in octaves) / size.pixels
