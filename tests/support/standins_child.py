"""The child of tests/support/standins.py: one call a line, as JSON, and one answer a line.

Product code runs here as it is; only NVIDIA's libraries are others.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from onnxruntime import OrtValue
from standins import RUNTIME, added

from ort_deepdream import BACKENDS, DreamError, Model, Settings, dream, load_model, why_unusable
from ort_deepdream.engine.ascent import make_ascent
from ort_deepdream.engine.loading import find_backend
from ort_deepdream.engine.shaping import Shaping
from ort_deepdream.measure.operators import kernel_runs, kernels, profiled

Answer = Callable[..., Any]
Size = list[int]
BATCHES = 5
LARGEST = (1024, 1024)


class Runtime:
    """The stand-in for libcudart, which the provider shares."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL(RUNTIME)
        self.library.standin_counts.restype = ctypes.POINTER(ctypes.c_long)
        for text in ("standin_names", "standin_complaints"):
            getattr(self.library, text).restype = ctypes.c_char_p
        self.library.standin_bytes.restype = ctypes.c_size_t
        self.library.standin_recorded.restype = ctypes.c_int64
        self.names = self.library.standin_names().decode().split()

    def counts(self) -> dict[str, int]:
        return dict(zip(self.names, self.library.standin_counts(), strict=False))

    def complaints(self) -> list[str]:
        return list(self.library.standin_complaints().decode().splitlines())

    def bytes(self) -> int:
        return int(self.library.standin_bytes())

    def record(self) -> None:
        """Stamp what is counted from now on, which takes its time."""
        self.library.standin_record()

    def recorded(self) -> list[tuple[str, int]]:
        """What was counted since then, and when, in nanoseconds of the system's clock."""
        stamps = ctypes.POINTER(ctypes.c_int64)()
        many = self.library.standin_recorded(ctypes.byref(stamps))
        return [(self.names[stamps[2 * i]], stamps[2 * i + 1]) for i in range(many)]

    def limit_memory(self, size: int) -> None:
        self.library.standin_set_memory(ctypes.c_size_t(size))


@cache
def runtime() -> Runtime:
    return Runtime()


@cache
def settle() -> None:
    """Take a step, so that what the first session of a process keeps is no other's.

    Nor is what ONNX Runtime keeps for pictures that it is given, of the largest size in the tests.
    """
    why_unusable(BACKENDS["cuda"])
    OrtValue.ortvalue_from_shape_and_type((1, 3, *LARGEST), np.float32, "cuda", 0)


def load(path: str, options: Mapping[str, str]) -> Model:
    """Load a model; one for dreams with a guide has a grey one."""
    model = load_model(path, find_backend("cuda", options))
    guide = np.full((60, 80, 3), 127, np.float32)
    return model.with_guide(guide) if model.info.guides else model


def measure(
    path: str,
    size: Size,
    options: Mapping[str, str],
    steps: int = 4,
    times: int = 0,
    shaping: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Where the step's nodes are, and what each of `steps` steps asked for.

    `shaping` are the strengths of the stages that shape the gradient, by name.
    With `times`, the processor's time is told too, in seconds for each of so many steps more, in
    the best of some batches.
    """
    settle()
    held = runtime().bytes()
    model = load(path, options)
    ascent = make_ascent(model, *size, Shaping(**(shaping or {})))
    ascent.put(np.zeros((1, 3, *size), np.float32))
    counted = []
    for number in range(steps):
        before = runtime().counts()
        ascent.step(1.5, number, -number)
        counted.append(added(before, runtime().counts()))
    seconds = []
    for _ in range(BATCHES if times else 0):
        begin = time.process_time()
        for number in range(times):
            ascent.step(1.5, number, -number)
        seconds.append((time.process_time() - begin) / times)
    return {
        "placement": dict(model.placement),
        "steps": counted,
        "bytes": runtime().bytes() - held,
        "complaints": runtime().complaints(),
        "seconds": min(seconds, default=None),
    }


def parts(path: str, size: Size) -> list[dict[str, Any]]:
    """What each node of a step that is not captured asked for, and what it read and wrote."""
    with profiled(load(path, {"enable_cuda_graph": "0"}), *size) as (model, events):
        ascent = make_ascent(model, *size)
        ascent.put(np.zeros((1, 3, *size), np.float32))
        for _ in range(2):
            ascent.step(1.5)
        runtime().record()
        ascent.step(1.5)
        stamps = runtime().recorded()
        began = model.session(*size).run.get_profiling_start_time_ns()
    last = {event["args"]["node_index"]: event for event in kernel_runs(events)}
    return [_part(event, began, stamps) for event in last.values()]


def _part(event: dict[str, Any], began: int, stamps: list[tuple[str, int]]) -> dict[str, Any]:
    start = began + event["ts"] * 1000
    end = start + event["dur"] * 1000
    asked = Counter(name for name, at in stamps if start <= at <= end)
    (kernel,) = kernels([event, event])  # each node's first is left out there
    name = event["name"].removesuffix("_kernel_time")
    operator = event["args"]["op_name"]
    return {"name": name, "operator": operator, "flop": kernel.flop, "moved": kernel.moved, **asked}


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
        parts,
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
