"""The page: everything in one HTML file that needs no network and believes nothing in its input.

Strings reach the page through jinja2's escaping, or as JSON in a script that is never run. The
Content-Security-Policy lets run only the scripts and styles that are inlined here, by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ort_deepdream.measure.agreement import ITERATIONS
from ort_deepdream.report import words
from ort_deepdream.report.charts.drawing import Chart
from ort_deepdream.report.charts.history import Value, history_chart
from ort_deepdream.report.charts.roofline import roofline_chart
from ort_deepdream.report.charts.timed import timing_charts
from ort_deepdream.report.charts.warming import order_chart
from ort_deepdream.report.page.citing import citation
from ort_deepdream.report.page.pictures import Gallery, galleries
from ort_deepdream.report.runs import Run, all_contenders, question
from ort_deepdream.report.sentences.answer import Answer, answer
from ort_deepdream.report.tables import facts
from ort_deepdream.report.tables.compared import compared
from ort_deepdream.report.tables.ranking import ranking
from ort_deepdream.report.tables.table import Table
from ort_deepdream.report.tables.then_and_now import same_dream, then_and_now

HERE = Path(__file__).parents[1]  # report/
LIBRARY = "chart.umd.min.js"
UNIT = re.compile(r"(?<=\d) (?=(%|[nµm]?s|[kMGT]?B|dB|[JW])(?!\w))")  # the space before one

OnProgress = Callable[[float, str], None]


@dataclass(frozen=True)
class Link:
    """A link to another page of the site that this one stands in."""

    words: str
    address: str  # relative


@dataclass(frozen=True)
class Download:
    """A link that saves a file which is in the page itself."""

    name: str
    address: str  # data:
    sha256: str
    size: int


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
    style, script = stylesheet(), f"{_library()}\n{asset('report.js')}"
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


def environment() -> Environment:
    """Return what fills the templates: everything in them is escaped."""
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_unbroken,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _unbroken(value: object) -> object:
    """Keep a number and its unit on one line."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return UNIT.sub("\N{NO-BREAK SPACE}", value)
    return value


def _drawing(chart: Chart) -> dict[str, Any]:
    return {
        "name": chart.name,
        "title": chart.title,
        "first": chart.first,
        "views": [view.as_json() for view in chart.views],
    }


def as_script(data: object) -> str:
    """Return JSON that can stand in a script element: nothing in it ends or begins an element."""
    text = json.dumps(data, allow_nan=False, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def asset(name: str) -> str:
    """Return the text of a file in report/assets."""
    return (HERE / "assets" / name).read_text("utf-8")


def stylesheet() -> str:
    """Return the style of every page."""
    return asset("report.css")


def _library() -> str:
    """Return Chart.js without its last line, which names a file that is not in the page."""
    lines = asset(LIBRARY).splitlines()
    return "\n".join(line for line in lines if not line.startswith("//# sourceMappingURL="))


def policy(script: str, style: str) -> str:
    """Return a policy by which only these two may run or style, and nothing is fetched or sent."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_source(script)}'",
            f"style-src '{_source(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _source(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def download(name: str, kind: str, data: bytes) -> Download:
    """Return a file that can be saved from the page."""
    encoded = base64.b64encode(data).decode()
    sha256 = hashlib.sha256(data).hexdigest()
    return Download(name, f"data:{kind};base64,{encoded}", sha256, len(data))
