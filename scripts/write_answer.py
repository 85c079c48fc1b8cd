"""Write README's answer, the report that it links to and its picture from the reference result.

    dream bench ... -o docs/report/epyc-2-cores.json     # docs/benchmark.md has the whole command
    python -m scripts.write_answer

The picture wants playwright and Chromium (apt-get install chromium); `--words` writes the words
alone, which a test holds to the result.
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from ort_deepdream.files import write_text
from ort_deepdream.measure import seed_table
from ort_deepdream.measure.analysis import TimedContender
from ort_deepdream.measure.result import Kind, Size
from ort_deepdream.measure.statistics import median
from ort_deepdream.report import words
from ort_deepdream.report.page.markdown import escaped, table
from ort_deepdream.report.page.page import page
from ort_deepdream.report.runs import Run, read_runs
from ort_deepdream.report.sentences.answer import answer
from ort_deepdream.report.tables.table import Table

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "docs" / "report" / "epyc-2-cores.json"
DOCUMENTS = ("README.md", "docs/benchmark.md")  # with the lines that are written
BEGIN, END = "<!-- answer: python -m scripts.write_answer -->", "<!-- end of the answer -->"
SIZE = seed_table.SIZE
WIDTH = 105  # characters of a line, as the documents have


def run_of(path: Path = RESULT) -> Run:
    """Return the reference result, and what it says."""
    (run,) = read_runs([path])
    return run


def written(document: str, run: Run) -> str:
    """Return the text of a document with the answer of now."""
    text = (ROOT / document).read_text("utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"write_answer: {document} has to have {BEGIN} and {END}, once each")
    folder = "docs/report" if document == "README.md" else "report"
    made = (
        f"{BEGIN}\n{head(run, folder) if document != 'README.md' else section(run, folder)}\n{END}"
    )
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: made, text, flags=re.DOTALL)


def section(run: Run, folder: str) -> str:
    """Return the answer in a sentence, the table of its figures, and the head of the report."""
    size = words.size(SIZE)
    where = f"measured {run.day} on {run.title}, beside those of 2019, which were measured then"
    return "\n\n".join(
        [
            _wrapped(said(run)),
            _wrapped(escaped(f"Medians at {size} pixels, {where}:")),
            table(figures(run)),
            head(run, folder),
        ]
    )


def said(run: Run) -> str:
    """Return the answer's sentence; what has to be known first is whether a GPU was there."""
    sentence = answer(run.analysis).sentence
    if run.analysis.accelerators or run.analysis.no_speedup is None:
        return escaped(sentence)
    first = escaped(sentence.removesuffix(run.analysis.no_speedup.sentence).strip())
    return f"**No machine with a GPU has run this yet.** {first}"


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, WIDTH, break_on_hyphens=False))


def head(run: Run, folder: str) -> str:
    """Return the picture of the report's head, a link to the report."""
    top = answer(run.analysis)
    name = RESULT.with_suffix("").name
    shown = f"the head of a report: {top.headline}, {top.unit}"
    return f"[![{escaped(shown)}]({folder}/{name}.png)]({folder}/{name}.html)"


def figures(run: Run) -> Table:
    """Return a table of each sound contender at the size of 2019, the fastest dream first."""
    timed = [one for one in run.contenders if one.is_sound and _times(one) != (words.DASH,) * 3]
    timed.sort(key=lambda one: one.figures[_order(one)].median)
    rows = [*((one.name, *_times(one)) for one in timed), *_rows_of_2019()]
    headings = ("", *(words.KINDS[kind] for kind in words.KINDS))
    return Table(headings, tuple(rows), words=1)


def _order(one: TimedContender) -> tuple[Kind, Size]:
    kinds: tuple[Kind, ...] = ("warm", "step", "cold")
    return next((kind, SIZE) for kind in kinds if (kind, SIZE) in one.figures)


def _times(one: TimedContender) -> tuple[str, ...]:
    found = (one.figures.get((kind, SIZE)) for kind in words.KINDS)
    return tuple(words.seconds(figure.median) if figure else words.DASH for figure in found)


def _rows_of_2019() -> Iterator[tuple[str, ...]]:
    for row in seed_table.ROWS:
        middle = words.seconds(median(row.seconds).value)
        yield f"{row.name}, {seed_table.YEAR}", words.DASH, middle, words.DASH


def main(arguments: Sequence[str] | None = None) -> None:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--words", action="store_true", help="neither the report nor its picture")
    o = made.parse_args(arguments)
    run = run_of()
    for document in DOCUMENTS:
        write_text(ROOT / document, written(document, run))
        print(document)
    if o.words:
        return
    from scripts.screenshot_report import photograph, write

    report = RESULT.with_suffix(".html")
    write_text(report, page([run], []))
    write(photograph(report, 1100, 900), RESULT.with_suffix(".png"))
    print(report, RESULT.with_suffix(".png"))


if __name__ == "__main__":
    main()
