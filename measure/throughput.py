"""How many dreams an hour a device bears when several are made at once, and how long each takes.

Latency is what one waits for who dreams alone; throughput is what a service pays for. Each of those
that dream at once is a process of its own with a session of its own; on a CPU they share out the
cores. How many is best is found by trying more and more until it no longer pays.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Barrier

from ort_deepdream.engine.machine.cores import shared_out
from ort_deepdream.measure.contenders.contender import ContenderSpec
from ort_deepdream.measure.contenders.process import ContenderError, ContenderProcess
from ort_deepdream.measure.timing import timed

HOUR = 3600.0
COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
PAYS = 1.03  # times as many dreams, below which more at once are not worth their latency
FAILED_TRIES = 2  # in a row, after which no larger count is tried
LEAST_DREAMS = 3  # of each that dreams, so that one slow dream is not all
LEAST_SECONDS = 2.0


@dataclass(frozen=True)
class Rate:
    """What so many at once did: the seconds of each of their dreams, and dreams in a second."""

    at_once: int
    seconds: tuple[float, ...]
    a_second: float

    @property
    def an_hour(self) -> float:
        """Return the dreams in an hour."""
        return self.a_second * HOUR


def search(rate_of: Callable[[int], Rate], counts: Iterable[int] = COUNTS) -> list[Rate]:
    """Try more and more at once while it pays, and return what was tried, the fewest first.

    The search ends where the device bears no more, which `rate_of` says by a ContenderError; that
    of one alone is not caught.
    """
    tried: list[Rate] = []
    failures = 0
    for count in counts:
        try:
            tried.append(rate_of(count))
        except ContenderError:
            if not tried:
                raise
            break
        is_best = best([rate.a_second for rate in tried]) == len(tried) - 1
        failures = 0 if is_best else failures + 1
        if failures == FAILED_TRIES:
            break
    return tried


def best(rates: Sequence[float]) -> int:
    """Return the place of the first of these rates that no later one beats by more than noise."""
    found = 0
    for place, rate in enumerate(rates):
        if rate > rates[found] * PAYS:
            found = place
    return found


def counts_for(cores: int | None) -> Iterator[int]:
    """Yield how many at once are to be tried: on a CPU no more than it has cores."""
    return itertools.takewhile(lambda count: cores is None or count <= cores, COUNTS)


def rate_at(spec: ContenderSpec, at_once: int, on_cpu: bool, photo: Path, folder: Path) -> Rate:
    """Dream in so many processes at once. Raise ContenderError when one of them cannot."""
    own = replace(spec, threads=shared_out(at_once)) if on_cpu and at_once > 1 else spec
    crowd = Crowd(at_once)
    with ExitStack() as opened:
        processes = [opened.enter_context(closing(ContenderProcess(own))) for _ in range(at_once)]
        outputs = [folder / f"at-once-{number}.png" for number in range(at_once)]
        orders = [{"photo": str(photo), "output": str(output)} for output in outputs]
        acts = [
            partial(process.ask, "dream", **order)
            for process, order in zip(processes, orders, strict=True)
        ]
        with ThreadPoolExecutor(at_once) as pool:
            done = [pool.submit(crowd.dream_on, number, act) for number, act in enumerate(acts)]
    for one in done:
        if isinstance(one.exception(), ContenderError):  # whatever it did to the others
            one.result()
    found = [one.result() for one in done]
    every = tuple(itertools.chain.from_iterable(found))
    return Rate(at_once, every, sum(len(seconds) / sum(seconds) for seconds in found))


class Crowd:
    """Several that dream at once: none begins before all are warm, none ends before all may."""

    def __init__(self, count: int) -> None:
        self.ready = Barrier(count)
        self.failed = False
        self.seconds: list[list[float]] = [[] for _ in range(count)]

    def dream_on(self, number: int, dream: Callable[[], object]) -> list[float]:
        """Return the seconds of the dreams of one of them, one after another."""
        try:
            dream()  # the first makes room
        except BaseException:
            self.ready.abort()  # the others would wait for it
            raise
        self.ready.wait()
        began = time.perf_counter()
        try:
            while time.perf_counter() - began < LEAST_SECONDS or self._has_one_dreamt_too_little():
                self.seconds[number].append(timed(dream))
        except BaseException:
            self.failed = True
            raise
        return self.seconds[number]

    def _has_one_dreamt_too_little(self) -> bool:
        """Tell whether any has too few dreams; one that failed is waited for by nobody."""
        return not self.failed and min(map(len, self.seconds)) < LEAST_DREAMS
