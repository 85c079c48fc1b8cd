"""Options for single pictures: what is read, and what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ort_deepdream.cli.options.headings import KEPT, MODEL, OUTPUT, SIZE
from ort_deepdream.cli.options.models import DEFAULT_LAYER
from ort_deepdream.cli.typed import input_file, mask_name, number, output_file, picture_size, ranges
from ort_deepdream.engine.settings import Limits

Photo = Annotated[
    Path,
    typer.Argument(
        metavar="PHOTO",
        parser=input_file,
        help="The picture to dream on: JPEG, PNG, WebP, TIFF, BMP or GIF.",
        show_default=False,
    ),
]

Photos = Annotated[
    list[Path],
    typer.Argument(
        metavar="PHOTO...",
        parser=input_file,
        help="The picture to dream on: JPEG, PNG, WebP, TIFF, BMP or GIF. Or several of them.",
        show_default=False,
    ),
]

PictureSize = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="N|WxH",
        parser=picture_size,
        help="Resize the photo first: its longest side to N pixels, or to W x H exactly.",
        show_default=False,
        rich_help_panel=SIZE,
    ),
]

PictureScale = Annotated[
    float | None,
    typer.Option(
        "--scale",
        metavar="X",
        parser=number(float, "--scale", Limits(most=1000, above=0)),
        help="Resize the photo first: both sides to X times theirs.",
        show_default=False,
        rich_help_panel=SIZE,
    ),
]

Mask = Annotated[
    str | None,
    typer.Option(
        "--mask",
        metavar="PICTURE",
        parser=mask_name,
        help="Where to dream: white dreams, black stays as it is, grey is between. 'alpha' for the "
        "photo's own transparency.",
        show_default=False,
        rich_help_panel=KEPT,
    ),
]

PictureOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        parser=output_file,
        help="The dream: .png, .jpg, .webp or .tif. A file of that name is replaced.",
        show_default="PHOTO-dream.png; a second one PHOTO-dream-2.png",
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

Preview = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        parser=output_file,
        help="A picture that is rewritten while it dreams, to look at meanwhile.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]

Animate = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        parser=output_file,
        help="An animation of the steps, 480 pixels wide or high: .gif, .webp, .png.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]

CompareOutput = Annotated[
    Path | None,
    typer.Option(
        "--compare",
        metavar="FILE",
        parser=output_file,
        help="The photo and the dream side by side.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]

OpenPicture = Annotated[
    bool,
    typer.Option("--open", help="Open the dream when it is done.", rich_help_panel=OUTPUT),
]

Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Replace PHOTO-dream.png rather than write PHOTO-dream-2.png.",
        rich_help_panel=OUTPUT,
    ),
]

DreamFile = Annotated[
    Path,
    typer.Argument(
        metavar="PICTURE",
        parser=input_file,
        help="A picture or a film that was dreamt.",
        show_default=False,
    ),
]

Drawn = Annotated[
    list[str] | None,
    typer.Option(
        "--layer",
        "-l",
        metavar="LAYER",
        help="What to draw: LAYER:CHANNEL, or a whole LAYER. May be repeated: each is a picture of "
        "a sheet. `dream layers` lists them.",
        show_default=f"{DEFAULT_LAYER}:84",
        rich_help_panel=MODEL,
    ),
]

Channels = Annotated[
    Any,  # a tuple of numbers: a parser makes it of one word
    typer.Option(
        "--channels",
        "-c",
        metavar="0-31,40",
        parser=ranges("--channels"),
        help="Channels of the layer, each a picture of a sheet.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]

DrawingOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        parser=output_file,
        help="The picture. A file of that name is replaced.",
        show_default="named after the layer, *.png; a second one *-2.png",
        rich_help_panel=OUTPUT,
    ),
]
