"""Options for the pages: the report, and the one to dream in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ort_deepdream.cli.options.headings import MACHINE, OUTPUT
from ort_deepdream.cli.typed import input_file, number, output_file
from ort_deepdream.engine.settings import Limits

BOARD = Path("board")  # a folder in the working folder

Results = Annotated[
    list[Path],
    typer.Argument(
        metavar="RESULT",
        parser=input_file,
        help="Result files of `dream bench`: of one machine or of several.",
        show_default=False,
    ),
]

ReportOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        parser=output_file,
        help="The page, usually *.html. A file of that name is replaced.",
        show_default="report.html; a second one report-2.html",
        rich_help_panel=OUTPUT,
    ),
]

AsvResults = Annotated[
    Path | None,
    typer.Option(
        "--asv",
        metavar="FOLDER",
        parser=input_file,
        help="asv's results folder, usually .asv/results: adds the history by commit.",
        show_default=False,
    ),
]

AsMarkdown = Annotated[
    bool,
    typer.Option(
        "--markdown",
        help="Write Markdown, for an issue or a wiki: the answer and the tables, without charts.",
        rich_help_panel=OUTPUT,
    ),
]

ResultsFolder = Annotated[
    Path,
    typer.Argument(
        metavar="RESULTS",
        parser=input_file,
        help="The folder with result files of `dream bench`, and folders within it.",
        show_default=False,
    ),
]

BoardOutput = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FOLDER",
        parser=input_file,
        help="The folder of the board. One that this command made is replaced; no other is.",
        rich_help_panel=OUTPUT,
    ),
]

Port = Annotated[
    int,
    typer.Option(
        metavar="N",
        parser=number(int, "--port", Limits(0, 65535)),
        help="Where the page is on 127.0.0.1; 0 for any that is free.",
        rich_help_panel=MACHINE,
    ),
]

OpenBrowser = Annotated[
    bool,
    typer.Option("--open/--no-open", help="Open the page in a browser.", rich_help_panel=OUTPUT),
]
