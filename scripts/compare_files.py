"""How a step of one gradient file compares with a step of another, on the CPU, interleaved.

    dream export --layer conv2/3x3 -o plain.onnx
    python -m scripts.compare_files weights/builtin/conv2-3x3.onnx plain.onnx --size 512x512

The first file's time over the second's, with its 95% interval: turns are taken in one process, in
an order shuffled for each round, for a busy moment then hits both.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ort_deepdream import DreamError, load_model
from ort_deepdream.engine.ascent import make_ascent
from ort_deepdream.engine.machine.cores import usable_cores
from ort_deepdream.measure.pictures import noise, parse_size
from ort_deepdream.measure.result import Size
from ort_deepdream.measure.statistics import Interval, median, ratio
from ort_deepdream.measure.timing import interleave, take_turn


def turns_of(path: Path, size: Size, threads: int) -> Callable[[int], float]:
    """Return what takes a turn of steps with the file, as a dream would, and returns their time."""
    model = load_model(path, "cpu", threads)
    ascent = make_ascent(model, size.height, size.width)
    ascent.put(noise(model, size))
    shifts = np.random.default_rng(0)

    def step() -> None:
        down, across = (int(shift) for shift in shifts.integers(-32, 33, 2))
        ascent.step(1.5, down, across)

    return lambda count: take_turn(step, count)


def compare(
    first: Path, second: Path, size: Size, threads: int, seconds: float
) -> tuple[Interval, Interval, Interval]:
    """Return both files' seconds of a step, and the first's over the second's."""
    turns = {name: turns_of(path, size, threads) for name, path in (("1", first), ("2", second))}
    samples = interleave(turns, seconds, rounds=5)
    one, other = samples["1"], samples["2"]
    return median(one), median(other), ratio(one, other)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("first", type=Path, help="a gradient file for the CPU")
    made.add_argument("second", type=Path, help="what it is set against")
    made.add_argument("--size", type=parse_size, default=parse_size("512x512"), metavar="WxH")
    made.add_argument("--threads", type=int, default=usable_cores(), help="default: every core")
    made.add_argument("--seconds", type=float, default=60.0, help="default: %(default)s")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    o = parser().parse_args(arguments)
    try:
        one, other, over = compare(o.first, o.second, o.size, o.threads, o.seconds)
    except DreamError as error:
        raise SystemExit(f"compare_files: {error}") from error
    for path, step in ((o.first, one), (o.second, other)):
        print(f"{path}: {step.value * 1e3:.1f} ms ({step.low * 1e3:.1f} to {step.high * 1e3:.1f})")
    print(f"ratio at {o.size}: {over.value:.3f} ({over.low:.3f} to {over.high:.3f})")


if __name__ == "__main__":
    main()
