"""The throughput of each contender of a bench, measured after everything else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from ort_deepdream.engine.machine.cores import usable_cores
from ort_deepdream.measure.analysis import computes_on_processor
from ort_deepdream.measure.contenders.process import NO_TIME, ContenderError
from ort_deepdream.measure.libraries import WEB
from ort_deepdream.measure.result import AtOnce, Machine, Measurement, Result, Size, Throughput
from ort_deepdream.measure.running import Contenders
from ort_deepdream.measure.throughput import Rate, counts_for, rate_at, search


class Crowds:
    """What was found; what was known before an interruption is kept."""

    def __init__(self, before: Result | None) -> None:
        self.found = [one for one in before.throughput if not one.missing] if before else []

    def measure(
        self,
        contenders: Contenders,
        machine: Machine,
        measurements: Iterable[Measurement],
        ends: float,
        on_progress: Callable[[str], None] = lambda what: None,
    ) -> None:
        """Search for each contender that dreams, at each size, until `ends`.

        That is on the clock of `time.perf_counter`.
        """
        known = {(one.contender, one.size) for one in self.found}
        for measurement in measurements:
            name, size = measurement.contender, measurement.size
            # A browser has one page that dreams.
            at_home = contenders.specs[name].library != WEB
            if measurement.kind == "warm" and at_home and (name, size) not in known:
                on_progress(f"{name} at {size} with several at once")
                self.found.append(_searched(contenders, machine, name, size, ends))


def _searched(
    contenders: Contenders, machine: Machine, name: str, size: Size, ends: float
) -> Throughput:
    spec, photo = contenders.specs[name], contenders.photo(size)
    on_cpu = computes_on_processor(contenders.records[name], machine)

    def rate_of(at_once: int) -> Rate:
        if time.perf_counter() > ends:
            raise ContenderError(NO_TIME)
        return rate_at(spec, at_once, on_cpu, Path(photo), contenders.folder)

    try:
        tried = search(rate_of, counts_for(usable_cores() if on_cpu else None))
    except ContenderError as error:
        return Throughput(contender=name, size=size, tried=(), missing=str(error))
    return Throughput(contender=name, size=size, tried=tuple(map(_record, tried)), missing=None)


def _record(rate: Rate) -> AtOnce:
    return AtOnce(at_once=rate.at_once, dreams_per_hour=rate.an_hour, seconds=rate.seconds)
