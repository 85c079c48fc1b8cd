"""Build the site that is published: the newest report, past ones, a board of all, asv's own pages,
and the page that dreams.

    python -m scripts.publish result.json -o site
    python -m scripts.publish result.json --past results -o site
    python -m scripts.publish result.json --asv .asv/results --asv-html .asv/html -o site

`index.html` is the report of the results named first, with the history that asv measured; `past/`
has one for each result file in the folder given as `--past`, and `board/` one table of them all;
`asv/` is what `asv publish` wrote, as it is: those pages load their libraries from other hosts, and
want a server. `web/` is the page that dreams, for which ONNX Runtime Web is fetched once;
`--without-page` leaves it out. Then every link in our own pages is followed: a missing file, a
missing anchor, or an address on another host is an error, and leaves the site that was there
before.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jinja2 import Environment
from markupsafe import Markup

from ort_deepdream.errors import DreamError
from ort_deepdream.files import replacing_folder
from ort_deepdream.report import words
from ort_deepdream.report.board.page import addresses, board_page
from ort_deepdream.report.board.rows import Board
from ort_deepdream.report.charts.asv import Value, read_history
from ort_deepdream.report.page.html import policy, stylesheet
from ort_deepdream.report.page.page import Link, page
from ort_deepdream.report.runs import Run, read_runs
from ort_deepdream.report.sentences.answer import answer
from ort_deepdream.web.runtime import fetch_runtime
from ort_deepdream.web.site import build as build_page

MARK = ".made-by-publish"  # in every site: what has none is not replaced
ASV, PAST, BOARD, WEB = "asv", "past", "board", "web"

NEWEST = Link("The newest report", "../index.html")

PAST_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Past reports</title>
<link rel="icon" href="data:,">
<style>{{ style }}</style>
</head>
<body>
<header>
<p class="kind">ort-deepdream benchmark</p>
<nav><a href="../index.html">The newest report</a></nav>
<h1>Past reports</h1>
</header>
<main>
<ul>
{% for name, run, answer in reports %}
<li><a href="{{ name | urlencode }}">{{ run.day }}</a>: {{ run.title }}.
{{ answer.headline }} {{ answer.unit }}.</li>
{% endfor %}
</ul>
</main>
</body>
</html>
"""


class PublishError(Exception):
    """Why no site was built, in one line."""


@dataclass(frozen=True)
class Sources:
    results: Sequence[Path]
    past: Path | None
    asv: Path | None
    asv_html: Path | None
    page: bool = False  # whether the page that dreams stands beside the reports


def publish(sources: Sources, output: Path) -> list[Path]:
    """Build the site, replace the one that was there, and return our pages in it.

    Raise PublishError or DreamError, having changed nothing, where that cannot be done.
    """
    _check_output(output)
    with replacing_folder(output) as made:
        build(sources, made)
        if problems := check(made):
            raise PublishError(f"the site is not whole: {'; '.join(problems)}")
        pages = [path.relative_to(made) for path in our_pages(made)]
    return [output / path for path in pages]


def _check_output(output: Path) -> None:
    if not output.parent.is_dir():
        raise PublishError(f"{output}: the folder {output.parent} does not exist; create it first")
    if output.exists() and not (output / MARK).exists():
        raise PublishError(f"{output}: is there and not made by this script; name another folder")


# --- Building ------------------------------------------------------------------------------------


def build(sources: Sources, folder: Path) -> None:
    (folder / MARK).touch()
    history = read_history(sources.asv) if sources.asv else []
    links = []
    if sources.past:
        reports = write_past(sources.past, folder / PAST)
        write_board(reports, folder / BOARD)
        links.append(Link("Past reports", f"{PAST}/index.html"))
        links.append(Link("The board", f"{BOARD}/index.html"))
    if sources.asv_html:
        copy_asv(sources.asv_html, folder / ASV)
        links.append(Link("asv's own pages", f"{ASV}/index.html"))
    if sources.page:
        links.append(Link("Dream in the browser", f"{WEB}/index.html"))
    write_report(folder / "index.html", read_runs(sources.results), history, links)
    if sources.page:  # last, for it may have to be fetched
        build_page(folder / WEB, fetch_runtime())


def write_report(
    path: Path, runs: Sequence[Run], history: Sequence[Value], links: Sequence[Link]
) -> None:
    path.write_text(page(runs, history, links=links), "utf-8", newline="\n")


def write_past(results: Path, folder: Path) -> dict[str, Run]:
    """Write a report for each result file, and their list, newest first; return them by name."""
    files = sorted(results.glob("*.json"))
    if not files:
        raise PublishError(f"{results}: there is no result file in it")
    folder.mkdir()
    runs = [read_runs([path])[0] for path in files]
    runs.sort(key=lambda run: run.result.created, reverse=True)
    reports = [(f"report-{Path(run.name).stem}.html", run, answer(run.analysis)) for run in runs]
    links = [Link("Past reports", "index.html"), NEWEST]
    for name, run, _ in reports:
        write_report(folder / name, [run], [], links)
    listing = (
        Environment(autoescape=True)
        .from_string(PAST_PAGE)
        .render(
            reports=reports,
            style=Markup(stylesheet()),  # ours
            policy=policy("", stylesheet()),
        )
    )
    (folder / "index.html").write_text(listing, "utf-8", newline="\n")
    return {name: run for name, run, _ in reports}


def write_board(reports: Mapping[str, Run], folder: Path) -> None:
    """Write one table of all results, whose rows open the reports in `past/`."""
    board = Board()
    for name, run in reports.items():
        board.add(run, f"../{PAST}/{name}")
    folder.mkdir()
    links = [Link("Past reports", f"../{PAST}/index.html"), NEWEST]
    (folder / "index.html").write_text(board_page(board, links), "utf-8", newline="\n")


def copy_asv(html: Path, folder: Path) -> None:
    if not (html / "index.html").is_file():
        raise PublishError(f"{html}: has no index.html; run `asv publish` first")
    shutil.copytree(html, folder)


# --- Checking ------------------------------------------------------------------------------------


@dataclass
class Names(HTMLParser):
    """Addresses that a page refers to, and what can be referred to in it."""

    text: str
    addresses: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)
        self.addresses += addresses(self.text)  # a script makes links of them

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "action", "data", "poster", "srcset") and value:
                self.addresses.append(value)
            if name == "id" and value:
                self.anchors.add(value)


def our_pages(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.rglob("*.html") if ASV not in path.relative_to(folder).parts
    )


def check(folder: Path) -> list[str]:
    """Return what is wrong with a site: links that lead nowhere, or elsewhere."""
    if not (folder / "index.html").is_file():
        return ["there is no index.html"]
    names = {path: Names(path.read_text("utf-8")) for path in our_pages(folder)}
    return [
        f"{path.relative_to(folder)}: {problem}"
        for path, found in names.items()
        for address in found.addresses
        if (problem := _problem(address, path, folder.resolve(), names))
    ]


def _problem(address: str, path: Path, folder: Path, names: dict[Path, Names]) -> str | None:
    parts = urlsplit(address)
    if parts.scheme == "data":
        return None
    if parts.scheme or parts.netloc:
        return f"refers to another host: {address[:80]}"
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
    if not target.is_relative_to(folder):
        return f"leads out of the site: {address[:80]}"
    if not target.is_file():
        return f"leads nowhere: {address[:80]}"
    anchors = {one.resolve(): found.anchors for one, found in names.items()}.get(target)
    if parts.fragment and anchors is not None and parts.fragment not in anchors:
        return f"there is no {address[:80]}"
    return None


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("results", type=Path, nargs="+", help="result files of `dream bench`")
    made.add_argument("-o", "--output", type=Path, required=True, help="the site's folder")
    made.add_argument("--past", type=Path, metavar="FOLDER", help="with older result files")
    made.add_argument("--asv", type=Path, metavar="FOLDER", help="asv's results")
    made.add_argument("--asv-html", type=Path, metavar="FOLDER", help="what `asv publish` wrote")
    made.add_argument("--without-page", action="store_true", help="leave out the page that dreams")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    o = parser().parse_args(arguments)
    try:
        sources = Sources(o.results, o.past, o.asv, o.asv_html, not o.without_page)
        pages = publish(sources, o.output)
    except (PublishError, DreamError) as error:
        print(f"publish: error: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None
    print(f"{o.output}: {words.counted(len(pages), 'page')}, every link followed")


if __name__ == "__main__":
    main()
