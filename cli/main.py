"""The command `dream`: what can be asked for. What is done then is in the module each one imports.

Nothing heavy is imported up here, so that help and mistyped options answer at once. Nor are
annotations put off (`from __future__`): Typer would evaluate them one by one, 6 ms at each start.
"""

from typing import Annotated, Any

import typer

from ort_deepdream.cli.asked import (
    DreamOptions,
    MachineOptions,
    ProductOptions,
    with_groups,
)
from ort_deepdream.cli.extras import require_extra
from ort_deepdream.cli.messages import NAME, say
from ort_deepdream.cli.options import (
    benches,
    films,
    folders,
    judging,
    loop,
    machines,
    models,
    pages,
    pictures,
)
from ort_deepdream.cli.program import Program, WeightsCommands
from ort_deepdream.cli.typed import each_photo
from ort_deepdream.engine.settings import Settings
from ort_deepdream.engine.visualise.settings import VisualiseSettings
from ort_deepdream.errors import DreamError
from ort_deepdream.film.settings import FilmSettings, ZoomSettings
from ort_deepdream.version import VERSION

app = typer.Typer(
    name=NAME,
    cls=Program,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


NEEDS_EXPORT = "# with the export extra:"


def examples(*lines: str) -> str:
    """Return the end of a help page: examples to type, and comments."""
    shown = (line if line.startswith("#") else f"$ {line}" for line in lines)
    return "\n".join(["Examples:", *shown])


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"ort-deepdream {VERSION}")
        raise typer.Exit


@app.callback(
    epilog=examples(
        "dream photo.jpg",
        "dream photo.jpg --preset creatures --size 640",
        "dream run photo.jpg --layer inception_4e/output --octaves 6 -o birds.png",
        "dream layers --filter 4c",
        "dream run --help",
    )
)
def main(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """DeepDream on photographs: amplify what a neural network sees in them.

    'dream PHOTO' is short for 'dream run PHOTO'.
    """


@app.command(
    "run",
    epilog=examples(
        "dream run photo.jpg",
        "dream run photo.jpg --preset creatures --size 640 --open",
        "dream run photo.jpg --preset soft --mask mask.png --compare both.png",
        "dream run photo.jpg -l inception_4d/output:139 --weights bvlc --seed 7",
        NEEDS_EXPORT,
        "dream run photo.jpg -l inception_3b/output=0.5 -l inception_4c/output",
    ),
)
@loop.with_loop_settings()
@with_groups
def run_command(
    context: typer.Context,
    photo: pictures.Photos,
    *,
    asked: DreamOptions,
    settings: Settings,
    hardware: MachineOptions,
    tile: machines.TileSize = "auto",
    halo: machines.Halo = None,
    products: ProductOptions,
) -> None:
    """Dream on a photograph, or on several.

    The picture is changed so that a layer of the network answers more strongly,
    first at a small size, then at larger ones. Early layers draw lines and
    textures; late ones draw eyes, animals and things. A preset is a layer with
    settings that suit it.

    The dream stores all its settings, and under 'deepdream.command' the line
    that makes it again. Several photographs are dreamt on as 'dream folder' does,
    each dream beside its photograph.
    """
    photos = each_photo(photo)
    wanted, machine = asked.request(), hardware.machine()
    if len(photos) > 1:
        from ort_deepdream.cli.commands import several

        products.refuse_for_several()
        same = loop.settings_for(context, loop.same_seed(context, settings), asked.preset)
        subject = asked.subject(photos[0])
        code = several.run(photos, subject, wanted, same, machine, tile, halo, products.force)
        raise typer.Exit(code)
    from ort_deepdream.cli.loading import loading

    settings_for = loop.settings_for(context, settings, asked.preset)
    with loading(wanted, machine) as load:
        # Beside the loading:
        from ort_deepdream.cli.commands.photo import run
        from ort_deepdream.cli.tiles import Tiles

        subject, tiles = asked.subject(photos[0]), Tiles(tile, halo)
        run(subject, wanted, settings_for, machine, tiles, products.products(), load)


@app.command(
    epilog=examples(
        "dream folder photos dreams",
        "dream folder photos dreams --preset creatures --size 640 --workers 2",
        "dream folder photos dreams --shard 1/4 --format jpg",
        "dream folder photos dreams --scheduler tcp://10.0.0.1:8786",
    )
)
@loop.with_loop_settings(seed=folders.FOLDER_SEED)
@with_groups
def folder(
    context: typer.Context,
    source: folders.Folder,
    output: folders.OutputFolder,
    *,
    asked: DreamOptions,
    settings: Settings,
    workers: folders.Workers = None,
    scheduler: folders.Scheduler = None,
    send_pictures: folders.SendPictures = False,
    shard: folders.Shard = None,
    hardware: MachineOptions,
    tile: machines.TileSize = "auto",
    halo: machines.Halo = None,
    picture_format: folders.FolderFormat = "png",
    force: folders.ForceAll = False,
) -> None:
    """Dream on every picture in a folder.

    Folders within it keep their structure. A dream that is there with the same
    settings is not made again, so the same line goes on with what was
    interrupted. Pictures that cannot be dreamt on are listed at the end, and the
    exit code is 1; the others are made.
    """
    from ort_deepdream.cli.commands.folder import Asked, run
    from ort_deepdream.cli.commands.folder_place import Place
    from ort_deepdream.cli.crew.crew import crew
    from ort_deepdream.cli.tiles import Tiles

    wanted, subject = asked.request(), asked.subject(source)
    settings_for = loop.settings_for(context, settings, asked.preset)
    place = Place(source, output, f".{picture_format}", shard or (1, 1), force)
    machine, tiles = hardware.machine(), Tiles(tile, halo)
    everything = Asked(subject, wanted, settings_for, machine, tiles, force)
    workers_of = crew(workers, scheduler, send_pictures)
    raise typer.Exit(run(place.tasks(), everything, workers_of, str(output)))


@app.command(
    epilog=examples(
        "dream zoom photo.jpg --frames 50 --size 480",
        "dream zoom photo.jpg --preset creatures -o zoom.mp4",
        "dream zoom photo.jpg --zoom 0.03 --turn 1 --loop 15 -o loop.gif",
        "dream zoom photo.jpg --at 2:iterations=4 --at 50:inception_3b/output",
    )
)
@loop.with_loop_settings(seed=folders.FOLDER_SEED)
@loop.with_zoom_settings
@with_groups
def zoom(
    context: typer.Context,
    photo: pictures.Photo,
    *,
    motion: ZoomSettings,
    at: films.At = None,
    asked: DreamOptions,
    settings: Settings,
    hardware: MachineOptions,
    tile: machines.TileSize = "auto",
    halo: machines.Halo = None,
    output: films.FilmOutput = None,
    force: films.ForceFilm = False,
    repeat: films.Repeat = None,
) -> None:
    """Make a film that zooms into a dream, and dreams on.

    The first frame is a dream on the photograph. Each other one is the frame
    before, enlarged a little around its centre and dreamt on, so that what was a
    dot comes near and becomes a figure full of others.

    Frames are kept until the film is whole: the same command goes on where it
    was interrupted. A JSON file beside the film tells how it was made.
    """
    from ort_deepdream.cli.loading import loading

    wanted = asked.request()
    settings_for = loop.settings_for(context, settings, asked.preset)
    machine = hardware.machine()
    with loading(wanted, machine) as load:
        # Beside the loading:
        from ort_deepdream.cli.commands.zoom import Zoom
        from ort_deepdream.cli.commands.zooming import run
        from ort_deepdream.cli.tiles import Tiles
        from ort_deepdream.film.schedule import read_change

        changes = tuple(map(read_change, at or ()))
        subject, tiles = asked.subject(photo), Tiles(tile, halo)
        film = Zoom(subject, wanted, motion, changes, machine, tiles, output, force)
        run(film, settings_for, load)


@app.command(
    "film",
    epilog=examples(
        "dream film clip.mp4 --size 640",
        "dream film clip.mp4 --from 1:30 --to 1:40 --preset creatures -o dream.mp4",
        "dream film clip.mp4 --every 5 --blend 0.9 -o frames",
    ),
)
@loop.with_loop_settings(seed=folders.FOLDER_SEED)
@loop.with_film_settings
@with_groups
def film_command(
    context: typer.Context,
    source: films.Video,
    *,
    start: films.From = None,
    stop: films.To = None,
    film: FilmSettings,
    asked: DreamOptions,
    settings: Settings,
    workers: films.ShotWorkers = None,
    scheduler: films.ShotScheduler = None,
    hardware: MachineOptions,
    tile: machines.TileSize = "auto",
    halo: machines.Halo = None,
    output: films.DreamtFilm = None,
    no_sound: films.NoSound = False,
    force: films.ForceDreamtFilm = False,
    repeat: films.Repeat = None,
) -> None:
    """Dream on a film, frame after frame.

    Each dream begins with what the last one added, carried along with what
    moves; what stands still stays still, and a cut begins anew. Times and sound
    are those of the film.

    Frames are kept until the film is whole: the same command goes on where it
    was interrupted. A JSON file beside the film tells how it was made.

    Needs PyAV and OpenCV: pip install 'ort-deepdream\\[film]'
    """
    require_extra("film")
    from ort_deepdream.cli.loading import loading

    wanted = asked.request()
    settings_for = loop.settings_for(context, settings, asked.preset)
    machine = hardware.machine()

    def filming() -> Any:
        from ort_deepdream.cli.commands.filming import Filming
        from ort_deepdream.cli.tiles import Tiles

        subject, tiles, sound = asked.subject(source), Tiles(tile, halo), not no_sound
        return Filming(subject, wanted, film, start, stop, sound, machine, tiles, output, force)

    if scheduler is not None or (workers or 1) > 1:
        from ort_deepdream.cli.commands import film_shots
        from ort_deepdream.cli.crew.crew import crew

        film_shots.run(filming(), settings_for, crew(workers, scheduler, send_pictures=False))
        return
    with loading(wanted, machine) as load:
        # Beside the loading:
        from ort_deepdream.cli.commands.filming import run

        run(filming(), settings_for, load)


@app.command(
    epilog=examples("dream info photo-dream.png", "dream photo.jpg && dream info photo-dream.png")
)
def info(picture: pictures.DreamFile) -> None:
    """Print a dream's settings, and the command that makes it again."""
    from ort_deepdream.cli.commands.listings import info as print_info

    print_info(picture)


@app.command(
    epilog=examples(
        "dream visualise -l inception_4c/output:84",
        "dream visualise -l inception_4c/output --channels 0-15 --size 128",
        "dream visualise -l inception_4d/output:5 --neuron -o neuron.png",
    )
)
@loop.with_visualise_settings
@with_groups
def visualise(
    layer: pictures.Drawn = None,
    channels: pictures.Channels = None,
    weights: models.Weights = None,
    model: models.Model = None,
    *,
    settings: VisualiseSettings,
    hardware: MachineOptions,
    output: pictures.DrawingOutput = None,
) -> None:
    """Draw what a channel of the network answers to most, from noise.

    Several channels make a sheet. Each step shows the network the picture a
    little moved, turned and enlarged, and changes its spectrum, so that figures
    come out in whole and in the colours of photographs.
    """
    from ort_deepdream.cli.commands.visualising import Asked, draw

    wanted = Asked(tuple(layer or ()), channels, weights, model)
    draw(wanted, settings, hardware.machine(), output)


@app.command(
    epilog=examples(
        "dream export -o 4c.onnx",
        "dream export --weights bvlc -l inception_4c/output:12 -o channel.onnx",
        "dream export --weights seeded:0 --precision float16 -o random.onnx",
        "dream export --size 512x512 -o 512.onnx",
        "# with torchvision, of the networks extra:",
        "dream export --network resnet50 -l layer4.1.conv2 -o resnet.onnx",
    )
)
def export(
    output: models.ModelOutput,
    layer: models.Layers = None,
    weights: models.Weights = None,
    target: models.TargetName = None,
    precision: models.Precision = "float32",
    size: models.OneSize = None,
    guide_layer: models.ExportedGuideLayers = None,
    network: models.NetworkName = None,
    mean: models.NetworkMean = None,
    std: models.NetworkStd = None,
) -> None:
    """Write a gradient file for some layers.

    It is one ONNX graph, from a picture of any size (or of one) to its
    objective and the gradient, for 'dream run --model FILE' or any program with
    ONNX Runtime.

    Needs PyTorch and onnx: pip install 'ort-deepdream\\[export]'
    """
    from ort_deepdream.cli import networks
    from ort_deepdream.cli.commands.graphs import export as export_file
    from ort_deepdream.cli.commands.graphs import export_network
    from ort_deepdream.cli.options.models import DEFAULT_LAYER, DEFAULT_WEIGHTS

    chosen = networks.network(network, mean, std)
    written = target, precision, size
    if chosen is not None:
        export_network(output, chosen, weights, layer or [], guide_layer or [], *written)
        return
    layers = layer or ([] if guide_layer else [DEFAULT_LAYER])
    export_file(output, weights or DEFAULT_WEIGHTS, layers, guide_layer or [], *written)


@app.command(
    epilog=examples(
        "dream verify 4c.onnx",
        "dream verify 4c.onnx --backend cuda && echo good",
        "dream verify 4c.onnx --backend cuda --bisect",
    )
)
def verify(
    file: models.ModelFile,
    backend: machines.BackendName = "cpu",
    provider_option: machines.ProviderOptions = None,
    provider_library: machines.ProviderLibrary = None,
    precision: machines.ComputedIn = "float32",
    allow_cpu_nodes: machines.AllowCpuNodes = False,
    network: models.NetworkName = None,
    bisect: judging.Bisect = False,
    against: judging.Against = None,
) -> None:
    """Compare a gradient file with PyTorch.

    The judge is PyTorch's autograd in float64, at several sizes. Errors are
    relative; beside ours stands PyTorch's own in float32, and the limit is a
    multiple of that. The exit code is 1 when a comparison fails.

    With '--bisect' each node of the graph is judged alone, by what it was given,
    and the first one that is off is named, by operator and layer.

    Needs PyTorch and onnx: pip install 'ort-deepdream\\[export]'
    """
    from ort_deepdream.cli.commands.graphs import verify as verify_file
    from ort_deepdream.cli.machine import Machine

    machine = Machine(
        backend, None, tuple(provider_option or ()), allow_cpu_nodes, provider_library, precision
    )
    if bisect or against is not None:
        from ort_deepdream.cli.commands.bisecting import FLOAT64
        from ort_deepdream.cli.commands.bisecting import bisect as bisect_file

        bisect_file(file, machine, against or FLOAT64, network)
    else:
        verify_file(file, machine, network)


@app.command(
    epilog=examples(
        "dream layers",
        "dream layers --filter 5x5",
        "dream layers --architecture torchvision --filter inception4c",
        "# with torchvision, of the networks extra:",
        "dream layers --network resnet50 --filter conv2",
    )
)
def layers(
    weights: models.Weights = None,
    architecture: models.ArchitectureName = None,
    text: models.NameFilter = "",
    network: models.NetworkName = None,
    size: models.OneSize = None,
) -> None:
    """List the layers that a dream can amplify.

    Each channel of a layer can be amplified alone, as LAYER:CHANNEL from 0 up.
    One value of a layer stands for a square of the picture, STRIDE pixels wide;
    a smaller picture is refused. A layer that is not shipped is exported first,
    which needs PyTorch.
    """
    from ort_deepdream.cli.commands.graphs import layers as list_layers
    from ort_deepdream.cli.commands.graphs import network_layers

    if network is not None:
        network_layers(network, text, size, weights or architecture)
    else:
        list_layers(weights, architecture, text)


weights_app = typer.Typer(cls=WeightsCommands)
app.add_typer(weights_app, name="weights")


@weights_app.callback(
    invoke_without_command=True,
    epilog=examples(
        "dream weights", "dream weights get bvlc", "dream run photo.jpg --weights torchvision"
    ),
)
def weights(context: typer.Context) -> None:
    """List the weights that have a name.

    Those that are not here yet are downloaded when they are first asked for, or
    ahead of that by 'dream weights get'.
    """
    if context.invoked_subcommand is None:
        from ort_deepdream.cli.commands import listings

        listings.weights()


@weights_app.command(
    "get", epilog=examples("dream weights get bvlc", "dream weights get torchvision")
)
def get_weights(name: models.NamedWeights) -> None:
    """Download weights now, to dream with them without a network later."""
    from ort_deepdream.cli.commands import listings

    listings.get_weights(name)


@app.command(epilog=examples("dream backends", "dream run photo.jpg --backend cuda"))
def backends() -> None:
    """List what a dream can run on, or why it cannot.

    'dream run' takes the first that is usable, unless --backend says otherwise.
    """
    from ort_deepdream.cli.commands import listings

    listings.backends()


@app.command(
    epilog=examples(
        "dream bench photo.jpg --profile quick",
        "dream bench photo.jpg -b cpu -b cuda --threads 1 --threads 4 --size 512x512",
        "dream bench photo.jpg --iterations 20 --octaves 6",
        NEEDS_EXPORT,
        "dream bench photo.jpg --profile full --torch -o machine.json",
    )
)
@loop.with_loop_settings(*benches.NOTEBOOK, seed=benches.BENCH_SEED)
def bench(
    photo: pictures.Photo,
    layer: models.Layers = None,
    weights: models.Weights = None,
    model: models.Model = None,
    *,
    settings: Settings,
    backend: benches.Backends = None,
    provider_library: benches.ProviderLibraries = None,
    threads: benches.ThreadCounts = None,
    torch: benches.PyTorch = False,
    browser: benches.BrowserName = None,
    allow_cpu_nodes: machines.AllowCpuNodes = False,
    profile: benches.ProfileName = "normal",
    size: benches.Sizes = None,
    trials: benches.Trials = None,
    budget: benches.Budget = None,
    no_limits: benches.NoLimits = False,
    throughput: benches.Throughput = False,
    price_per_hour: benches.PricePerHour = None,
    output: benches.ResultOutput = None,
    resume: benches.Resume = False,
) -> None:
    """Measure how fast this machine dreams, and how much faster its GPU is.

    Dreams of the photo, each in a fresh process and in one that goes on, and
    single steps; all backends take turns. What they compute is compared: the exit
    code is 1 when one is wrong. All samples are kept in one JSON file.

    Needs pydantic, psutil and jinja2: pip install 'ort-deepdream\\[measure]'
    """
    require_extra("measure")
    from ort_deepdream.cli.commands import benching
    from ort_deepdream.cli.sources import request

    benching.bench(
        benching.Asked(
            photo=photo,
            model=request(model, weights, layer),
            settings=settings,
            backends=tuple(backend or ()),
            libraries=tuple(provider_library or ()),
            threads=tuple(threads or ()),
            sizes=tuple(size or ()),
            trials=trials,
            budget=budget,
            profile=profile,
            torch=torch,
            browser=browser or "",
            allow_cpu_nodes=allow_cpu_nodes,
            limits=not no_limits,
            throughput=throughput,
            price_per_hour=price_per_hour,
            resume=resume,
            output=output,
        )
    )


@app.command(
    epilog=examples(
        "dream compare before.json after.json",
        "dream compare before.json after.json --fail-above 1.05 && echo as quick",
    )
)
def compare(
    before: benches.Before, after: benches.After, fail_above: benches.FailAbove = 1.10
) -> None:
    """Compare two results of 'dream bench'.

    Ratios are the second over the first: above 1, the second is slower. The exit
    code is 1 when one is above the limit and chance does not explain it, and 3
    when noise is above the limit, so that nobody can tell. What else differs,
    such as a driver, a setting or a processor, is listed.

    Needs pydantic, psutil and jinja2: pip install 'ort-deepdream\\[measure]'
    """
    require_extra("measure")
    from ort_deepdream.cli.commands.comparing import compare as compare_files

    compare_files(before, after, fail_above)


@app.command(
    epilog=examples(
        "dream report result.json",
        "dream report laptop.json server.json -o both.html",
        "dream report result.json --asv .asv/results -o history.html",
        "dream report result.json --markdown",
    )
)
def report(
    results: pages.Results,
    output: pages.ReportOutput = None,
    asv: pages.AsvResults = None,
    markdown: pages.AsMarkdown = False,
) -> None:
    """Make a page of what 'dream bench' measured.

    It is one HTML file that opens in any browser and needs no network: how much
    faster the GPU is, in words and in charts, how sure that is, what was not
    measured and why, and the pictures. Every number can be saved from it.

    Needs pydantic, psutil and jinja2: pip install 'ort-deepdream\\[measure]'
    """
    require_extra("measure")
    from ort_deepdream.cli.commands import reporting

    if markdown:
        if asv is not None:
            raise DreamError("--asv adds charts, which Markdown has none of: leave --markdown out")
        reporting.report_markdown(results, output)
    else:
        reporting.report(results, output, asv)


@app.command(
    epilog=examples(
        "dream board results",
        "dream board results -o site/board",
    )
)
def board(results: pages.ResultsFolder, output: pages.BoardOutput = pages.BOARD) -> None:
    """Make a page that sets many results of 'dream bench' side by side.

    It is a folder with one page, which can be sorted and filtered and needs no
    network: which machine dreams how fast, how much faster each GPU is than its
    CPU at each size of picture, and what a machine took over time. A row opens
    the report of its result, which is made, too.

    Needs pydantic, psutil and jinja2: pip install 'ort-deepdream\\[measure]'
    """
    require_extra("measure")
    from ort_deepdream.cli.commands.board import board as write_board

    write_board(results, output)


@app.command(epilog=examples("dream web", "dream web --port 8080 --no-open"))
def web(port: pages.Port = 0, open_browser: pages.OpenBrowser = True) -> None:
    """Dream in a browser, on a page that this machine serves to itself.

    The network runs in the page: photographs are not uploaded, not even to here.
    Its program, ONNX Runtime Web, is downloaded the first time (33 MB).
    """
    from ort_deepdream.cli.commands.web import serve

    serve(port, open_browser)
