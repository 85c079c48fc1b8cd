from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from synthetic_results import written

from ort_deepdream.measure.result import Result
from ort_deepdream.report.runs import Run, read_runs

Runs = Callable[..., tuple[Run, ...]]


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Writes results to files and reads them, as the report does."""

    def write_and_read(*results: Result) -> tuple[Run, ...]:
        names = [f"result{number}.json" for number in range(len(results))]
        pairs = zip(results, names, strict=True)
        return read_runs([written(tmp_path, result, name) for result, name in pairs])

    return write_and_read
