"""Whether the contenders compute the same: a fast wrong answer is a failure.

Gradients are compared with PyTorch's autograd in float64 where PyTorch is installed and the file's
network can be rebuilt from it, and with the CPU's; short dreams at one seed with the CPU's. Whole
dreams cannot be judged: a dream amplifies what differs, and after ten steps in each octave two
gradients that are equal to seven digits have led to pictures that are alike to 29 dB only.
"""

from __future__ import annotations

import base64
import importlib.util
import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.engine.image import read_picture
from ort_deepdream.measure.pictures import psnr
from ort_deepdream.measure.plan import is_plain_cpu
from ort_deepdream.measure.process import ContenderError
from ort_deepdream.measure.result import Check, Image, Result, Size

if TYPE_CHECKING:
    from ort_deepdream.measure.bench import Bench

Array = NDArray[np.float32]

AUTOGRAD = "PyTorch autograd, float64"
FULL = "float32"

# |found - reference| / |reference| in the 2-norm. Where two activations are equal but for rounding,
# each library picks its own winner: such flips make 0.004 of a gradient; a wrong rule 0.1 and more.
MOST_ERROR = 0.02
MOST_ERROR_ROUNDED = 0.1  # TF32 and float16 keep 11 bits, and flip more often
ITERATIONS = 1  # in each octave, of the dreams that are compared
# A photo changed by 0.05 of 255 levels dreams at 52 dB then, another seed at 34 dB.
LEAST_PSNR = 40.0

LARGEST = 65_536  # pixels of the picture that is compared, for float64 takes its time
SIDE = 256


class Checker:
    """The checks of a bench, and the dreams that were compared."""

    def __init__(self, before: Result | None) -> None:
        self.checks = list(before.checks) if before else []
        self.images = list(before.images) if before else []

    def check(self, bench: Bench) -> None:
        """All contenders that are there, unless it was done before an interruption."""
        if self.images:
            return
        self.bench = bench
        self.size = comparable(bench.wanted.sizes[0], bench.wanted.stride)
        self.photo = bench.photo(self.size)
        gradients, dreams = self.outputs()
        self.against_autograd(gradients)
        self.against_cpu(gradients, dreams)
        if not self.checks:
            bench.warn(["nothing was compared: there is neither a second contender nor PyTorch"])

    def outputs(self) -> tuple[dict[str, Array], dict[str, Path]]:
        """Gradients and dreams by contender; one that fails here is lost."""
        gradients: dict[str, Array] = {}
        dreams: dict[str, Path] = {}
        self.keep(None, self.photo)
        folder, photo = self.bench.folder, str(self.photo)
        for number, (name, process) in enumerate(list(self.bench.processes.items())):
            gradient = folder / f"gradient{number}.npy"
            short, whole = folder / f"short{number}.png", folder / f"whole{number}.png"
            try:
                process.ask("gradient", photo=photo, output=str(gradient))
                if "warm" in self.bench.kinds[name]:
                    process.ask("dream", photo=photo, output=str(short), iterations=ITERATIONS)
                    dreams[name] = short
                    process.ask("dream", photo=photo, output=str(whole))
                    self.keep(name, whole)
                    self.bench.dreamt.add((name, self.size))
            except ContenderError as error:
                self.bench.lose(name, str(error))
                continue
            gradients[name] = np.load(gradient)
        return gradients, dreams

    def against_autograd(self, gradients: dict[str, Array]) -> None:
        job = next(iter(self.bench.jobs.values()))
        try:
            truth = autograd(Path(job.model), self.photo, self.bench.folder / "autograd.npy")
        except ContenderError as reason:
            self.bench.warn([f"not compared with PyTorch's autograd: {reason}"])
            return
        for name, gradient in gradients.items():
            self.add(name, AUTOGRAD, distance(gradient, truth))

    def against_cpu(self, gradients: dict[str, Array], dreams: dict[str, Path]) -> None:
        cpu = [name for name in gradients if is_plain_cpu(self.bench.contenders[name])]
        for name in gradients:
            if cpu and name != cpu[0]:
                error = distance(gradients[name], gradients[cpu[0]])
                both = [read_picture(dreams[n]).rgb for n in (name, cpu[0]) if n in dreams]
                self.add(name, cpu[0], error, both)

    def add(
        self, name: str, reference: str, error: float | None, dreams: Sequence[Array] = ()
    ) -> None:
        """Judge a gradient's error, and two dreams if there are two."""
        full = self.bench.contenders[name].precision == FULL
        most = MOST_ERROR if full else MOST_ERROR_ROUNDED
        limit = f"gradient error at most {most}"
        passed = error is not None and error <= most
        compared = len(dreams) == 2
        alike = psnr(*dreams) if compared else None
        if compared:
            limit += f", dreams of {ITERATIONS} step in each octave alike to {LEAST_PSNR:.0f} dB"
            passed = passed and (alike is None or alike >= LEAST_PSNR)
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
        png = base64.b64encode(path.read_bytes()).decode()
        self.images.append(Image(contender=contender, size=self.size, png=png))


def comparable(size: Size, stride: int) -> Size:
    """The size that outputs are compared at: the given one, unless it is large."""
    if size.width * size.height <= LARGEST:
        return size
    scale = SIDE / max(size.width, size.height)
    width, height = (max(stride, round(side * scale)) for side in (size.width, size.height))
    return Size(width=width, height=height)


def distance(found: Array, truth: NDArray[np.floating]) -> float | None:
    """Relative, in the 2-norm; None when it is no number."""
    norm = float(np.linalg.norm(truth.astype(np.float64)))
    error = float(np.linalg.norm(found.astype(np.float64) - truth)) / max(norm, 1e-38)
    return error if math.isfinite(error) else None


def autograd(model: Path, photo: Path, output: Path) -> NDArray[np.float64]:
    """PyTorch's gradient in float64, made in a process of its own. Raises ContenderError."""
    missing = [name for name in ("torch", "onnx_ir") if importlib.util.find_spec(name) is None]
    if missing:
        raise ContenderError(f"there is no {missing[0]} here; pip install 'ort-deepdream[export]'")
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
