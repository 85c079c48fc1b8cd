"""`dream report`: result files in, one page out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ort_deepdream.cli.messages import bar, file_size, say_written
from ort_deepdream.cli.outputs import check_output, unused
from ort_deepdream.files import write_text, writing
from ort_deepdream.report import words
from ort_deepdream.report.charts.asv import read_history
from ort_deepdream.report.page.markdown import markdown
from ort_deepdream.report.page.page import page
from ort_deepdream.report.runs import read_runs

SUFFIXES = (".html", ".htm")
MARKDOWN = (".md", ".markdown")


def report_markdown(results: Sequence[Path], output: Path | None) -> None:
    """Write the answer and the tables as Markdown. Raise DreamError for what is no result."""
    chosen = output or unused(Path("report.md"))
    check_output(chosen, results, MARKDOWN)
    text = markdown(read_runs(results))
    with writing(chosen):
        write_text(chosen, text)
    say_written(chosen, f"{chosen}: {words.counted(text.count(chr(10)), 'line')} of Markdown")


def report(results: Sequence[Path], output: Path | None, asv: Path | None) -> None:
    """Write the page that the result files make; write nothing and raise DreamError for others."""
    chosen = output or unused(Path("report.html"))
    check_output(chosen, [*results, *([asv] if asv else [])], SUFFIXES)
    runs = read_runs(results)
    history = read_history(asv) if asv is not None else []
    with bar("reporting") as on_progress:
        text = page(runs, history, on_progress)
    with writing(chosen):
        write_text(chosen, text)
    say_written(chosen, f"{chosen}: {file_size(len(text.encode()))}, open it in any browser")
