"""The process that `scripts.alarm` times steps in, with whatever ort-deepdream its Python has.

    python alarm_step.py 182x158 cpu 1 cpu 1.0          # size, backend, threads, clock, plant

For each line that it reads, a number of steps, it writes the seconds of the median one. It asks for
nothing but the package's public functions, which a base and a head share.
"""

import itertools
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from ort_deepdream import Model, Settings, dream, load_layer

LAYER = "inception_4c/output"
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def turn(
    model: Model, rgb: np.ndarray, steps: int, clock: Callable[[], float], plant: float
) -> float:
    """Return the seconds of a turn's median step, the first not counted; `plant` times as long."""
    times: list[float] = []

    def on_step(_: object) -> None:
        now = clock()
        until = now + (plant - 1) * (now - times[-1]) if times else now
        while clock() < until:  # busy, as a slower step would be
            pass
        times.append(clock())

    dream(model, rgb, Settings(octaves=1, iterations=steps + 1, seed=0), on_step=on_step)
    return statistics.median(after - before for before, after in itertools.pairwise(times))


def main() -> None:
    size, backend, threads, clock, plant = sys.argv[1:6]
    width, height = map(int, size.split("x"))
    rgb = np.random.default_rng(0).uniform(0, 255, (height, width, 3)).astype(np.float32)
    model = load_layer(LAYER, backend=backend, threads=int(threads) or None)
    for line in sys.stdin:
        print(turn(model, rgb, int(line), CLOCKS[clock], float(plant)), flush=True)


if __name__ == "__main__":
    main()
