"""The options of all commands, each written once; those of the loop follow from its settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from ort_deepdream.cli.typed import (
    input_file,
    mask_name,
    number,
    numbers,
    one_of,
    output_file,
    picture_size,
    ranges,
    shard,
    tile,
)
from ort_deepdream.engine.presets import PRESETS
from ort_deepdream.engine.settings import (
    THREADS,
    Limits,
    Settings,
    as_typed,
    chosen,
    off_by_default,
)
from ort_deepdream.engine.visualise.settings import VisualiseSettings
from ort_deepdream.errors import DreamError

DEFAULT_LAYER = "inception_4c/output"
DEFAULT_WEIGHTS = "builtin"
CORES = "one for each core that it may use"
DEFAULT_TARGETS = {"float32": "cpu", "float16": "portable"}  # by precision

# The notebook's own settings: with these every contender of a bench can dream, PyTorch included.
NOTEBOOK = ("iterations", "octaves", "octave_scale", "step", "jitter", "seed")
BENCH_SEED = 0  # of every dream of a bench unless one is typed, so that all do the same work
FOLDER_SEED = 0  # likewise of a folder, so that the command typed again finds what is done

# The headings that `--help` groups options under.
MODEL = "What to dream"
SIZE = "At what size"
KEPT = "What to keep of the photo"
LOOP = "How to dream"
MACHINE = "Where to run"
AMOUNT = "How much to measure"
OUTPUT = "What to write"

Photo = Annotated[
    Path,
    typer.Argument(
        metavar="PHOTO",
        parser=input_file,
        help="The picture to dream on: JPEG, PNG, WebP, TIFF, BMP or GIF.",
        show_default=False,
    ),
]
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
PresetName = Annotated[
    str,
    typer.Option(
        "--preset",
        "-p",
        metavar="NAME",
        parser=one_of(tuple(PRESETS), "--preset"),
        autocompletion=lambda incomplete: [name for name in PRESETS if name.startswith(incomplete)],
        help=f"A way to dream: {', '.join(PRESETS)}. What is typed beside it has its way.",
        show_default=False,
        rich_help_panel=MODEL,
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
    int,
    typer.Option(
        metavar="N",
        parser=number(int, "--workers", Limits(1, 256)),
        help="Processes that dream at once, each on a picture of its own. The cores are shared "
        "out among them, or --threads for each.",
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
DreamFile = Annotated[
    Path,
    typer.Argument(
        metavar="PICTURE",
        parser=input_file,
        help="A picture that `dream run` wrote.",
        show_default=False,
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


def with_loop_settings(
    *names: str, **defaults: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each loop setting, where its parameter `settings` stands.

    With names, for those alone; `defaults` are this command's own. It is called with the Settings
    that were typed. They raise DreamError when out of range.
    """
    return _with_options(
        Settings,
        [
            _loop_option(setting, defaults.get(setting.name, setting.default))
            for setting in fields(Settings)
            if not names or setting.name in names
        ],
    )


def with_visualise_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each setting of a visualisation, as `with_loop_settings`."""
    loop = [_loop_option(setting, setting.default) for setting in fields(VisualiseSettings)]
    return _with_options(VisualiseSettings, loop)(command)


def _with_options(
    kind: type[Any], loop: list[inspect.Parameter]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of `loop`, and call it with what `kind` makes of them."""

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        parameters: list[inspect.Parameter] = []
        for parameter in signature.parameters.values():
            parameters += loop if parameter.name == "settings" else [parameter]

        @wraps(command)
        def with_settings(**values: Any) -> None:
            typed = {option.name: values.pop(option.name) for option in loop}
            given = {name: value for name, value in typed.items() if value is not None}
            command(**values, settings=kind(**given))

        vars(with_settings)["__signature__"] = signature.replace(parameters=parameters)
        return with_settings

    return with_options


class LoopSettings:
    """The settings for a picture of a height and width: as typed, or a preset's beside those."""

    # Neither a dataclass nor a lambda: it costs nothing at a start, and travels to workers.

    def __init__(self, settings: Settings, preset: str, typed: dict[str, Any]) -> None:
        self.settings, self.preset, self.typed = settings, preset, typed

    def __call__(self, height: int, width: int) -> Settings:
        """Return the settings for a picture of this height and width, in pixels."""
        if not self.preset:
            return self.settings
        return PRESETS[self.preset].settings(height, width, self.typed)

    def choice(self) -> list[Any]:
        """Return what decides them, as JSON can hold it, whatever the picture's size."""
        if not self.preset:
            return [chosen(self.settings)]
        preset = PRESETS[self.preset]
        return [{**preset.changed}, preset.smallest, self.typed]


def settings_for(context: typer.Context, settings: Settings, preset: str) -> LoopSettings:
    """Return what gives the settings for a picture of a height and width.

    Of a preset they are those that were not typed. Raise DreamError for what excludes each other.
    """
    sources = {one.name: context.get_parameter_source(one.name) for one in fields(settings)}
    typed = [name for name, source in sources.items() if source and source.name == "COMMANDLINE"]
    for name in ("octaves", "octave_scale"):
        if name in typed and "octave_sizes" in typed:
            raise DreamError(f"--octave-sizes and --{as_typed(name)} exclude each other")
    had = {name: getattr(settings, name) for name in sorted({*typed, "seed"})}
    return LoopSettings(settings, preset, had)


def _loop_option(setting: Field[Any], default: Any) -> inspect.Parameter:
    """Return the option of a loop setting; None stands for a default that a function gives."""
    made = default is MISSING
    kind: Any = setting.type
    several = get_args(kind)
    option = typer.Option(
        *_flags(setting),
        **_reading(setting, several[0] if several else kind),
        help=setting.metadata["help"],
        show_default=(made and setting.metadata["shown_default"]) or not off_by_default(setting),
        # The two names of a switch would leave the words of the others no room.
        rich_help_panel=KEPT if kind is bool else LOOP,
    )
    return inspect.Parameter(
        setting.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None if made else default,
        # A parser makes the tuple of one word; Typer would take as many words as it has types.
        annotation=Annotated[Any if several else kind | None if made else kind, option],
    )


def _flags(setting: Field[Any]) -> tuple[str, ...]:
    name = as_typed(setting.name)
    return (f"--{name}/--no-{name}",) if setting.type is bool else (f"--{name}",)


def _reading(setting: Field[Any], kind: type) -> dict[str, Any]:
    """Return how an option's word is read and what stands for it in the help."""
    limits, unit = setting.metadata["limits"], setting.metadata["unit"]
    flag = f"--{as_typed(setting.name)}"
    if limits is None:
        return {}
    if not isinstance(limits, Limits):
        return {"metavar": "NAME", "parser": one_of(limits, flag)}
    metavar = (unit or ("N" if kind is int else "X")).upper()
    if get_args(setting.type):
        return {"metavar": f"{metavar},...", "parser": numbers(kind, flag, limits)}
    return {"metavar": metavar, "parser": number(kind, flag, limits)}
