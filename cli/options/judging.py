"""Options for how a gradient file is judged."""

from __future__ import annotations

from typing import Annotated

import typer

Bisect = Annotated[
    bool,
    typer.Option(
        "--bisect",
        help="Judge each node of the graph alone, and name the first one that is off.",
    ),
]

Against = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="JUDGE",
        help="What --bisect judges by: float64, or another backend such as cpu.",
        show_default="float64",
    ),
]
