"""Options for many pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ort_deepdream.cli.options.headings import MACHINE, OUTPUT
from ort_deepdream.cli.typed import input_file, number, one_of, shard
from ort_deepdream.engine.settings import Limits

FOLDER_SEED = 0  # unless one is typed, so that the command typed again finds what is done

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="IN",
        parser=input_file,
        help="The folder with the pictures, and folders within it.",
        show_default=False,
    ),
]

OutputFolder = Annotated[
    Path,
    typer.Argument(
        metavar="OUT",
        parser=input_file,
        help="The folder for the dreams, named and placed as the pictures are. It is made.",
        show_default=False,
    ),
]

Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        parser=number(int, "--workers", Limits(1, 256)),
        help="Processes that dream at once, each on a picture of its own. The cores are shared "
        "out among them, or --threads for each.",
        show_default="1",
        rich_help_panel=MACHINE,
    ),
]

Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Have the workers of a Dask cluster dream instead: tcp://HOST:PORT, or the file that "
        "`dask scheduler --scheduler-file` wrote.",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]

SendPictures = Annotated[
    bool,
    typer.Option(
        "--send-pictures",
        help="Send pictures and dreams through the scheduler. Without, its workers read and write "
        "them by the same names as here, on a file system that all share.",
        rich_help_panel=MACHINE,
    ),
]

Shard = Annotated[
    Any,  # two numbers: a parser makes them of one word
    typer.Option(
        "--shard",
        metavar="I/N",
        parser=shard,
        help="Only every Nth picture from the Ith on, so that N machines can share a folder: 1/4 "
        "to 4/4.",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]

FolderFormat = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="NAME",
        parser=one_of(("png", "jpg", "webp", "tif"), "--format"),
        help="What the dreams are written as: png, jpg, webp or tif.",
        rich_help_panel=OUTPUT,
    ),
]

ForceAll = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Dream again what is done, and replace whatever has a dream's name.",
        rich_help_panel=OUTPUT,
    ),
]
