"""`dream board`: a folder of result files in, a board with a report for each out."""

from __future__ import annotations

from pathlib import Path

from ort_deepdream.cli.messages import bar, file_size, say_written
from ort_deepdream.errors import DreamError
from ort_deepdream.files import writing
from ort_deepdream.report.board.page import write_board
from ort_deepdream.report.words import counted


def board(results: Path, output: Path) -> None:
    """Write the board; write nothing and raise DreamError where a file is no result."""
    if not output.parent.is_dir():
        raise DreamError(f"{output}: the folder {output.parent} does not exist; create it first")
    inside = output.resolve().is_relative_to(results.resolve())
    if inside or results.resolve().is_relative_to(output.resolve()):
        raise DreamError(f"{output}: is not apart from {results}, which is read; name another -o")
    with bar("reporting") as on_progress, writing(output):
        found = write_board(results, output, on_progress)
    page = output / "index.html"
    what = f"{counted(found.results, 'result')}, {counted(len(found.rows), 'row')}"
    size = file_size(page.stat().st_size)
    say_written(page, f"{page}: {what}, {size}, open it in any browser")
