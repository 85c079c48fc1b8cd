"""The report of some results: everything in one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ort_deepdream.measure.agreement import ITERATIONS
from ort_deepdream.report import words
from ort_deepdream.report.charts.asv import Value
from ort_deepdream.report.charts.drawing import Chart
from ort_deepdream.report.charts.history import history_chart
from ort_deepdream.report.charts.roofline import roofline_chart
from ort_deepdream.report.charts.timed import timing_charts
from ort_deepdream.report.charts.warming import order_chart
from ort_deepdream.report.page.citing import citation
from ort_deepdream.report.page.html import (
    Download,
    as_script,
    asset,
    chart_library,
    download,
    environment,
    policy,
    stylesheet,
)
from ort_deepdream.report.page.pictures import Gallery, galleries
from ort_deepdream.report.runs import Run, all_contenders, question
from ort_deepdream.report.sentences.answer import answer
from ort_deepdream.report.sentences.head import Answer
from ort_deepdream.report.tables import facts
from ort_deepdream.report.tables.compared import compared
from ort_deepdream.report.tables.ranking import ranking
from ort_deepdream.report.tables.table import Table
from ort_deepdream.report.tables.then_and_now import same_dream, then_and_now

OnProgress = Callable[[float, str], None]


@dataclass(frozen=True)
class Link:
    """A link to another page of the site that this one stands in."""

    words: str
    address: str  # relative


@dataclass(frozen=True)
class Section:
    """One run, as the page shows it."""

    run: Run
    answer: Answer
    galleries: list[Gallery]
    machine: Table
    dream: Table
    contenders: Table
    command: str
    citation: str
    same_dream: str
    download: Download


def page(
    runs: Sequence[Run],
    history: Sequence[Value],
    on_progress: OnProgress = lambda part, text: None,
    links: Sequence[Link] = (),
) -> str:
    """Return the whole page.

    `on_progress` is called with the part that is done and what is being done; `links` lead to the
    rest of a site.
    """
    sections = []
    for number, run in enumerate(runs):
        on_progress(number / (len(runs) + 1), f"reading {run.name}")
        sections.append(_section(run))
    on_progress(len(runs) / (len(runs) + 1), "drawing charts")
    charts = [
        *timing_charts(runs),
        roofline_chart(runs),
        order_chart(all_contenders(runs)),
        history_chart(history),
    ]
    return _render([chart for chart in charts if chart is not None], sections, runs, links)


def _section(run: Run) -> Section:
    return Section(
        run,
        answer(run.analysis),
        galleries(run),
        facts.machine(run),
        facts.dream(run),
        facts.contenders(run),
        facts.command(run),
        citation(run),
        same_dream(run),
        download(f"{run.letter or 'result'}.json", "application/json", run.data),
    )


def _render(
    charts: Sequence[Chart],
    sections: Sequence[Section],
    runs: Sequence[Run],
    links: Sequence[Link],
) -> str:
    style, script = stylesheet(), f"{chart_library()}\n{asset('report.js')}"
    template = environment().get_template("report.html.jinja")
    return template.render(
        title=question(runs),
        short=words.counted(ITERATIONS, "step"),
        policy=policy(script, style),
        style=Markup(style),  # ours
        script=Markup(script),
        data=Markup(as_script([_drawing(chart) for chart in charts])),
        charts=charts,
        links=links,
        sections=sections,
        then_and_now=then_and_now(runs),
        compared=compared(runs),
        ranking=ranking(runs),
        checks=facts.checks(runs),
        missing=facts.missing(runs),
        samples=download("samples.csv", "text/csv", facts.as_csv(runs).encode()),
    )


def _drawing(chart: Chart) -> dict[str, Any]:
    return {
        "name": chart.name,
        "title": chart.title,
        "first": chart.first,
        "views": [view.as_json() for view in chart.views],
    }
