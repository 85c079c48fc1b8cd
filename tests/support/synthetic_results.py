"""Result files for tests, made through the schema from formulas: nothing in them was measured.

The machines are called Synthetic, and a time is a fixed cost plus a cost for each pixel, with a
fixed pattern of noise.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from ort_deepdream.measure.result import (
    Check,
    Contender,
    Image,
    Kind,
    Limit,
    Machine,
    Model,
    Operator,
    Photo,
    Result,
    Sample,
    Series,
    Settings,
    Size,
    Skipped,
    Work,
    write_result,
)

SEED_SIZE = Size(width=182, height=158)
SIZES = (SEED_SIZE, Size(width=640, height=427), Size(width=1280, height=854))
NOISE = (1.02, 0.99, 1.0, 1.01, 0.985, 1.015, 1.0)
STEPS = 40

# Seconds of a step: fixed, and for each pixel.
SPEED = {"cpu": (1e-3, 1e-6), "cpu, 1 thread": (1e-3, 1.9e-6), "cuda": (4e-4, 3e-8)}
SHARES = {"Conv": 0.7, "LRN": 0.1, "MaxPool": 0.08, "Mul": 0.05, "Relu": 0.04, "Add": 0.03}


def contender(name: str, **changes: object) -> Contender:
    backend = "cuda" if "cuda" in name else "cpu"
    values: dict[str, object] = {
        "name": name,
        "library": "PyTorch" if "PyTorch" in name else "ONNX Runtime",
        "backend": backend,
        "provider": {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}[backend],
        "device": "Synthetic GPU" if backend == "cuda" else None,
        "threads": None if backend == "cuda" else 1 if "1 thread" in name else 4,
        "options": {"cudnn_conv_algo_search": "HEURISTIC"} if backend == "cuda" else {},
        "precision": "float32",
        "target": "portable" if backend == "cuda" else "cpu",
        "placement": {"CPUExecutionProvider": 120},
        "missing": None,
    }
    return Contender.model_validate(values | changes)


def seconds(name: str, size: Size, kind: Kind, speed: tuple[float, float] | None = None) -> float:
    fixed, each = speed or SPEED[name]
    step = fixed + each * pixels(size)
    whole = STEPS * step * 0.55  # the octaves below are smaller
    return {"step": step, "warm": whole, "cold": whole + starting(name)}[kind]


def starting(name: str) -> float:
    return sum(start(name).values())


def start(name: str) -> dict[str, float]:
    return {"start": 0.1, "import": 0.3, "session": 1.6 if "cuda" in name else 0.2}


def sample(name: str, size: Size, kind: Kind, factor: float, base: float) -> Sample:
    """`factor` times what it takes; the parts add up."""
    parts: dict[str, float] = {}
    if kind == "cold":
        work = base - starting(name)
        parts = {
            **start(name),
            "first steps": work * 0.2,
            "steps": work * 0.75,
            "write": work * 0.05,
        }
    return Sample(
        seconds=base * factor,
        parts={part: seconds * factor for part, seconds in parts.items()},
        peak_memory=300_000_000 + 60 * pixels(size) if kind == "cold" else None,
        device_memory=400_000_000 + 90 * pixels(size)
        if kind == "cold" and "cuda" in name
        else None,
        load=0.1,
    )


def pixels(size: Size) -> int:
    return size.width * size.height


def series(
    name: str,
    size: Size,
    kind: Kind,
    *,
    speed: tuple[float, float] | None = None,
    stable: bool = True,
    noise: Sequence[float] = NOISE,
) -> Series:
    base = seconds(name, size, kind, speed)
    return Series(
        contender=name,
        size=size,
        kind=kind,
        samples=tuple(sample(name, size, kind, factor, base) for factor in noise),
        stable=stable,
        note=None if stable else "the machine was busy",
    )


def check(name: str, *, passed: bool = True) -> Check:
    return Check(
        contender=name,
        reference="PyTorch autograd, float64",
        size=SEED_SIZE,
        equal=False,
        psnr=51.3 if passed else 9.7,
        gradient_error=2e-6 if passed else 0.8,
        limit="a gradient within 0.001",
        passed=passed,
    )


def png(size: Size, seed: int) -> str:
    """A gradient with a few levels of noise."""
    down, across = np.mgrid[: size.height, : size.width]
    levels = np.stack([across, down, across + down], axis=-1) % 250
    noise = np.random.default_rng(seed).integers(0, 4, levels.shape)
    buffer = io.BytesIO()
    Pillow.fromarray((levels + noise).astype(np.uint8)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def images(names: Sequence[str], size: Size = SEED_SIZE) -> tuple[Image, ...]:
    pictures: list[str | None] = [None, *names]
    return tuple(
        Image(contender=name, size=size, png=png(size, seed)) for seed, name in enumerate(pictures)
    )


def operators(names: Sequence[str], size: Size) -> tuple[Operator, ...]:
    return tuple(
        Operator(contender=name, size=size, operator=operator, share=share, nodes=7)
        for name in names
        for operator, share in SHARES.items()
    )


def machine(**changes: object) -> Machine:
    values: dict[str, object] = {
        "processor": "Synthetic Processor 4000",
        "cores": 4,
        "memory": 16_000_000_000,
        "system": "Synthetic OS 1",
        "python": "3.11.0",
        "packages": {"onnxruntime-gpu": "1.0.0", "numpy": "2.0.0"},
        "project": "0.1.0",
        "commit": "0123456789ab",
        "environment": {"OMP_NUM_THREADS": "4"},
        "gpu": "Synthetic GPU",
        "gpu_memory": 8_000_000_000,
        "gpu_driver": "1.2.3",
        "gpu_power_limit": 70.0,
        "cuda": "12.0",
        "cudnn": "9.0",
    }
    return Machine.model_validate(values | changes)


def result(
    names: Sequence[str] = ("cpu", "cpu, 1 thread", "cuda"),
    *,
    sizes: Sequence[Size] = SIZES,
    kinds: Sequence[Kind] = ("cold", "warm", "step"),
    **changes: object,
) -> Result:
    """Of the contenders in `names`, whose speed is in SPEED; any field may be another."""
    values: dict[str, object] = {
        "schema": "ort-deepdream/bench",
        "created": "2001-02-03T04:05:06+00:00",
        "command": ("dream", "bench", "photo of a cat.jpg", "-o", "result.json"),
        "complete": True,
        "machine": machine(),
        "model": Model(
            architecture="bvlc",
            layers=("inception_4c/output",),
            weights="builtin",
            weights_sha256="0" * 64,
            files={"cpu": "1" * 64, "portable": "2" * 64},
        ),
        "photo": Photo(name="cat.jpg", sha256="3" * 64, width=1280, height=854),
        "settings": Settings(
            iterations=10, octaves=4, octave_scale=1.4, step=1.5, jitter=32, seed=1
        ),
        "contenders": tuple(contender(name) for name in names),
        "series": tuple(
            series(name, size, kind) for name in names for size in sizes for kind in kinds
        ),
        "skipped": (),
        "checks": tuple(check(name) for name in names),
        "operators": operators(names, SEED_SIZE),
        "limits": tuple(
            Limit(
                contender=name,
                flops=8e12 if "cuda" in name else 1.5e11,
                bytes_per_second=5e11 if "cuda" in name else 2e10,
            )
            for name in names
        ),
        "work": tuple(
            Work(
                size=size, flop=9e4 * size.width * size.height, bytes=3e3 * size.width * size.height
            )
            for size in sizes
        ),
        "images": images(names),
        "warnings": (),
    }
    return Result.model_validate(values | changes)


def missing(name: str, reason: str) -> Contender:
    return contender(name, missing=reason, placement={})


def skipped(name: str, size: Size, kind: Kind, reason: str) -> Skipped:
    return Skipped(contender=name, size=size, kind=kind, reason=reason)


def written(folder: Path, made: Result, name: str = "result.json") -> Path:
    path = folder / name
    write_result(path, made)
    return path
