"""Options for what to dream, and for the files that it is computed from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ort_deepdream.cli.options.headings import MACHINE, MODEL, OUTPUT
from ort_deepdream.cli.typed import input_file, one_of, output_file
from ort_deepdream.engine.presets import PRESETS

DEFAULT_LAYER = "inception_4c/output"

DEFAULT_WEIGHTS = "builtin"

DEFAULT_TARGETS = {"float32": "cpu", "float16": "portable"}  # by precision

ModelFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        parser=input_file,
        help="A gradient file made by `dream export`.",
        show_default=False,
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

NetworkName = Annotated[
    str | None,
    typer.Option(
        "--network",
        metavar="NAME",
        help="Another network: one of torchvision's, such as resnet50, or MODULE:FUNCTION of your "
        "own (./nets.py:make), whose code is run. Its layers are modules, such as layer4.1.conv2.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]

NetworkMean = Annotated[
    str | None,
    typer.Option(
        "--mean",
        metavar="R,G,B",
        help="What --network takes off a picture in 0..1.",
        show_default="that of its weights, or ImageNet's",
        rich_help_panel=MODEL,
    ),
]

NetworkStd = Annotated[
    str | None,
    typer.Option(
        "--std",
        metavar="R,G,B",
        help="What --network divides a picture by then.",
        show_default="that of its weights, or ImageNet's",
        rich_help_panel=MODEL,
    ),
]

Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        metavar="FILE",
        parser=input_file,
        help="A gradient file made by `dream export`, instead of layers and weights.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]

PresetName = Annotated[
    str | None,
    typer.Option(
        "--preset",
        "-p",
        metavar="NAME",
        parser=one_of(tuple(PRESETS), "--preset"),
        autocompletion=lambda incomplete: [name for name in PRESETS if name.startswith(incomplete)],
        help=f"A way to dream: {', '.join(PRESETS)}. Options given beside it win.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]

Guide = Annotated[
    Path | None,
    typer.Option(
        "--guide",
        metavar="PICTURE",
        parser=input_file,
        help="What to dream of: each place grows towards what it is most like in this picture.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]

GuideLayers = Annotated[
    list[str] | None,
    typer.Option(
        "--guide-layer",
        metavar="LAYER",
        help="The layer at which the guide leads; those of --layer are then amplified as usual. "
        "May be repeated.",
        show_default="those of --layer",
        rich_help_panel=MODEL,
    ),
]

ExportedGuideLayers = Annotated[
    list[str] | None,
    typer.Option(
        "--guide-layer",
        metavar="LAYER",
        help="A layer at which a guide will lead, for `dream run --guide`. May be repeated.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]

ModelOutput = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        parser=output_file,
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
        help="Whom to shape the graph for: cpu, cuda, coreml, or portable for every other backend.",
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
