"""The options of all commands, each written once.

Defaults that the engine has too are repeated here, for importing the engine takes longer than
printing a help page; a test holds the two to be equal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_LAYER = "inception_4c/output"
DEFAULT_WEIGHTS = "builtin"
DEFAULT_TARGETS = {"float32": "cpu", "float16": "portable"}  # by precision

# The headings that `--help` groups options under.
MODEL = "What to dream"
LOOP = "How to dream"
MACHINE = "Where to run"
AMOUNT = "How much to measure"
OUTPUT = "What to write"

Photo = Annotated[
    Path,
    typer.Argument(
        metavar="PHOTO",
        help="The picture to dream on: JPEG, PNG, WebP, TIFF, BMP or GIF.",
        show_default=False,
    ),
]
ModelFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="A gradient file made by `dream export`.", show_default=False
    ),
]
Layers = Annotated[
    list[str] | None,
    typer.Option(
        "--layer",
        "-l",
        metavar="LAYER",
        help="What to amplify: LAYER, LAYER:CHANNEL or either with =WEIGHT. May be repeated. "
        "`dream layers` lists them.",
        show_default=DEFAULT_LAYER,
        rich_help_panel=MODEL,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        "-w",
        metavar="WEIGHTS",
        help="What the network learnt: builtin, bvlc, torchvision, a file, or seeded:N for random "
        "ones. `dream weights` lists the named ones.",
        show_default=DEFAULT_WEIGHTS,
        rich_help_panel=MODEL,
    ),
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        metavar="FILE",
        help="A gradient file made by `dream export`, instead of layers and weights.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
Iterations = Annotated[
    int,
    typer.Option(metavar="N", help="Steps in each octave.", rich_help_panel=LOOP),
]
Octaves = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Sizes to dream at, the smallest first: more make larger figures.",
        rich_help_panel=LOOP,
    ),
]
OctaveScale = Annotated[
    float,
    typer.Option(metavar="X", help="From one size to the next, above 1.", rich_help_panel=LOOP),
]
Step = Annotated[
    float,
    typer.Option(
        metavar="X",
        help="How far one step changes a pixel on average, in levels of 255.",
        rich_help_panel=LOOP,
    ),
]
Jitter = Annotated[
    int,
    typer.Option(
        metavar="PIXELS", help="Largest random shift before each step.", rich_help_panel=LOOP
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Of the shifts. The same seed, model, backend and machine give the same picture.",
        show_default="drawn, and stored in the picture",
        rich_help_panel=LOOP,
    ),
]
BackendName = Annotated[
    str,
    typer.Option(
        "--backend",
        "-b",
        metavar="NAME",
        help="auto, cpu, cuda, tensorrt, openvino, webgpu, or ONNX Runtime's name for another "
        "execution provider. `dream backends` tells which can be used here.",
        rich_help_panel=MACHINE,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="CPU threads.",
        show_default="one for each core",
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
AllowCpuNodes = Annotated[
    bool,
    typer.Option(
        "--allow-cpu-nodes",
        help="Go on when the backend leaves a part of the network to the CPU.",
        rich_help_panel=MACHINE,
    ),
]
PictureOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The dream: .png, .jpg, .webp or .tif. A file of that name is replaced.",
        show_default="PHOTO-dream.png",
        rich_help_panel=OUTPUT,
    ),
]
SaveOctaves = Annotated[
    bool,
    typer.Option(
        "--save-octaves",
        help="Also write the picture after each octave, as FILE-octave1.png and so on.",
        rich_help_panel=OUTPUT,
    ),
]
ModelOutput = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The gradient file, usually *.onnx. A file of that name is replaced.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
TargetName = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="NAME",
        help="Whom to shape the graph for: cpu, or portable for every other backend.",
        show_default="cpu; portable for float16",
        rich_help_panel=MACHINE,
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What the network is computed in: float32, or float16, which is less exact and half "
        "the memory, for GPUs.",
        rich_help_panel=MACHINE,
    ),
]
OneSize = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="WxH",
        help="Write it for pictures of this size alone: quicker on the CPU, and what compilers for "
        "other devices want. For a dream of one octave.",
        show_default="any size",
        rich_help_panel=MACHINE,
    ),
]
ArchitectureName = Annotated[
    str | None,
    typer.Option(
        "--architecture",
        metavar="NAME",
        help="bvlc or torchvision, instead of weights.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
NamedWeights = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A name that `dream weights` lists.",
        show_default=False,
    ),
]
NameFilter = Annotated[
    str,
    typer.Option(
        "--filter",
        "-f",
        metavar="TEXT",
        help="Only the layers with TEXT in one of their names.",
        show_default=False,
    ),
]
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
ThreadCounts = Annotated[
    list[int] | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        help="CPU threads. May be repeated: each number is measured.",
        show_default="one for each core",
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
        min=1,
        max=1000,
        help="Samples of each measurement; more while it is unstable.",
        show_default="the profile's",
        rich_help_panel=AMOUNT,
    ),
]
Budget = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        min=1,
        help="For everything; what would take longer is skipped.",
        show_default="the profile's",
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
        help="The result file, *.json. A file of that name is replaced.",
        show_default="PHOTO-bench.json",
        rich_help_panel=OUTPUT,
    ),
]
Before = Annotated[
    Path,
    typer.Argument(metavar="BEFORE", help="A result file of `dream bench`.", show_default=False),
]
After = Annotated[
    Path,
    typer.Argument(metavar="AFTER", help="The result file to set against it.", show_default=False),
]
FailAbove = Annotated[
    float,
    typer.Option(
        "--fail-above",
        metavar="RATIO",
        min=1.0,
        help="The largest ratio of times that is not called slower.",
    ),
]
Results = Annotated[
    list[Path],
    typer.Argument(
        metavar="RESULT",
        help="Result files of `dream bench`: of one machine or of several.",
        show_default=False,
    ),
]
ReportOutput = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="The page, usually *.html. A file of that name is replaced.",
        rich_help_panel=OUTPUT,
    ),
]
AsvResults = Annotated[
    Path | None,
    typer.Option(
        "--asv",
        metavar="FOLDER",
        help="asv's results folder, usually .asv/results: adds the history by commit.",
        show_default=False,
    ),
]
