"""What a guide costs: a step with one over a step without, at shipped layers, on the CPU.

    python -m scripts.compare_guide                         # the table of docs/performance.md
    python -m scripts.compare_guide -l inception_4c/output --guide 1024x768

The built-in weights, noise as the picture and as the guide, one thread. Steps with and without take
turns, and it is the process's own time that counts, not the clock's: what else the machine does
then matters little. `memory` is what steps add to a process that has the model, at the peak.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from ort_deepdream import DreamError, Model, load_layer
from ort_deepdream.engine.ascent import Ascent, make_ascent
from ort_deepdream.gradient_format import guide_input
from ort_deepdream.measure.pictures import noise, parse_size
from ort_deepdream.measure.result import Size
from scripts.ship_models import LAYERS

PROC = Path("/proc/self")


def guided(layer: str, guide: Size) -> Model:
    """Return the layer's model, led by noise of this size."""
    rgb = np.random.default_rng(1).uniform(0, 255, (guide.height, guide.width, 3))
    return load_layer(layer, backend="cpu", threads=1, guided=True).with_guide(
        rgb.astype(np.float32)
    )


def seconds(ascent: Ascent) -> float:
    """Return the processor's time for a step."""
    before = time.process_time()
    ascent.step(1.5)
    return time.process_time() - before


def ascending(model: Model, size: Size) -> Ascent:
    ascent = make_ascent(model, size.height, size.width)
    ascent.put(noise(model, size))
    return ascent


def medians(plain: Ascent, led: Ascent, rounds: int) -> tuple[float, float, float]:
    """Return the seconds of a step without and with a guide, and the median of their ratios."""
    both = plain, led
    for ascent in both:
        ascent.step(1.5)
    samples = np.array([[seconds(ascent) for ascent in both] for _ in range(rounds)])
    without, with_guide = np.median(samples, axis=0)
    return float(without), float(with_guide), float(np.median(samples[:, 1] / samples[:, 0]))


def peak_of(layer: str, size: Size, guide: Size | None) -> int:
    """Return the bytes that steps add to what a fresh process has with the model, at the peak."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(_peak, layer, size, guide).result()


def _peak(layer: str, size: Size, guide: Size | None) -> int:
    model = guided(layer, guide) if guide else load_layer(layer, backend="cpu", threads=1)
    (PROC / "clear_refs").write_text("5")  # the peak is from now on
    before = _status("VmRSS")
    ascent = ascending(model, size)
    for _ in range(2):
        ascent.step(1.5)
    return _status("VmHWM") - before


def _status(name: str) -> int:
    lines = (PROC / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def main(arguments: Sequence[str] | None = None) -> None:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("-l", "--layer", action="append", help="default: every shipped one")
    made.add_argument("--size", type=parse_size, default=parse_size("512x512"), metavar="WxH")
    made.add_argument("--guide", type=parse_size, default=parse_size("320x240"), metavar="WxH")
    made.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    o = made.parse_args(arguments)
    table = Table("layer", "guide's positions", "without", "with", "ratio", "memory")
    for layer in o.layer or LAYERS:
        try:
            plain, led = load_layer(layer, backend="cpu", threads=1), guided(layer, o.guide)
            memory = [peak_of(layer, o.size, guide) for guide in (None, o.guide)]
            without, with_guide, ratio = medians(
                ascending(plain, o.size), ascending(led, o.size), o.rounds
            )
        except DreamError as error:
            raise SystemExit(f"compare_guide: {error}") from error
        table.add_row(
            layer,
            f"{len(led.guide[guide_input(layer)]):,}",
            f"{without * 1e3:.0f} ms",
            f"{with_guide * 1e3:.0f} ms",
            f"{ratio:.2f}",
            f"{memory[0] / 1e6:.0f} and {memory[1] / 1e6:.0f} MB",
        )
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
