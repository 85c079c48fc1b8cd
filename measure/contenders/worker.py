"""A contender in a process of its own: `python -m ort_deepdream.measure.contenders.worker SPEC`.

Orders come as lines of JSON, [name, {arguments}]; answers go out the same way, [True, answer] or
[False, what went wrong]. Between two orders it waits for its input, and its threads sleep.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ort_deepdream.engine.image import read_picture
from ort_deepdream.errors import DreamError
from ort_deepdream.measure.contenders.contender import (
    ContenderSpec,
    LoadedContender,
    parts,
    read_spec,
)
from ort_deepdream.measure.libraries import OURS, TORCH, WEB
from ort_deepdream.measure.timing import take_turn

SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG in Linux's prctl.h
WARMING = 2  # steps before a time is worth something

# By the contender's library, where its class is. Imported when it is asked for: PyTorch is nothing
# that a process which measures ONNX Runtime should have in memory.
LIBRARIES = {
    OURS: "ort_deepdream.measure.contenders.onnx_runtime:OnnxRuntimeContender",
    TORCH: "ort_deepdream.measure.contenders.pytorch:PyTorchContender",
    WEB: "ort_deepdream.measure.contenders.browser:BrowserContender",
}


def load_contender(spec: ContenderSpec) -> LoadedContender:
    """Load a contender. Raises DreamError when this machine lacks what it needs."""
    module, _, name = LIBRARIES[spec.library].partition(":")
    loaded: LoadedContender = getattr(import_module(module), name)(spec)
    return loaded


class Worker:
    """The orders that a process takes, each a method."""

    def __init__(self, contender: LoadedContender) -> None:
        self.contender = contender

    def about(self, photo: str) -> dict[str, Any]:
        """Return what it is; placement is known once there is a session for a picture."""
        self.contender.gradient(read_picture(photo).rgb)()
        return self.contender.about()

    def warm(self, photo: str) -> list[float]:
        """Return the seconds of each of the first steps, of which the last may be as any other."""
        return [self.step(photo, 1) for _ in range(WARMING)]

    def step(self, photo: str, count: int) -> float:
        """Return the seconds of a step, in a turn of `count`."""
        return self.contender.turn(read_picture(photo).rgb, count)

    def dream(self, photo: str, output: str, iterations: int | None = None) -> dict[str, float]:
        """Dream, and return the seconds of each part."""
        began = time.perf_counter()
        return parts(began, self.contender.dream_to_file(Path(photo), Path(output), iterations))

    def gradient(self, photo: str, output: str) -> None:
        """Write the gradient on a photo as an .npy file."""
        np.save(output, self.contender.gradient(read_picture(photo).rgb)())

    def gradients(self, photo: str, count: int) -> float:
        """Return the seconds of a gradient from memory to memory, in a turn of `count`."""
        return take_turn(self.contender.gradient(read_picture(photo).rgb), count)

    def profile(self, photo: str, runs: int) -> list[dict[str, Any]]:
        """Return the kinds of kernels in a step."""
        return self.contender.profile(read_picture(photo).rgb, runs)

    def limits(self) -> dict[str, float | None]:
        """Return what the device reaches at best."""
        return self.contender.limits()


def serve(orders: TextIO, answers: TextIO, spec: str) -> None:
    """Answer orders until there are none; the first answer says whether the contender is there."""

    def answer(act: Callable[[], Any]) -> Any:
        done = None
        try:
            done = act()
            line = [True, None if isinstance(done, Worker) else done]
        except DreamError as error:
            line = [False, str(error)]
        except Exception as error:  # of a library, such as a device that has no more memory
            line = [False, f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"]
        print(json.dumps(line), file=answers, flush=True)
        return done

    worker = answer(lambda: Worker(load_contender(read_spec(spec))))
    for order in orders:
        name, arguments = json.loads(order)
        answer(lambda: getattr(worker, name)(**arguments))  # noqa: B023  called at once


def end_with_parent() -> None:
    """Have the system kill this process when the one that started it ends, where it can.

    Elsewhere an order that is begun is finished; then there are no more.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGKILL)


def main() -> None:
    """Serve on the standard streams."""
    end_with_parent()
    # Libraries print what they like to the standard output; answers keep theirs.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        serve(sys.stdin, answers, sys.argv[1])


if __name__ == "__main__":
    main()
