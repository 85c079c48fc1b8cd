"""`dream bench`: measure dreams on every backend, and say what was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from ort_deepdream import signals
from ort_deepdream.cli.commands.bench_tables import failures, show
from ort_deepdream.cli.messages import bar, note, say
from ort_deepdream.cli.options.benches import BENCH_SEED
from ort_deepdream.cli.outputs import check_output, newest, unused
from ort_deepdream.cli.sources import OPTIMISED, Request, find_model, sweep_cache
from ort_deepdream.engine.providers.plugins import own_name
from ort_deepdream.engine.settings import Settings, option_words
from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.measure.analysis import analyse
from ort_deepdream.measure.bench import Bench
from ort_deepdream.measure.browser_plan import plan_browser, split_backends
from ort_deepdream.measure.contenders.browsers import find_program
from ort_deepdream.measure.pictures import describe_photo, parse_size
from ort_deepdream.measure.plan import (
    MOST_TRIALS,
    PROFILES,
    Plan,
    check_sizes,
    describe_model,
    plan_contenders,
    plan_torch,
)
from ort_deepdream.measure.result import Result
from ort_deepdream.measure.resume import resumable
from ort_deepdream.text import storable
from ort_deepdream.weights.catalogue import cache_folder

SUFFIX = ".json"


@dataclass(frozen=True)
class Asked:
    """The options of `dream bench`, as they were typed."""

    photo: Path
    model: Request
    settings: Settings
    backends: tuple[str, ...]
    libraries: tuple[Path, ...]  # of plug-ins
    threads: tuple[int, ...]
    sizes: tuple[str, ...]
    trials: int | None
    budget: float | None
    profile: str
    torch: bool
    browser: str
    allow_cpu_nodes: bool
    limits: bool
    throughput: bool
    price_per_hour: float | None
    resume: bool
    output: Path | None


def bench(asked: Asked) -> None:
    """Measure, write the result file, show it; exit with 1 when a contender is wrong."""
    output = _output(asked)
    sweep_cache()
    with _page(asked.browser) as page:
        found = _measured(asked, page, output)
    analysis = analyse(found)
    show(analysis)
    say(f"{output}: every sample, and what they depend on")
    for sentence in failures(analysis):
        say(sentence)
    if analysis.failures:
        raise typer.Exit(1)


@contextmanager
def _page(browser: str) -> Iterator[str]:
    """Serve the page that dreams, where a browser is to be measured, and yield its address."""
    if not browser:
        yield ""
        return
    find_program(browser)  # before anything is fetched for it
    from ort_deepdream.cli.commands.web import served

    with served() as address:
        yield address


def _measured(asked: Asked, page: str, output: Path) -> Result:
    plan = _plan(asked, page)
    before = resumable(output, plan) if asked.resume else None
    run = Bench(plan, output, before)
    try:
        with bar("measuring") as on_progress, signals.raised():
            return run.run(on_progress)
    except KeyboardInterrupt:
        if run.saved:
            note(f"{output} holds the rounds so far; the same command with --resume goes on")
        raise


def _output(asked: Asked) -> Path:
    usual = asked.photo.parent / f"{asked.photo.stem}-bench.json"
    output = asked.output or (newest(usual) if asked.resume else unused(usual))
    check_output(output, [asked.photo, *asked.model.files], [SUFFIX])
    if output.suffix != SUFFIX:
        raise DreamError(f"{output}: a result file ends in {SUFFIX}")
    return output


def _plan(asked: Asked, page: str) -> Plan:
    photo = describe_photo(asked.photo)
    if asked.profile not in PROFILES:
        raise DreamError(
            f"there is no profile '{asked.profile}': {nearest(asked.profile, PROFILES)}"
        )
    profile = PROFILES[asked.profile]
    settings = asked.settings

    def find(target: str) -> Path:
        return find_model(asked.model, target)

    kept = cache_folder() / OPTIMISED
    own, in_page = split_backends(asked.backends, asked.browser)
    found = []
    if own or asked.libraries or not in_page:
        # In the place of all backends, where a browser's alone are named.
        own = own or (list(map(own_name, asked.libraries)) if in_page else [])
        nodes, libraries = asked.allow_cpu_nodes, asked.libraries
        found += plan_contenders(own, asked.threads, find, settings, nodes, kept, libraries)
    if asked.torch:
        compiled = asked.profile == "full"
        found += plan_torch(asked.threads, find, settings, compiled)
    if asked.browser:
        found += plan_browser(asked.browser, page, asked.threads, find, settings, in_page)
    model, info = describe_model(found)
    if info.guides:
        raise DreamError(
            f"{asked.model.file}: is for dreams with a guide, and those are not measured; name "
            f"another --model, or none"
        )
    sizes = tuple(map(parse_size, asked.sizes)) or profile.sizes
    trials = asked.trials or profile.trials
    return Plan(
        photo=asked.photo,
        photo_record=photo,
        contenders=tuple(found),
        sizes=check_sizes(sizes, info.stride),
        trials=trials,
        most_trials=max(trials, MOST_TRIALS),
        budget=asked.budget or profile.budget,
        settings=settings,
        model=model,
        stride=info.stride,
        command=_command(asked),
        limits=asked.limits,
        throughput=asked.throughput,
        price_per_hour=asked.price_per_hour,
    )


def _command(asked: Asked) -> tuple[str, ...]:
    """Return the words that repeat it; folders are the user's own, and files named without."""
    words = ["dream", "bench", asked.photo.name, "--profile", asked.profile]
    if asked.model.file is not None:
        words += ["--model", asked.model.file.name]
    else:
        words += ["--weights", Path(asked.model.weights).name]
        words += [f"--layer={layer}" for layer in asked.model.layers]
    usual = option_words(Settings(seed=BENCH_SEED))
    words += [word for word in option_words(asked.settings) if word not in usual]
    words += [f"--backend={name}" for name in asked.backends]
    words += [f"--provider-library={file.name}" for file in asked.libraries]
    words += [f"--threads={count}" for count in asked.threads]
    words += [f"--size={size}" for size in asked.sizes]
    words += [] if asked.trials is None else [f"--trials={asked.trials}"]
    words += [] if asked.budget is None else [f"--budget={asked.budget:g}"]
    words += ["--throughput"] * asked.throughput
    price = asked.price_per_hour
    words += [] if price is None else [f"--price-per-hour={price:g}"]
    words += [f"--browser={Path(asked.browser).name}"] if asked.browser else []
    words += ["--torch"] * asked.torch + ["--no-limits"] * (not asked.limits)
    words += ["--allow-cpu-nodes"] * asked.allow_cpu_nodes
    return tuple(map(storable, words))
