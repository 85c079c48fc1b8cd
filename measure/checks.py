"""Whether the contenders compute the same: a fast wrong answer is a failure.

Gradients are compared with PyTorch's autograd in float64 where PyTorch is installed and the file's
network can be rebuilt from it, and with the CPU's; short dreams at one seed with the CPU's.
`agreement.py` has the limits.
"""

from __future__ import annotations

import base64
import importlib.util
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.engine.image import read_picture
from ort_deepdream.engine.sessions.gradient_file import ModelInfo, read_gradient_file
from ort_deepdream.errors import DreamError
from ort_deepdream.measure.agreement import (
    ITERATIONS,
    LEAST_PSNR,
    MOST_ERROR,
    MOST_ERROR_ROUNDED,
    gradient_error,
    psnr,
    same_dream,
    same_gradient,
)
from ort_deepdream.measure.contenders.process import ContenderError, ContenderProcess
from ort_deepdream.measure.plan import is_plain_cpu, steps_in_dream
from ort_deepdream.measure.result import Check, Image, Result, Size
from ort_deepdream.measure.running import TRYING, Contenders
from ort_deepdream.weights.architectures import ARCHITECTURES
from ort_deepdream.weights.terms import parse_term

Array = NDArray[np.float32]

AUTOGRAD = "PyTorch autograd, float64"
FULL = "float32"

LARGEST = 65_536  # pixels of the picture that is compared, for float64 takes its time
SIDE = 256


class Checker:
    """The checks of a bench, and the dreams that were compared."""

    def __init__(self, before: Result | None) -> None:
        self.checks = list(before.checks) if before else []
        self.images = list(before.images) if before else []

    def check(self, contenders: Contenders) -> None:
        """Compare all that are there, unless it was done before an interruption."""
        if self.images:
            return
        plan = contenders.plan
        self.contenders = contenders
        self.size = comparable(plan.sizes[0], plan.stride)
        self.photo = contenders.photo(self.size)
        gradients, dreams = self.outputs()
        self.against_autograd(gradients)
        self.against_cpu(gradients, dreams)
        if not self.checks:
            contenders.warn("nothing was compared: there is neither a second contender nor PyTorch")

    def outputs(self) -> tuple[dict[str, Array], dict[str, Path]]:
        """Return gradients and dreams by contender; one that fails here is dropped."""
        gradients: dict[str, Array] = {}
        dreams: dict[str, Path] = {}
        self.keep(None, self.photo)
        folder, photo = self.contenders.folder, str(self.photo)
        for number, (name, process) in enumerate(list(self.contenders.processes.items())):
            gradient = folder / f"gradient{number}.npy"
            short, whole = folder / f"short{number}.png", folder / f"whole{number}.png"
            self.contenders.limit(name, TRYING)
            try:
                process.ask("gradient", photo=photo, output=str(gradient))
                if "warm" in self.contenders.kinds[name]:
                    process.ask("dream", photo=photo, output=str(short), iterations=ITERATIONS)
                    dreams[name] = short
                    if self.has_time(process):
                        process.ask("dream", photo=photo, output=str(whole))
                        self.keep(name, whole)
                        self.contenders.dreamt.add((name, self.size))
            except ContenderError as error:
                self.contenders.drop(name, str(error))
                continue
            gradients[name] = np.load(gradient)
        return gradients, dreams

    def has_time(self, process: ContenderProcess) -> bool:
        """Return whether a whole dream fits into a process's time, by the time of a step."""
        if process.ends is None:
            return True
        plan = self.contenders.plan
        step = process.ask("warm", photo=str(self.photo))[-1]
        dream = step * steps_in_dream(self.size, plan.settings, plan.stride)
        return bool(time.perf_counter() + dream < process.ends)

    def against_autograd(self, gradients: dict[str, Array]) -> None:
        """Compare gradients with PyTorch's autograd, where there is one."""
        spec = next(iter(self.contenders.specs.values()))
        output = self.contenders.folder / "autograd.npy"
        try:
            truth = autograd(Path(spec.model), self.photo, output)
        except ContenderError as reason:
            self.contenders.warn(f"not compared with PyTorch's autograd: {reason}")
            return
        for name, gradient in gradients.items():
            self.add(name, AUTOGRAD, gradient_error(gradient, truth))

    def against_cpu(self, gradients: dict[str, Array], dreams: dict[str, Path]) -> None:
        """Compare gradients and dreams with the CPU's, unless that is wrong itself."""
        cpu = [name for name in gradients if is_plain_cpu(self.contenders.records[name])]
        if cpu and not all(check.passed for check in self.checks if check.contender == cpu[0]):
            if len(gradients) > 1:
                self.contenders.warn(f"nothing was compared with {cpu[0]}, which is wrong itself")
            return
        for name in gradients:
            if cpu and name != cpu[0]:
                error = gradient_error(gradients[name], gradients[cpu[0]])
                both = [read_picture(dreams[n]).rgb for n in (name, cpu[0]) if n in dreams]
                self.add(name, cpu[0], error, both)

    def add(
        self, name: str, reference: str, error: float | None, dreams: Sequence[Array] = ()
    ) -> None:
        """Judge a gradient's error, and two dreams if there are two."""
        full = self.contenders.records[name].precision == FULL
        most = MOST_ERROR if full else MOST_ERROR_ROUNDED
        limit = f"gradient error at most {most}"
        passed = same_gradient(error, most)
        compared = len(dreams) == 2
        alike = psnr(*dreams) if compared else None
        if compared:
            limit += f", dreams of {ITERATIONS} step in each octave alike to {LEAST_PSNR:.0f} dB"
            passed = passed and same_dream(alike)
        self.checks.append(
            Check(
                contender=name,
                reference=reference,
                size=self.size,
                equal=alike is None if compared else None,
                psnr=alike,
                gradient_error=error,
                limit=limit,
                passed=passed,
            )
        )

    def keep(self, contender: str | None, path: Path) -> None:
        """Keep a picture for the result."""
        png = base64.b64encode(path.read_bytes()).decode()
        self.images.append(Image(contender=contender, size=self.size, png=png))


def comparable(size: Size, stride: int) -> Size:
    """Return the size that outputs are compared at: the given one, unless it is large."""
    if size.width * size.height <= LARGEST:
        return size
    scale = SIDE / max(size.width, size.height)
    width, height = (max(stride, round(side * scale)) for side in (size.width, size.height))
    return Size(width=width, height=height)


def require_network(info: ModelInfo) -> None:
    """Raise ContenderError for a file whose network is unknown: PyTorch is not imported for it."""
    try:
        for layer in info.layers:
            parse_term(layer, ARCHITECTURES[info.architecture])
    except (KeyError, DreamError) as error:
        raise ContenderError(f"its network cannot be rebuilt ({error})") from error


def autograd(model: Path, photo: Path, output: Path) -> NDArray[np.float64]:
    """Return PyTorch's gradient in float64, made in a process of its own.

    Raise ContenderError when there is none to be had.
    """
    missing = [name for name in ("torch", "onnx_ir") if importlib.util.find_spec(name) is None]
    if missing:
        raise ContenderError(f"there is no {missing[0]} here; pip install 'ort-deepdream[export]'")
    require_network(read_gradient_file(model).info)
    words = [
        sys.executable,
        "-P",
        "-m",
        "ort_deepdream.measure.autograd",
        str(model),
        str(photo),
        str(output),
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ContenderError((done.stderr.strip().splitlines() or ["it failed"])[-1])
    found: NDArray[np.float64] = np.load(output)
    return found
