"""Options for measuring, and for comparing what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ort_deepdream.cli.options.headings import AMOUNT, MACHINE, OUTPUT
from ort_deepdream.cli.options.machines import CORES
from ort_deepdream.cli.typed import input_file, number, output_file
from ort_deepdream.engine.settings import THREADS, Limits

# The notebook's own settings: with these every contender of a bench can dream, PyTorch included.
NOTEBOOK = ("iterations", "octaves", "octave_scale", "step", "jitter", "seed")

BENCH_SEED = 0  # of every dream of a bench unless one is typed, so that all do the same work

Backends = Annotated[
    list[str] | None,
    typer.Option(
        "--backend",
        "-b",
        metavar="NAME",
        help="cpu, cuda ... May be repeated. `dream backends` tells which can be used here.",
        show_default="all",
        rich_help_panel=MACHINE,
    ),
]

ProviderLibraries = Annotated[
    list[Path] | None,
    typer.Option(
        "--provider-library",
        metavar="FILE",
        parser=input_file,
        help="The library of a plug-in for ONNX Runtime, for --backend with any name. May be "
        "repeated: the names take the libraries in their order.",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]

ThreadCounts = Annotated[
    list[int] | None,
    typer.Option(
        "--threads",
        metavar="N",
        parser=number(int, "--threads", THREADS),
        help="CPU threads. May be repeated: each number is measured.",
        show_default=CORES,
        rich_help_panel=MACHINE,
    ),
]

PyTorch = Annotated[
    bool,
    typer.Option(
        "--torch",
        help="Measure PyTorch as well, on the CPU and on the GPU that it sees.",
        rich_help_panel=MACHINE,
    ),
]

BrowserName = Annotated[
    str | None,
    typer.Option(
        "--browser",
        metavar="NAME",
        help="Measure the page of `dream web` as well, in chromium, firefox or the browser at a "
        "path: WebAssembly with one and all threads, and WebGPU.",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]

ProfileName = Annotated[
    str,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="quick, normal or full: sizes, trials and budget, where those are not given.",
        rich_help_panel=AMOUNT,
    ),
]

Sizes = Annotated[
    list[str] | None,
    typer.Option(
        "--size",
        metavar="WxH",
        help="The photo is measured resized to this. May be repeated.",
        show_default="the profile's",
        rich_help_panel=AMOUNT,
    ),
]

Trials = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        parser=number(int, "--trials", Limits(1, 1000)),
        help="Samples of each measurement; more while it is unstable.",
        show_default="the profile's",
        rich_help_panel=AMOUNT,
    ),
]

Budget = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        parser=number(float, "--budget", Limits(least=1)),
        help="For everything; what would take longer is skipped.",
        show_default="the profile's",
        rich_help_panel=AMOUNT,
    ),
]

Throughput = Annotated[
    bool,
    typer.Option(
        "--throughput",
        help="Dream with more and more at once, too, until it no longer pays: dreams an hour.",
        rich_help_panel=AMOUNT,
    ),
]

PricePerHour = Annotated[
    float | None,
    typer.Option(
        metavar="PRICE",
        parser=number(float, "--price-per-hour", Limits(above=0)),
        help="What an hour of the machine costs, in any currency: a thousand dreams are priced.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]

NoLimits = Annotated[
    bool,
    typer.Option(
        "--no-limits",
        help="Do not measure what the hardware could do at best, some 5 s for each contender.",
        rich_help_panel=AMOUNT,
    ),
]

Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on with a result file that was interrupted.", rich_help_panel=OUTPUT
    ),
]

ResultOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        parser=output_file,
        help="The result file, *.json. A file of that name is replaced.",
        show_default="PHOTO-bench.json; a second one PHOTO-bench-2.json",
        rich_help_panel=OUTPUT,
    ),
]

Before = Annotated[
    Path,
    typer.Argument(
        metavar="BEFORE",
        parser=input_file,
        help="A result file of `dream bench`.",
        show_default=False,
    ),
]

After = Annotated[
    Path,
    typer.Argument(
        metavar="AFTER",
        parser=input_file,
        help="The result file to set against it.",
        show_default=False,
    ),
]

FailAbove = Annotated[
    float,
    typer.Option(
        "--fail-above",
        metavar="RATIO",
        parser=number(float, "--fail-above", Limits(least=1)),
        help="The largest ratio of times that is not called slower.",
    ),
]
