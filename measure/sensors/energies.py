"""The energy of further dreams of each contender of a bench."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from ort_deepdream.measure.contenders.process import NO_TIME, ContenderError
from ort_deepdream.measure.result import Energy, Measurement, Result, Size
from ort_deepdream.measure.running import Contenders
from ort_deepdream.measure.sensors.energy import NoEnergyError, energy, window
from ort_deepdream.measure.sensors.watch import Watch


class Energies:
    """What was found; what was known before an interruption is kept."""

    def __init__(self, before: Result | None, watch: Watch) -> None:
        self.found = [one for one in before.energy if not one.missing] if before else []
        self.watch = watch

    def measure(
        self,
        contenders: Contenders,
        measurements: Iterable[Measurement],
        picture: Path,
        ends: float,
    ) -> None:
        """Dream for long enough with each contender that dreams, at each size, until `ends`.

        That is on the clock of `time.perf_counter`. Where no sensor counts energy nothing is
        dreamt, and the result says why for each of them.
        """
        known = {(one.contender, one.size) for one in self.found}
        for measurement in measurements:
            name, size = measurement.contender, measurement.size
            if measurement.kind == "warm" and (name, size) not in known:
                self.found.append(self._measured(contenders, name, size, picture, ends))

    def _measured(
        self, contenders: Contenders, name: str, size: Size, picture: Path, ends: float
    ) -> Energy:
        photo, process = str(contenders.photo(size)), contenders.processes[name]
        if self.watch.has_energy and time.perf_counter() + window(self.watch) > ends:
            return _missing(name, size, NO_TIME)
        try:
            used = energy(
                lambda: process.ask("dream", photo=photo, output=str(picture)), self.watch
            )
        except (NoEnergyError, ContenderError) as error:
            return _missing(name, size, str(error))
        return Energy(
            contender=name,
            size=size,
            dreams=used.dreams,
            seconds=used.seconds,
            joules=used.joules,
            missing=None,
        )


def _missing(name: str, size: Size, reason: str) -> Energy:
    return Energy(contender=name, size=size, dreams=0, seconds=0.0, joules={}, missing=reason)
