"""`dream report`: result files in, one page out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ort_deepdream.cli.exporting import check_output
from ort_deepdream.cli.messages import bar, say
from ort_deepdream.errors import DreamError
from ort_deepdream.files import write_text
from ort_deepdream.report.history import read_history
from ort_deepdream.report.page import page
from ort_deepdream.report.runs import read_runs


def report(results: Sequence[Path], output: Path, asv: Path | None) -> None:
    """Write the page that the result files make; write nothing and raise DreamError for others."""
    check_output(output)
    _check_distinct(results, output)
    runs = read_runs(results)
    history = read_history(asv) if asv is not None else []
    with bar("reporting") as on_progress:
        text = page(runs, history, on_progress)
    _write(output, text)
    say(f"{output}: {len(text.encode()) / 1e6:.1f} MB, open it in any browser")


def _check_distinct(results: Sequence[Path], output: Path) -> None:
    if output.exists() and any(path.exists() and output.samefile(path) for path in results):
        raise DreamError(f"{output}: the report would replace its result file; name another file")


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise DreamError(f"{path}: cannot be written ({error.strerror})") from None
