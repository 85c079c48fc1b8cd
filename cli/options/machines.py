"""Options for where to run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ort_deepdream.cli.options.headings import MACHINE
from ort_deepdream.cli.typed import input_file, number, tile
from ort_deepdream.engine.settings import THREADS, Limits

CORES = "one for each core that it may use"

BackendName = Annotated[
    str,
    typer.Option(
        "--backend",
        "-b",
        metavar="NAME",
        help="auto, cpu, cuda or another that `dream backends` lists, which tells what can be used "
        "here; or ONNX Runtime's name for an execution provider.",
        rich_help_panel=MACHINE,
    ),
]

Threads = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        parser=number(int, "--threads", THREADS),
        help="CPU threads.",
        show_default=CORES,
        rich_help_panel=MACHINE,
    ),
]

ProviderOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--provider-option",
        metavar="KEY=VALUE",
        help="An option of ONNX Runtime's execution provider, such as use_tf32=0. May be repeated.",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]

ProviderLibrary = Annotated[
    Path | None,
    typer.Option(
        "--provider-library",
        metavar="FILE",
        parser=input_file,
        help="The library of a plug-in for ONNX Runtime, for --backend with any name.",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]

ComputedIn = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="What float32 files are computed in: float32, or bfloat16, which is less exact and "
        "quicker, with --backend openvino on processors that have it.",
        rich_help_panel=MACHINE,
    ),
]

TileSize = Annotated[
    str,
    typer.Option(
        "--tile",
        metavar="SIZE",
        parser=tile,
        help="Compute a large picture in tiles of so many pixels, each with all around it that the "
        "layer sees: auto where the memory does not suffice for the whole, off, or pixels.",
        rich_help_panel=MACHINE,
    ),
]

Halo = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        parser=number(int, "--halo", Limits(0, 100_000)),
        help="Pixels around a tile that are seen: fewer are quicker, and less exact.",
        show_default="all that the layer sees",
        rich_help_panel=MACHINE,
    ),
]

AllowCpuNodes = Annotated[
    bool,
    typer.Option(
        "--allow-cpu-nodes",
        help="Go on when the backend leaves a part of the network to the CPU.",
        rich_help_panel=MACHINE,
    ),
]
