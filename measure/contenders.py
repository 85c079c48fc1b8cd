"""The contenders of a bench while it runs: their records, their processes, their photos."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from ort_deepdream.errors import DreamError
from ort_deepdream.measure.contender import ContenderSpec
from ort_deepdream.measure.pictures import resize_photo
from ort_deepdream.measure.plan import Plan
from ort_deepdream.measure.process import ContenderError, ContenderProcess
from ort_deepdream.measure.result import Size


class Contenders:
    """Those of a plan, by name. One that fails before anything is timed is missing from there on.

    `folder` takes the files of the run. `measured` are the names of those that were timed before
    an interruption, and `warnings` what was said then.
    """

    def __init__(
        self, plan: Plan, folder: Path, measured: Iterable[str] = (), warnings: Iterable[str] = ()
    ) -> None:
        self.plan = plan
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
            process = ContenderProcess(self.specs[name])
            self.seconds_to_start[name] = time.perf_counter() - began
            self.processes[name] = process
            about = process.ask("about", photo=str(self.photo(self.plan.sizes[0])))
        except ContenderError as error:
            self.drop(name, str(error))
        else:
            self.records[name] = self.records[name].model_copy(update=about)

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
