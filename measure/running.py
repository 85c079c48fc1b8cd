"""The contenders of a bench while it runs: their records, their processes, their photos."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from pathlib import Path

from ort_deepdream.errors import DreamError
from ort_deepdream.measure.contenders.contender import ContenderSpec
from ort_deepdream.measure.contenders.process import ContenderError, ContenderProcess
from ort_deepdream.measure.libraries import WEB
from ort_deepdream.measure.pictures import resize_photo
from ort_deepdream.measure.plan import Plan
from ort_deepdream.measure.result import Size

TRYING = 0.5  # of what is left of the budget, for a browser that was not timed yet


class Contenders:
    """Those of a plan, by name. One that fails before anything is timed is missing from there on.

    `folder` takes the files of the run. `measured` are the names of those that were timed before
    an interruption, and `warnings` what was said then. The budget `ends` then, on the clock of
    `time.perf_counter`: what runs in a browser is stopped.
    """

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        measured: Iterable[str] = (),
        warnings: Iterable[str] = (),
        ends: float = math.inf,
    ) -> None:
        self.plan = plan
        self.ends = ends
        self.folder = folder
        self.measured = frozenset(measured)
        self.warnings = list(warnings)
        self.records = {c.name: c.record for c in plan.contenders}
        self.kinds = {c.name: c.kinds for c in plan.contenders}
        self.specs: dict[str, ContenderSpec] = {
            c.name: c.spec for c in plan.contenders if c.spec is not None
        }
        self.processes: dict[str, ContenderProcess] = {}
        self.seconds_to_start: dict[str, float] = {}
        self.dreamt: set[tuple[str, Size]] = set()  # whole dreams that a process has behind it

    def start(self, name: str) -> None:
        """Start the process of a contender, and let it say what it is."""
        began = time.perf_counter()
        try:
            process = ContenderProcess(self.specs[name], self.until(name, TRYING))
            self.seconds_to_start[name] = time.perf_counter() - began
            self.processes[name] = process
            about = process.ask("about", photo=str(self.photo(self.plan.sizes[0])))
        except ContenderError as error:
            self.drop(name, str(error))
        else:
            self.records[name] = self.records[name].model_copy(update=about)

    def until(self, name: str, share: float) -> float | None:
        """Return when a contender is stopped that has a share of what is left of the budget.

        None is never: a graphics card that is slow to start is waited for, unlike a browser, which
        nobody knows how long to wait for.
        """
        if self.specs[name].library != WEB:
            return None
        now = time.perf_counter()
        return now + share * (self.ends - now)

    def limit(self, name: str, share: float) -> None:
        """Let a browser's process have no more than a share of what is left of the budget."""
        self.processes[name].ends = self.until(name, share)

    def drop(self, name: str, reason: str) -> None:
        """Let a contender be missing. Raise DreamError when it has samples already."""
        if name in self.measured:
            raise DreamError(
                f"{name} was measured before the interruption, and cannot be now: {reason}; "
                f"leave out --resume to measure anew"
            )
        self.records[name] = self.records[name].model_copy(update={"missing": reason})
        if name in self.processes:
            self.processes.pop(name).close()

    def photo(self, size: Size) -> Path:
        """Return the file of the photo at a size."""
        path = self.folder / f"{size}.png"
        return path if path.exists() else resize_photo(self.plan.photo, size, self.folder)

    def warn(self, *sentences: str) -> None:
        """Have the result say something, once."""
        self.warnings += [text for text in sentences if text not in self.warnings]

    def close(self) -> None:
        """End every process."""
        for process in self.processes.values():
            process.close()
