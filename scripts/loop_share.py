"""What the dream loop adds to the gradients: its share of a default dream's time.

    python -m scripts.loop_share 4c.onnx                  # 182x158 and 512x512
    python -m scripts.loop_share 4c.onnx --size 1024x1024 -o result.json

The loop is all but the gradient's kernels: what happens outside of ONNX Runtime's runs (octaves,
resizing, Python) and the kernels of the ascent within them (normalisation, limits, rolls). Both are
seen in a dream under ONNX Runtime's profiler, which makes them a little longer; the time that they
are divided by is that of a dream without it, just before. Comparing whole dreams with gradients
alone would not do: two such times of one machine differ by more than the loop takes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ort_deepdream import DreamError, Model, Settings, dream, load_model
from ort_deepdream.cli.messages import table
from ort_deepdream.engine.machine.cores import cores, usable_cores
from ort_deepdream.measure.machine import describe, disturbances, this_machine
from ort_deepdream.measure.operators import Event, kernel_runs, profiled
from ort_deepdream.measure.pictures import Array, noise, parse_size
from ort_deepdream.measure.result import Size
from ort_deepdream.measure.statistics import between, spread
from ort_deepdream.measure.timing import PAUSE, timed

SETTINGS = Settings(seed=0)
DEFAULT_SIZES = tuple(map(parse_size, ("182x158", "512x512")))


@dataclass(frozen=True)
class Sample:
    """Seconds of two dreams; `outside` and `ascent` are parts of the profiled one."""

    dream: float
    profiled: float
    outside: float
    ascent: float

    @property
    def share(self) -> float:
        return (self.outside + self.ascent) / self.dream


def loop_share(model: Model, size: Size, repeats: int) -> list[Sample]:
    """Return pairs of default dreams at `size`, one of them profiled."""
    rgb = model.deprocess(noise(model, size))
    dream(model, rgb, SETTINGS)  # warm
    samples = []
    for _ in range(repeats):  # no progress bar: it is drawn by a thread, in what is timed
        time.sleep(PAUSE)
        seconds = timed(lambda: dream(model, rgb, SETTINGS))
        profiled, events = profiled_dream(model, rgb)
        runs, ascent = run_times(events)
        samples.append(Sample(seconds, profiled, profiled - runs, ascent))
    return samples


def profiled_dream(model: Model, rgb: Array) -> tuple[float, list[Event]]:
    """Return a dream's seconds, and the profiler's events."""
    with profiled(model, *rgb.shape[:2]) as (watched, events):
        time.sleep(PAUSE)
        seconds = timed(lambda: dream(watched, rgb, SETTINGS))
    return seconds, events


def run_times(events: Sequence[Event]) -> tuple[float, float]:
    """Return the seconds in runs, and how many of them in kernels that the gradient does not have.

    Those are the ascent's (export/ascent.py names its nodes), and the copy of a gradient that is an
    output of the graph as well.
    """
    runs = [event for event in events if event["name"] == "model_run"]
    ascent = [
        kernel
        for kernel in kernel_runs(events)
        if kernel["name"].startswith("ascent/") or kernel["args"]["op_name"] == "Identity"
    ]
    return seconds_of(runs), seconds_of(ascent)


def seconds_of(events: Sequence[Event]) -> float:
    return sum(int(event["dur"]) for event in events) * 1e-6


def summary(size: Size, samples: Sequence[Sample]) -> dict[str, Any]:
    return {
        "width": size.width,
        "height": size.height,
        "samples_s": [asdict(sample) for sample in samples],
        "share": asdict(spread([sample.share for sample in samples])),
    }


def show(results: Sequence[dict[str, Any]], console: Console) -> None:
    numbers = ("dream", "outside runs", "ascent", "share")
    count = min(len(result["samples_s"]) for result in results)
    made = table("picture", *numbers, between(count), numbers=numbers)
    for result in results:
        medians = (
            spread([sample[key] for sample in result["samples_s"]]).median
            for key in ("dream", "outside", "ascent")
        )
        share = result["share"]
        made.add_row(
            f"{result['width']}x{result['height']}",
            *(f"{seconds * 1e3:.0f} ms" for seconds in medians),
            f"{share['median']:.1%}",
            f"{share['low']:.1%}-{share['high']:.1%}",
        )
    console.print(made)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = made.add_argument
    add("file", type=Path, help="a gradient file for the CPU and any size")
    add("--size", type=parse_size, action="append", metavar="WxH", help="may be repeated")
    add("--dreams", type=int, default=7, help="pairs of dreams for each size; default: %(default)s")
    add("--threads", type=int, default=usable_cores(), help="default: every core")
    add("-o", "--output", type=Path, metavar="FILE", help="JSON with every sample")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    o = parser().parse_args(arguments)
    console = Console(highlight=False)
    machine, busy = this_machine(), disturbances()
    for line in (*describe(machine), f"{o.threads} threads", *(f"WARNING: {b}" for b in busy)):
        console.print(line, markup=False)
    try:
        model = load_model(o.file, "cpu", None if o.threads == cores() else o.threads)
        results = []
        for size in o.size or DEFAULT_SIZES:
            console.print(f"{size}: {o.dreams} pairs of dreams")
            results.append(summary(size, loop_share(model, size, o.dreams)))
    except DreamError as error:
        raise SystemExit(f"loop_share: {error}") from error
    show(results, console)
    if o.output is not None:
        found = {
            "environment": machine.model_dump(),
            "threads": o.threads,
            "disturbances": busy,
            "model": {"layers": model.info.layers, "weights": model.info.weights},
            "loop": results,
        }
        o.output.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
