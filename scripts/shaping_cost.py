"""What each way of shaping the gradient adds to a step on the CPU, interleaved with plain steps.

    python -m scripts.shaping_cost                       # inception_4c/output at 512x512
    python -m scripts.shaping_cost --layer conv2/3x3 --size 182x158

A shaped step's time over a plain one's, with its 95% interval: all take turns in one process, in an
order shuffled for each round. It is processor time, of one thread: what else the machine does is
then hardly in it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
from rich.console import Console

from ort_deepdream import DreamError, Model, load_layer
from ort_deepdream.cli.messages import table
from ort_deepdream.engine.ascent import make_ascent
from ort_deepdream.engine.shaping import PLAIN, Shaping
from ort_deepdream.measure.machine import describe, disturbances, this_machine
from ort_deepdream.measure.pictures import noise, parse_size
from ort_deepdream.measure.result import Size
from ort_deepdream.measure.statistics import median, ratio
from ort_deepdream.measure.timing import interleave

PLAINLY = "plain"
SHAPINGS = {
    PLAINLY: PLAIN,
    "--laplacian": Shaping(laplacian=1),
    "--smooth": Shaping(smooth=2),
    "--total-variation": Shaping(total_variation=0.5),
    "all three": Shaping(1, 2, 0.5),
}


def turns_of(model: Model, size: Size, shaping: Shaping) -> Callable[[int], float]:
    """Return what takes a turn of steps, as a dream would, and returns the time of one."""
    ascent = make_ascent(model, size.height, size.width, shaping)
    ascent.put(noise(model, size))
    shifts = np.random.default_rng(0)

    def seconds() -> float:
        down, across = (int(shift) for shift in shifts.integers(-32, 33, 2))
        started = time.process_time()
        ascent.step(1.5, down, across)
        return time.process_time() - started

    return lambda count: float(np.median([seconds() for _ in range(count)]))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--layer", default="inception_4c/output", help="default: %(default)s")
    made.add_argument("--size", type=parse_size, default=parse_size("512x512"), metavar="WxH")
    made.add_argument("--seconds", type=float, default=60.0, help="default: %(default)s")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    o = parser().parse_args(arguments)
    console = Console(highlight=False)
    for line in (*describe(this_machine()), *(f"WARNING: {busy}" for busy in disturbances())):
        console.print(line, markup=False)
    try:
        model = load_layer(o.layer, backend="cpu", threads=1)
    except DreamError as error:
        raise SystemExit(f"shaping_cost: {error}") from error
    turns = {name: turns_of(model, o.size, shaping) for name, shaping in SHAPINGS.items()}
    samples = interleave(turns, o.seconds, rounds=5)
    made = table("step", "ms", "least", "times a plain one", "95%", numbers=("ms", "least"))
    for name, times in samples.items():
        against = ratio(times, samples[PLAINLY])
        made.add_row(
            name,
            f"{median(times).value * 1e3:.1f}",
            f"{min(times) * 1e3:.1f}",
            f"{against.value:.3f}",
            f"{against.low:.3f}-{against.high:.3f}",
        )
    console.print(f"{o.layer} at {o.size}")
    console.print(made)


if __name__ == "__main__":
    main()
