"""Options for films."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ort_deepdream.cli.options.headings import MACHINE, MOTION, OUTPUT, PART
from ort_deepdream.cli.typed import film_place, input_file, number, seconds
from ort_deepdream.engine.settings import Limits

At = Annotated[
    list[str] | None,
    typer.Option(
        "--at",
        metavar="FRAME:WHAT",
        help="From a frame on, another layer (50:inception_3b/output) or setting of the dream or "
        "the motion (50:step=2.5). May be repeated.",
        show_default=False,
        rich_help_panel=MOTION,
    ),
]

FilmOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE|FOLDER",
        parser=film_place,
        help="The film: .mp4, .webm, .mov or .mkv with the film extra, .webp, .gif or .apng "
        "without; or a folder for numbered PNGs. A file of that name is replaced.",
        show_default="PHOTO-zoom.webp; a second one PHOTO-zoom-2.webp",
        rich_help_panel=OUTPUT,
    ),
]

ForceFilm = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Begin anew where frames of another film are, and replace PHOTO-zoom.webp.",
        rich_help_panel=OUTPUT,
    ),
]


def _repeat(context: typer.Context, path: Path | None) -> Path | None:
    """Have the words of an earlier command stand for what is not typed."""
    if path is None:
        return None
    from ort_deepdream.film.about import words_of  # for the few that ask for it

    command: Any = context.command
    words = words_of(path, context.info_name or "")
    options, _, _ = command.make_parser(context).parse_args(args=words)
    context.default_map = {name: _beside(path, word) for name, word in options.items()}
    return path


def _beside(path: Path, word: Any) -> Any:
    """Return a word, or the file of that name beside the JSON file or its folder."""
    if isinstance(word, str) and word:
        for folder in (path.parent, path.parent.parent):
            if (folder / word).is_file():
                return str(folder / word)
    return word


Repeat = Annotated[
    Path | None,
    typer.Option(
        "--repeat",
        metavar="JSON",
        parser=input_file,
        callback=_repeat,
        is_eager=True,
        help="Make a film again, from the JSON file beside it: options given as well win. "
        "The photograph is looked for beside that file.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]

Video = Annotated[
    Path,
    typer.Argument(
        metavar="FILM",
        parser=input_file,
        help="The film to dream on: whatever FFmpeg can read.",
        show_default=False,
    ),
]
From = Annotated[
    Any,  # seconds: a parser makes them of one word
    typer.Option(
        "--from",
        metavar="TIME",
        parser=seconds("--from"),
        help="Where to begin: seconds, or M:SS.",
        show_default="the beginning",
        rich_help_panel=PART,
    ),
]
To = Annotated[
    Any,
    typer.Option(
        "--to",
        metavar="TIME",
        parser=seconds("--to"),
        help="Where to end: what is shown from then on is left out.",
        show_default="the end",
        rich_help_panel=PART,
    ),
]
ShotWorkers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        parser=number(int, "--workers", Limits(1, 256)),
        help="Processes that dream at once, each on a shot of its own, from one cut to the next. "
        "The cores are shared out among them, or --threads for each.",
        show_default="1",
        rich_help_panel=MACHINE,
    ),
]
ShotScheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Have the workers of a Dask cluster dream on shots instead: tcp://HOST:PORT, or the "
        "file that `dask scheduler --scheduler-file` wrote. They read the film and write its "
        "frames by the same names as here, on a file system that all share.",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
NoSound = Annotated[
    bool,
    typer.Option("--no-sound", help="Leave the sound out.", rich_help_panel=OUTPUT),
]
DreamtFilm = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE|FOLDER",
        parser=film_place,
        help="The dream: .mp4, .mov, .mkv or .webm; or a folder for numbered PNGs. A file of that "
        "name is replaced.",
        show_default="FILM-dream.mp4; a second one FILM-dream-2.mp4",
        rich_help_panel=OUTPUT,
    ),
]
ForceDreamtFilm = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Begin anew where frames of another film are, and replace FILM-dream.mp4.",
        rich_help_panel=OUTPUT,
    ),
]
