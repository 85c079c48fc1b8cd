"""What a bench is asked to measure, and what of it there is time for."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ort_deepdream.engine.backends import BACKENDS
from ort_deepdream.engine.deepdream import Settings
from ort_deepdream.engine.gradient_file import ModelInfo, read_gradient_file
from ort_deepdream.engine.loading import find_backend
from ort_deepdream.engine.octaves import octave_sizes
from ort_deepdream.errors import DreamError
from ort_deepdream.measure.pictures import parse_size
from ort_deepdream.measure.result import Contender, Kind, Model, Photo, Size
from ort_deepdream.measure.subject import OURS, TORCH, Job

CPU = "cpu"
CPU_NODES = "CPU nodes allowed"  # in a contender's name
KINDS: tuple[Kind, ...] = ("step", "warm", "cold")  # the cheapest first


@dataclass(frozen=True)
class Profile:
    """How much is measured if nothing else is said."""

    sizes: tuple[Size, ...]
    trials: int
    most_trials: int  # until a measurement is stable
    budget: float  # seconds for everything


def _sizes(*texts: str) -> tuple[Size, ...]:
    return tuple(parse_size(text) for text in texts)


PROFILES = {
    "quick": Profile(_sizes("182x158"), trials=5, most_trials=10, budget=90),
    "normal": Profile(
        _sizes("182x158", "512x512", "1024x1024"), trials=5, most_trials=15, budget=900
    ),
    "full": Profile(
        _sizes("182x158", "256x256", "512x512", "1024x1024", "2048x2048"),
        trials=10,
        most_trials=40,
        budget=7200,
    ),
}


@dataclass(frozen=True)
class Candidate:
    """A contender before it was tried. It has a job unless it is missing already."""

    contender: Contender
    job: Job | None
    kinds: tuple[Kind, ...] = KINDS

    @property
    def name(self) -> str:
        return self.contender.name


@dataclass(frozen=True)
class Wanted:
    """What was asked for."""

    photo: Path
    photo_record: Photo
    candidates: tuple[Candidate, ...]
    sizes: tuple[Size, ...]  # the smallest first
    trials: int
    most_trials: int
    budget: float
    settings: Settings
    model: Model
    stride: int
    command: tuple[str, ...]


class Cell(NamedTuple):
    """One thing to measure, again in each round."""

    contender: str
    size: Size
    kind: Kind


FindModel = Callable[[str], Path]  # the gradient file for a graph target


def candidates(
    backends: Sequence[str],
    threads: Sequence[int],
    find_model: FindModel,
    settings: Settings,
    allow_cpu_nodes: bool = False,
) -> list[Candidate]:
    """A contender for each backend, on the CPU one for each number of threads.

    No backends are all of them. With `allow_cpu_nodes` they may leave a part of the network to the
    CPU, and their names say so. Raises DreamError for a name that no backend has, and DreamError
    when not one can be used.
    """
    found: list[Candidate] = []
    for text in dict.fromkeys(backends or BACKENDS):
        name, options = parse_backend(text)
        counts: list[int | None] = [*dict.fromkeys(threads)] if name == CPU else []
        for count in counts or [None]:
            found.append(_candidate(name, options, count, find_model, settings, allow_cpu_nodes))
    if all(candidate.job is None for candidate in found):
        reasons = (f"{candidate.name}: {candidate.contender.missing}" for candidate in found)
        raise DreamError(f"nothing can be measured: {'; '.join(reasons)}")
    return found


def parse_backend(text: str) -> tuple[str, dict[str, str]]:
    """`NAME` or `NAME:KEY=VALUE,...`, the options being the execution provider's.

    Raises DreamError for anything else.
    """
    name, _, listed = text.partition(":")
    options = {}
    for item in listed.split(",") if listed else ():
        key, equals, value = item.partition("=")
        if not key or not equals:
            raise DreamError(f"--backend {text}: write NAME:KEY=VALUE, such as cuda:use_tf32=0")
        options[key] = value
    return name, options


def _candidate(
    name: str,
    options: Mapping[str, str],
    threads: int | None,
    find_model: FindModel,
    settings: Settings,
    allow_cpu_nodes: bool,
) -> Candidate:
    known = BACKENDS.get(name)
    provider = known.provider if known else name
    allowed = allow_cpu_nodes and provider != BACKENDS[CPU].provider
    missing, job, target = None, None, known.target if known else None
    try:
        backend = find_backend(name, options)
    except DreamError as error:
        if known is None and not name.endswith("ExecutionProvider"):
            raise  # mistyped
        missing = str(error).removeprefix(f"backend {name} cannot be used here: ")
    else:
        target = backend.target
        model = str(find_model(target).resolve())
        job = Job(OURS, model, name, threads, settings, options=options, allow_cpu_nodes=allowed)
    words = [name, *(f"{k}={v}" for k, v in options.items()), *[CPU_NODES] * allowed]
    contender = Contender(
        name=_label(", ".join(words), threads),
        library=OURS,
        backend=name,
        provider=provider,
        device=None,
        threads=threads,
        options=dict(options),
        precision="float32",
        target=target,
        placement={},
        cpu_nodes_allowed=allowed,
        missing=missing,
    )
    return Candidate(contender, job)


def torch_candidates(
    threads: Sequence[int], find_model: FindModel, settings: Settings, compiled: bool
) -> list[Candidate]:
    """PyTorch on the CPU and on a GPU; `compiled` ones too.

    Nothing of it is timed in fresh processes: what its import costs is not the question.
    """
    if importlib.util.find_spec("torch") is None:
        raise DreamError("there is no PyTorch here to measure; pip install 'ort-deepdream[export]'")
    model = str(find_model(CPU).resolve())
    counts: list[int | None] = [*dict.fromkeys(threads)]
    devices = [*((CPU, count) for count in counts or [None]), ("cuda", None)]
    return [
        _torch_candidate(Job(TORCH, model, device, count, settings, kind))
        for kind in ((False, True) if compiled else (False,))
        for device, count in devices
    ]


def _torch_candidate(job: Job) -> Candidate:
    way = "compiled" if job.compiled else "eager"
    contender = Contender(
        name=f"PyTorch {way}, {_label(job.backend, job.threads)}",
        library=TORCH,
        backend=job.backend,
        provider=f"PyTorch {job.backend}",
        device=None,
        threads=job.threads,
        options={},
        precision="float32",
        target=None,
        placement={},
        missing=None,
    )
    # Each octave of a dream would be compiled, for a minute.
    return Candidate(contender, job, ("step",) if job.compiled else ("step", "warm"))


def is_plain_cpu(contender: Contender) -> bool:
    """Whether it is what the others are set against: ONNX Runtime on the CPU."""
    return contender.backend == CPU and contender.library == OURS


def _label(name: str, threads: int | None) -> str:
    return name if threads is None else f"{name}, {threads} thread{'s' if threads > 1 else ''}"


def describe_model(found: Sequence[Candidate]) -> tuple[Model, ModelInfo]:
    """The record of the gradient files that the candidates run, and what they say of themselves."""
    files = {}
    infos = {}
    for candidate in found:
        if candidate.job is not None:
            path = Path(candidate.job.model)
            info = read_gradient_file(path).info
            infos[info.target] = info
            files[info.target] = hashlib.sha256(path.read_bytes()).hexdigest()
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
    """Each once, the smallest first. Raises DreamError for one below the layer's stride."""
    for size in sizes:
        if min(size.width, size.height) < stride:
            raise DreamError(
                f"{size} is too small to dream at: both sides must be {stride} or more; "
                f"choose an earlier layer or a larger size"
            )
    return tuple(sorted(set(sizes), key=lambda size: (pixels(size), size.width)))


def pixels(size: Size) -> int:
    return size.width * size.height


def steps_in_dream(size: Size, settings: Settings, stride: int) -> float:
    """A dream's steps, in steps at full size."""
    octaves = octave_sizes(size.height, size.width, settings.octaves, settings.octave_scale, stride)
    return settings.iterations * sum(h * w for h, w in octaves) / pixels(size)
