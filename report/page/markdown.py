"""The report as Markdown, for an issue, a pull request or a wiki: words and tables, no charts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ort_deepdream.report.charts.times import time_table
from ort_deepdream.report.charts.warming import warm_up_table
from ort_deepdream.report.page.citing import citation
from ort_deepdream.report.runs import Run, all_contenders, question
from ort_deepdream.report.sentences.answer import answer
from ort_deepdream.report.tables import facts
from ort_deepdream.report.tables.ranking import ranking
from ort_deepdream.report.tables.table import Table

# What Markdown, or HTML within it, would take for a sign of its own.
SIGNS = re.compile(r"([\\`*_{}\[\]<>#|~!$&@])")


def markdown(runs: Sequence[Run]) -> str:
    """Return the answer, the tables and the citation of some runs."""
    return "\n\n".join(_parts(runs)) + "\n"


def _parts(runs: Sequence[Run]) -> Iterator[str]:
    yield f"# {question(runs)}"
    for run in runs:
        yield from _answer(run)
    if ranked := ranking(runs):
        others = f" Of another dream: {', '.join(ranked.others)}." if ranked.others else ""
        yield f"## Ranked\n\n{ranked.title}.{others}\n\n{table(ranked.table)}"
    timed = all_contenders(runs)
    if timed:
        yield f"## Times\n\n{table(time_table(timed))}"
        yield f"## Warm-up\n\n{table(warm_up_table(timed))}"
    for title, made in (
        ("Checks", facts.checks(runs)),
        ("What was not measured", facts.missing(runs)),
    ):
        if made.rows:
            yield f"## {title}\n\n{table(made)}"
    for run in runs:
        yield f"## Where and how{_of(run)}\n\n{table(facts.machine(run))}"
        yield f"Repeat it:\n\n{_code(facts.command(run))}"
        yield f"Cite it:\n\n{_code(citation(run))}"


def _answer(run: Run) -> Iterator[str]:
    said = answer(run.analysis)
    yield f"{_of(run, '**')}{escaped(run.title)}; measured {escaped(run.day)}"
    yield f"**{escaped(said.headline)}** {escaped(said.unit)}"
    yield escaped(said.sentence)
    if said.noise:
        yield escaped(f"{said.headline}: {said.noise}")
    if said.cautions:
        yield "Before you believe it:\n\n" + "\n".join(f"- {escaped(one)}" for one in said.cautions)
    for point in said.points:
        yield f"**{escaped(point.question)}** {escaped(' '.join(point.answers))}"


def _of(run: Run, bold: str = "") -> str:
    if bold:
        return f"{bold}{run.letter}{bold} · " if run.letter else ""
    return f", {run.letter}" if run.letter else ""


def _code(text: str) -> str:
    """Return text as code, by its indentation: nothing in it ends that."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def escaped(text: str) -> str:
    """Return text of one line as Markdown shows it, sign by sign."""
    return SIGNS.sub(r"\\\1", text)


def table(made: Table) -> str:
    """Return a table, its numbers set to the right."""
    aligned = ["---" if n < made.words else "---:" for n in range(len(made.headings))]
    rows = [made.headings, tuple(aligned), *made.rows]
    return "\n".join(
        f"| {' | '.join(row if n == 1 else map(escaped, row))} |" for n, row in enumerate(rows)
    )
