"""The child of tests/support/standins.py: one call a line, as JSON, and one answer a line.

Product code runs here as it is; only NVIDIA's libraries are others.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from standins import RUNTIME, added

from ort_deepdream import BACKENDS, DreamError, Model, Settings, dream, load_model, why_unusable
from ort_deepdream.engine.ascent import make_ascent
from ort_deepdream.engine.loading import find_backend

Answer = Callable[..., Any]
Size = list[int]


class Runtime:
    """The stand-in for libcudart, which the provider shares."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL(RUNTIME)
        self.library.standin_counts.restype = ctypes.POINTER(ctypes.c_long)
        for text in ("standin_names", "standin_complaints"):
            getattr(self.library, text).restype = ctypes.c_char_p
        self.library.standin_bytes.restype = ctypes.c_size_t
        self.names = self.library.standin_names().decode().split()

    def counts(self) -> dict[str, int]:
        return dict(zip(self.names, self.library.standin_counts(), strict=False))

    def complaints(self) -> list[str]:
        return list(self.library.standin_complaints().decode().splitlines())

    def bytes(self) -> int:
        return int(self.library.standin_bytes())

    def limit_memory(self, size: int) -> None:
        self.library.standin_set_memory(ctypes.c_size_t(size))


@cache
def runtime() -> Runtime:
    return Runtime()


def load(path: str, options: Mapping[str, str]) -> Model:
    return load_model(path, find_backend("cuda", options))


def measure(
    path: str, size: Size, options: Mapping[str, str], steps: int = 4, times: int = 1
) -> dict[str, Any]:
    """Where the step's nodes are, and what each of `steps` steps asked for.

    With `times`, the processor's time of so many steps more is told too, in seconds for each.
    """
    held = runtime().bytes()
    model = load(path, options)
    ascent = make_ascent(model, *size)
    ascent.put(np.zeros((1, 3, *size), np.float32))
    counted = []
    for number in range(steps):
        before = runtime().counts()
        ascent.step(1.5, number, -number)
        counted.append(added(before, runtime().counts()))
    begin = time.process_time()
    for number in range(times):
        ascent.step(1.5, number, -number)
    return {
        "placement": dict(model.placement),
        "steps": counted,
        "bytes": runtime().bytes() - held,
        "complaints": runtime().complaints(),
        "seconds": (time.process_time() - begin) / times,
    }


def whole_dream(path: str, size: Size, options: Mapping[str, str], dreams: int = 1) -> Any:
    """What `dreams` dreams, one after the other, held at most at the end of a step, in bytes."""
    held, most = runtime().bytes(), []
    model = load(path, options)
    for _ in range(dreams):
        seen: list[int] = []
        rgb = np.zeros((*size, 3), np.float32)
        dream(model, rgb, Settings(iterations=2, seed=1), lambda _: seen.append(runtime().bytes()))  # noqa: B023
        most.append(max(seen) - held)
    return {"most": most, "left": runtime().bytes() - held, "complaints": runtime().complaints()}


def gradients(path: str, size: Size, options: Mapping[str, str]) -> Any:
    """What gradients count before, between and after steps of one model."""
    model = load(path, options)
    ascent = make_ascent(model, *size)
    image = np.zeros((1, 3, *size), np.float32)
    ascent.put(image)
    counted = []
    for _ in range(3):
        before = runtime().counts()
        _, gradient = model.gradient(image)
        assert gradient.shape == image.shape
        counted.append(added(before, runtime().counts()))
        ascent.step(1.5)
    before = runtime().counts()
    ascent.step(1.5)
    return {"gradients": counted, "step": added(before, runtime().counts())}


def failing(path: str, size: Size, options: Mapping[str, str], spare: int) -> str | None:
    """What a dream says when `spare` bytes of the device are left after its first step."""
    model = load(path, options)
    ascent = make_ascent(model, *size)
    ascent.put(np.zeros((1, 3, *size), np.float32))
    ascent.step(1.5)
    runtime().limit_memory(runtime().bytes() + spare)
    try:
        larger = [2 * side for side in size]
        ascent = make_ascent(model, *larger)
        ascent.put(np.zeros((1, 3, *larger), np.float32))
        ascent.step(1.5)
    except DreamError as error:
        return str(error)
    finally:
        runtime().limit_memory(80 << 30)
    return None


def reason(name: str = "cuda") -> str | None:
    """Why the product says that a backend's libraries do not do."""
    return BACKENDS[name].why_not()


def unusable(name: str = "cuda") -> str | None:
    """The same after a step."""
    return why_unusable(BACKENDS[name])


def device(name: str = "cuda") -> str | None:
    return BACKENDS[name].device


def rounding(options: Mapping[str, str]) -> Any:
    """Whether the product says that TF32 rounds, and what the libraries read."""
    found = find_backend("cuda", options)
    return {"tf32": found.uses_tf32, "override": os.environ.get("NVIDIA_TF32_OVERRIDE")}


def loaded() -> list[str]:
    """The files of cuDNN that are in the process once CUDA was looked for."""
    BACKENDS["cuda"].why_not()
    lines = Path("/proc/self/maps").read_text().splitlines()
    return sorted({line.split()[-1] for line in lines if "libcudnn" in line})


CALLS: dict[str, Answer] = {
    call.__name__: call
    for call in (
        measure,
        whole_dream,
        gradients,
        failing,
        reason,
        unusable,
        device,
        rounding,
        loaded,
    )
}

if __name__ == "__main__":
    for line in sys.stdin:
        function, arguments = json.loads(line)
        print(json.dumps(CALLS[function](**arguments)), flush=True)
