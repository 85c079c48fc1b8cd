"""The board as a page, and a folder of it with a report for each result: `dream board`.

The page needs no network and believes nothing in its input, as a report does: its rows are JSON in
a script that is never run, and its own script shows them as text.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from ort_deepdream import measure, report
from ort_deepdream.errors import DreamError
from ort_deepdream.files import read_limited, replacing_folder
from ort_deepdream.measure.result import MOST_BYTES, WHAT
from ort_deepdream.report import words
from ort_deepdream.report.board.rows import SIZES, Board, Cell, Row, rows_of_2019
from ort_deepdream.report.page.html import as_script, asset, environment, policy, stylesheet
from ort_deepdream.report.page.page import Link, OnProgress, page
from ort_deepdream.report.runs import read_runs

MARK = ".made-by-board"  # in every board: what has none is not replaced
REPORTS = "reports"
SUFFIX = ".json"
BODY = "board"  # the class of the page's body
DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)
ADDRESS = 12  # in a row, as `_row_as_json` has them
SOURCES = {".py", ".js", ".css", ".jinja"}  # of what makes a report


def board_page(board: Board, links: Sequence[Link] = ()) -> str:
    """Return the page of a board, with the rows of 2019; `links` lead to the rest of a site."""
    script, style = asset("board.js"), f"{stylesheet()}\n{asset('board.css')}"
    return (
        environment()
        .get_template("board.html.jinja")
        .render(
            policy=policy(script, style),
            style=Markup(style),  # ours
            script=Markup(script),
            data=Markup(as_script(_as_json(board))),
            sizes=[words.size(size) for size in SIZES],
            results=words.counted(board.results, "result"),
            links=links,
        )
    )


def _as_json(board: Board) -> dict[str, Any]:
    """Return what the page shows; `texts` has each text once, and rows have its number."""
    texts: dict[str, int] = {}
    rows = [*board.rows, *rows_of_2019()]
    shown = [_row_as_json(row, texts) for row in rows]
    return {"rows": shown, "texts": list(texts), "usual": texts[board.usual_dream()]}


def _row_as_json(row: Row, texts: dict[str, int]) -> list[Any]:
    """Return the values of a row in the order that board.js names them."""

    def number(text: str) -> int:
        return texts.setdefault(text, len(texts))

    shared = (row.machine, row.contender, row.device, row.dream, row.versions, row.note)
    return [
        *map(number, shared),
        int(row.accelerator),
        [_cell(cell, cell.low, cell.high) for cell in row.times],
        [_cell(cell) for cell in row.faster],
        [_cell(cell) for cell in row.joules],
        row.created,
        row.day,
        quote(row.address),
        [[_short(v) for v in point] for point in row.curve.points] if row.curve else [],
        list(row.curve.texts) if row.curve else [],
    ]


def addresses(text: str) -> list[str]:
    """Return the addresses that the rows of a board's page open; none of another page."""
    found = DATA.search(text) if f'class="{BODY}"' in text else None
    rows = json.loads(found[1])["rows"] if found else []
    return [row[ADDRESS] for row in rows if row[ADDRESS]]


def _cell(cell: Cell, *ends: float) -> list[Any]:
    if cell.value is None:
        return []
    return [_short(cell.value), cell.text, cell.sure, *map(_short, ends)]


def _short(value: float) -> float:
    """Return a number with as many figures as a drawing or an order needs."""
    return float(f"{value:.6g}")


# --- a folder -------------------------------------------------------------------------------------


def result_files(folder: Path) -> list[Path]:
    """Return the result files in a folder and the folders in it.

    Raise DreamError where there is none.
    """
    if not folder.is_dir():
        raise DreamError(f"{folder}: there is no such folder; name one with result files")
    found = sorted(path for path in folder.rglob(f"*{SUFFIX}") if path.is_file())
    if not found:
        raise DreamError(f"{folder}: there is no result file in it; `dream bench` writes them")
    return found


def write_board(
    results: Path, output: Path, on_progress: OnProgress = lambda part, text: None
) -> Board:
    """Write a board of the result files in a folder, with a report for each, and return it.

    A board that was there before is replaced, and the reports of files that did not change since
    are taken from it. Raise DreamError, having changed nothing, for a file that is no result, and
    where there is another folder at `output`.
    """
    files = result_files(results)
    if output.exists() and not (output / MARK).is_file():
        raise DreamError(f"{output}: is there, and is no board; name another folder")
    board = Board()
    with replacing_folder(output) as made:
        known, maker = _known_reports(output), _maker()
        kept = {}
        for number, path in enumerate(files):
            on_progress(number / len(files), f"reading {path.name}")
            address = report_address(path.relative_to(results))
            kept[address] = f"{maker} {_digest(path)}"
            same = output / address if known.get(address) == kept[address] else None
            _add(board, path, made, address, same)
        (made / MARK).write_text(json.dumps(kept, indent=1), "utf-8")
        (made / "index.html").write_text(board_page(board), "utf-8", newline="\n")
    return board


def report_address(path: Path) -> str:
    """Return where the report of a result file is, as the board's page refers to it."""
    return f"{REPORTS}/{path.with_suffix('.html').as_posix()}"


def _add(board: Board, path: Path, folder: Path, address: str, same: Path | None) -> None:
    """Add a file to the board; its report is copied where the `same` is there, or made."""
    (run,) = read_runs([path])
    board.add(run, address)
    output = folder / address
    output.parent.mkdir(parents=True, exist_ok=True)
    if same is not None and same.is_file():
        shutil.copyfile(same, output)
        return
    up = "../" * address.count("/")
    text = page([run], [], links=[Link("The board", f"{up}index.html")])
    output.write_text(text, "utf-8", newline="\n")


def _known_reports(output: Path) -> dict[str, str]:
    """Return what the reports of a board that is there were made from; none where it is damaged."""
    try:
        known = json.loads((output / MARK).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _digest(path: Path) -> str:
    return hashlib.sha256(read_limited(path, MOST_BYTES, WHAT)).hexdigest()


def _maker() -> str:
    """Return what tells one version of what makes reports from another."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    for room in (measure, report):
        found = Path(room.__path__[0]).rglob("*")
        yield from sorted(path for path in found if path.suffix in SOURCES)
