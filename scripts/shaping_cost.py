"""What each way of shaping the gradient adds to a step on the CPU.

    python -m scripts.shaping_cost                       # inception_4c/output at 512x512
    python -m scripts.shaping_cost --layer conv2/3x3 --size 182x158

The graph that a way adds is run alone, in turns with whole plain steps, and the least processor
time of each is taken: of one thread, and what else the machine does is then hardly in it. A step
with it, timed as a whole, differs by less from a plain one than two plain ones do on a machine that
is not idle.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence

import numpy as np
import onnxruntime
from rich.console import Console

from ort_deepdream import DreamError, Model, load_layer
from ort_deepdream.cli.messages import table
from ort_deepdream.engine.ascent import make_ascent
from ort_deepdream.engine.shaping import Shaping
from ort_deepdream.export.shaping import stage_model
from ort_deepdream.measure.machine import describe, disturbances, this_machine
from ort_deepdream.measure.pictures import noise, parse_size
from ort_deepdream.measure.result import Size
from ort_deepdream.step import SHAPING, STAGES, limits_feed

PLAIN = "plain step"
STRENGTHS = Shaping(laplacian=1, smooth=2, total_variation=0.5)

Run = Callable[[], object]


def plain_step(model: Model, size: Size) -> Run:
    """Return what takes a step, as a dream would."""
    ascent = make_ascent(model, size.height, size.width)
    ascent.put(noise(model, size))
    shifts = np.random.default_rng(0)
    return lambda: ascent.step(1.5, *(int(shift) for shift in shifts.integers(-32, 33, 2)))


def stage_alone(model: Model, size: Size, stage: str) -> Run:
    """Return what runs the graph of a stage, on a gradient that is noise."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    graph = stage_model(stage).SerializeToString()
    session = onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])
    image = noise(model, size)
    gradient = np.random.default_rng(0).normal(size=image.shape).astype(np.float32)
    feed = {"image": image, **limits_feed(*model.limits()), SHAPING: STRENGTHS.feed()[SHAPING]}
    feed[f"ascent/{STAGES[stage][0]}"] = gradient
    return lambda: session.run(None, feed)


def least_seconds(runs: dict[str, Run], seconds: float, rounds: int = 3) -> dict[str, float]:
    """Return the least processor time of each, of turns until `seconds` have passed."""
    least = dict.fromkeys(runs, float("inf"))
    began, turns = time.perf_counter(), random.Random(0)
    while rounds > 0 or time.perf_counter() - began < seconds:
        rounds -= 1
        for name in turns.sample(list(runs), len(runs)):
            started = time.process_time()
            runs[name]()
            least[name] = min(least[name], time.process_time() - started)
    return least


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
    stages = {f"--{stage.replace('_', '-')}": stage_alone(model, o.size, stage) for stage in STAGES}
    least = least_seconds({PLAIN: plain_step(model, o.size), **stages}, o.seconds)
    made = table("graph", "ms", "of a plain step", numbers=("ms", "of a plain step"))
    for name, value in least.items():
        made.add_row(name, f"{value * 1e3:.3g}", f"{value / least[PLAIN]:.1%}")
    console.print(f"{o.layer} at {o.size}")
    console.print(made)


if __name__ == "__main__":
    main()
