"""Whether a virtual machine's cores are as many real ones: a hypervisor may run two of them on one.

Nothing tells of that: no time is stolen, and each core is as busy as before. So a matrix product on
all cores is timed before and after what is measured; a processor that has them to itself is as
quick each time. The cores of a real machine are its own, and their clocks are the other sensors'.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

from ort_deepdream.engine.backends import FATAL_ONLY
from ort_deepdream.engine.machine.cores import usable_cores
from ort_deepdream.measure.limits import GRAPHS
from ort_deepdream.measure.sensors.sensor import Moment

SHARED = "its virtual cores shared a real one, or other processes kept them busy"
CPUINFO = Path("/proc/cpuinfo")

LEAST = 0.8  # of the best rate; of two cores that share one 0.5 to 0.7 was seen
RUNS = 3  # of the product, of which the best counts: a short disturbance is none
LONG = 8e-3  # seconds of a product: to wake the other cores takes up to 1 ms of it
SIDES = (512, 1024, 2048, 4096)  # of its matrices


class VirtualCores:
    """Seconds in which all cores together did less than they can, as far as both ends tell.

    `product` is timed; by default it is ONNX Runtime's on every core.
    """

    name = "virtual cores"
    update = 0.0
    is_watched = False

    def __init__(
        self,
        cpuinfo: Path = CPUINFO,
        product: Callable[[], object] | None = None,
        clock: Callable[[], float] = time.perf_counter,
        cores: int | None = None,
    ) -> None:
        self.missing = _why_not(cpuinfo, cores or usable_cores())
        self.product, self.clock = product, clock
        self.quickest = float("inf")  # seconds of the product so far
        self.shared = 0.0
        self.last: tuple[float, bool] | None = None  # when it was timed, and whether it was slow

    def joules(self) -> dict[str, float]:
        """Return nothing: these are no energy counters."""
        return {}

    def slowdowns(self) -> dict[str, float]:
        """Time the product, and return the seconds so far of which one end was slow, or both."""
        if self.product is None:
            self.product = _long_product(usable_cores())
        seconds = min(self._timed() for _ in range(RUNS))
        self.quickest = min(self.quickest, seconds)
        now, is_slow = self.clock(), seconds * LEAST > self.quickest
        if self.last is not None:
            before, was_slow = self.last
            self.shared += (now - before) * (was_slow or is_slow)
        self.last = now, is_slow
        return {SHARED: self.shared}

    def moment(self) -> Moment:
        """Return nothing: what there is to tell, `slowdowns` counts."""
        return Moment()

    def _timed(self) -> float:
        assert self.product is not None
        began = self.clock()
        self.product()
        return self.clock() - began


def _why_not(cpuinfo: Path, cores: int) -> str | None:
    try:
        flags = cpuinfo.read_text("utf-8", "replace")
    except OSError:
        return f"there is no {cpuinfo} to tell what cores are"
    if " hypervisor" not in flags:
        return "these are no virtual cores: nothing shares them"
    return None if cores > 1 else "there is one core, which shares with none"


def _long_product(cores: int) -> Callable[[], object]:
    """Return a matrix product that takes all cores long enough."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    options.intra_op_num_threads = cores
    # Its threads are not to be in the way of what is measured next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    content = (GRAPHS / "product.onnx").read_bytes()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    for side in SIDES:
        a, b = np.random.default_rng(0).random((2, side, side), np.float32)

        def product(inputs: dict[str, object] = {"a": a, "b": b}) -> object:  # noqa: B006
            return session.run(None, inputs)

        product()
        began = time.perf_counter()
        product()
        if time.perf_counter() - began > LONG:
            break
    return product
