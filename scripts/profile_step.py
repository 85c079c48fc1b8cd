"""Where the time of one gradient step goes, by kind of kernel.

    python -m scripts.profile_step 4c.onnx --size 512x512

ONNX Runtime's profiler times every kernel of some steps; a kernel's time is its median over them,
the first left out. Profiling itself takes time, most of all where kernels are small: the step's
time without it stands above the table, so read the shares, and not the sum. Also for convolutions
whose weights' shape is told the operations (two for a multiply-add), and for all kinds the bytes
of their inputs and outputs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from ort_deepdream import DreamError, Model, load_model
from ort_deepdream.cli.messages import table
from ort_deepdream.engine.machine.cores import usable_cores
from ort_deepdream.measure.operators import Kind, all_kinds, profile, uncounted
from ort_deepdream.measure.pictures import Array, noise, parse_size
from ort_deepdream.measure.timing import timed


def show(kinds: Sequence[Kind], console: Console) -> None:
    total = sum(kind.seconds for kind in kinds)
    numbers = ("nodes", "ms", "share", "GFLOP", "GFLOP/s", "MB", "GB/s")
    made = table("kind", *numbers, numbers=numbers)
    for kind in [*kinds, all_kinds(kinds)]:
        seconds = max(kind.seconds, 1e-9)  # the profiler counts whole microseconds
        made.add_row(
            kind.name,
            str(kind.kernels),
            f"{kind.seconds * 1e3:.1f}",
            f"{kind.seconds / total:.1%}",
            f"{kind.flop / 1e9:.2f}" if kind.flop else "",
            f"{kind.flop / 1e9 / seconds:.0f}" if kind.flop else "",
            f"{kind.moved / 1e6:.1f}",
            f"{kind.moved / 1e9 / seconds:.1f}",
        )
    console.print(made)
    for name in uncounted(kinds):
        console.print(
            f"{name}: ONNX Runtime has packed its weights and tells no shape of them, so that its "
            f"operations are in no number"
        )


def median_step(model: Model, image: Array, steps: int) -> float:
    """Return the seconds of a step without the profiler."""
    step: Callable[[], object] = lambda: model.gradient(image)  # noqa: E731
    return float(np.median([timed(step) for _ in range(1 + steps)][1:]))


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("file", type=Path, help="a gradient file for the CPU")
    made.add_argument("--size", type=parse_size, default=parse_size("512x512"), metavar="WxH")
    made.add_argument("--steps", type=int, default=10, help="default: %(default)s")
    made.add_argument("--threads", type=int, default=usable_cores(), help="default: every core")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    try:
        o = parser().parse_args(arguments)
        model = load_model(o.file, "cpu", o.threads)
    except DreamError as error:
        raise SystemExit(f"profile_step: {error}") from error
    image = noise(model, o.size)
    seconds = median_step(model, image, o.steps)
    found = profile(model, image, o.steps, o.threads)
    console = Console(highlight=False)
    console.print(
        f"{o.file}: {', '.join(model.info.layers)}, {o.size}, {o.threads} threads: "
        f"{seconds * 1e3:.1f} ms a step without the profiler"
    )
    show(found, console)


if __name__ == "__main__":
    main()
