"""Check a result file that is handed in: would `dream bench`, or the page, have written it?

    python -m scripts.check_result results/my-machine.json

It is held against itself (samples and what is said of them, dreams and their steps, checks and
their numbers), against what no machine can do (scripts/result_physics.py), and against what is made
again here (scripts/result_pictures.py): the photograph at its size, the dream on the CPU. A file
that the page of `dream web` made has no pictures: the rest is looked at, and that nothing is in it
that a page cannot have (scripts/result_of_page.py). Exit code 1 when anything is wrong, each thing
in one line. Who invents a whole run with care passes: this refuses mistakes, and what was touched
up.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from ort_deepdream.errors import DreamError
from ort_deepdream.measure.agreement import (
    LEAST_PSNR,
    MOST_ERROR,
    MOST_ERROR_ROUNDED,
)
from ort_deepdream.measure.checks import AUTOGRAD
from ort_deepdream.measure.result import (
    MINOR,
    VERSION,
    Check,
    Result,
    Series,
    minor_of,
    read_result,
)
from ort_deepdream.measure.statistics import cold_samples, counted, why_unstable
from ort_deepdream.report.runs import of_a_page
from scripts.result_of_page import beyond_a_page, is_clock_coarse
from scripts.result_physics import beyond_physics
from scripts.result_pictures import wrong_pictures, wrong_sources

MOST_BYTES = 10_000_000  # of a file that is kept for good
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)  # nothing was measured before
AHEAD = timedelta(days=1)  # that a clock may be

# Elements and entities of HTML, links of Markdown, and addresses that a page might open.
MARKUP = re.compile(r"<[a-z!/?]|&#?\w+;|\]\(|\b(javascript|data|https?|file):", re.IGNORECASE)
PARTS = {"start", "import", "session", "first steps", "steps", "write", "end"}
ROUNDING = 1e-6  # of a sum of seconds, relative
LEAST_NOISE = 1e-9  # of the samples' spread over their mean: clocks tell nanoseconds
MOST_WATTS = 5000  # of a device
CUDA = {"cuda", "tensorrt"}
UNPROVED = (
    "as far as a page's file tells: it has no pictures that could be made again, and nothing in it "
    f"was compared with {AUTOGRAD}"
)
JUDGED = 2  # minor version from which on `stable` is of the median's interval


def problems(result: Result, photos: Path, now: datetime) -> Iterator[str]:
    """Yield what is wrong with a result, in sentences; `photos` is the folder of the examples."""
    yield from _texts(result.model_dump(mode="json", by_alias=True, exclude={"images"}))
    for look in LOOKS:
        yield from look(result)
    yield from _time(result, now)
    yield from beyond_physics(result)
    yield from wrong_sources(result, photos)
    yield from beyond_a_page(result) if of_a_page(result) else wrong_pictures(result, photos)


# --- words ----------------------------------------------------------------------------------------


def _texts(value: Any, where: str = "") -> Iterator[str]:
    """Yield the places of strings that are more than text."""
    if isinstance(value, str):
        if MARKUP.search(value):
            yield f"{where}: has markup or an address in it: {value[:60]!r}"
        elif not value.isprintable():
            yield f"{where}: has characters that cannot be seen: {value[:60]!r}"
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _texts(key, f"a name in {where or 'the file'}")
            yield from _texts(one, f"{where}.{key}".strip("."))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _texts(one, f"{where}.{number}")


# --- the run --------------------------------------------------------------------------------------


def _version(result: Result) -> Iterator[str]:
    if minor_of(result.version) > MINOR:
        yield f"has version {result.version}; this checkout knows {VERSION}"


def _run(result: Result) -> Iterator[str]:
    if not result.complete:
        yield "was interrupted; finish it with --resume"
    if result.command[:2] != ("dream", "bench"):
        yield "was not written by `dream bench`"
    commit = result.machine.commit or ""
    if commit.endswith("+"):
        yield "was measured by files that differ from their commit"
    if not any(series.samples for series in result.series):
        yield "has no measurement"


def _time(result: Result, now: datetime) -> Iterator[str]:
    created = datetime.fromisoformat(result.created)
    if created.tzinfo is None:
        yield f"created: {result.created} names no time zone"
    elif not BEGUN <= created <= now + AHEAD:
        yield f"created: nothing was measured by this program on {created:%d %B %Y}"


def _contenders(result: Result) -> Iterator[str]:
    machine = result.machine
    timed = {series.contender for series in result.series}
    for one in result.contenders:
        if one.name not in timed:
            continue
        if one.threads is not None and one.threads > machine.cores:
            yield f"{one.name}: has {one.threads} threads on {machine.cores} cores"
        if one.backend in CUDA and machine.gpu is None:
            yield f"{one.name}: ran on a GPU, and the machine has none"
        on_gpu = one.backend in CUDA and one.placement
        if on_gpu and set(one.placement) == {"CPUExecutionProvider"}:
            yield f"{one.name}: all of its nodes were on the CPU"


# --- samples --------------------------------------------------------------------------------------


def _series(result: Result) -> Iterator[str]:
    judged, by_a_page = minor_of(result.version) >= JUDGED, of_a_page(result)
    may_be_equal = by_a_page and is_clock_coarse(result)
    for series in result.series:
        name = f"{series.contender} at {series.size}, {series.kind}"
        seconds = [sample.seconds for sample in series.samples]
        if not seconds:
            yield f"{name}: has no samples"
            continue
        settled = why_unstable(seconds if by_a_page else _counted(series, seconds)) is None
        if judged and series.stable != settled:
            yield f"{name}: says stable = {series.stable}, which its samples do not"
        if not may_be_equal:
            yield from _equals(name, seconds)
        yield from _parts(series, name)


def _counted(series: Series, seconds: Sequence[float]) -> list[float]:
    """Return the samples that `dream bench` looks at to tell whether they have settled."""
    slowed = [bool(sample.slowed) for sample in series.samples]
    return [seconds[n] for n in counted(cold_samples(series.first, seconds), slowed)]


def _equals(name: str, seconds: Sequence[float]) -> Iterator[str]:
    if len(seconds) > 2 and np.std(seconds) < LEAST_NOISE * np.mean(seconds):
        yield f"{name}: all samples are equal, which no clock has seen"
    elif len(set(seconds)) < len(seconds) / 2 + 1 and len(seconds) > 3:
        yield f"{name}: the same samples stand there more than once"


def _parts(series: Series, name: str) -> Iterator[str]:
    for sample in series.samples:
        if series.kind == "step":
            wrong = bool(sample.parts)
        else:
            total = sum(sample.parts.values())
            apart = abs(total - sample.seconds) > ROUNDING * sample.seconds
            wrong = apart or not set(sample.parts) <= PARTS
        if wrong:
            yield f"{name}: the parts of a sample are not those of {sample.seconds:.3g} s"
            return


def _copies(result: Result) -> Iterator[str]:
    """Yield series that have samples of one another."""
    by_a_page = of_a_page(result)
    if by_a_page and is_clock_coarse(result):
        return
    for one, other in combinations(result.series, 2):
        same = {s.seconds for s in one.samples} & {s.seconds for s in other.samples}
        fewer = min(len(one.samples), len(other.samples))
        by_chance = fewer / 2 if by_a_page else 1  # a browser's clock has microseconds at best
        if len(same) > by_chance or (same and len(one.samples) == 1):
            yield (
                f"{one.contender} at {one.size}, {one.kind} has samples of {other.contender} at "
                f"{other.size}, {other.kind}"
            )


# --- whether they compute the same ----------------------------------------------------------------


def _checks(result: Result) -> Iterator[str]:
    precisions = {one.name: one.precision for one in result.contenders}
    checked = {check.contender for check in result.checks}
    references = {check.reference for check in result.checks}
    timed = dict.fromkeys(series.contender for series in result.series)
    alone = of_a_page(result) and len(timed) == 1  # with nothing to be compared with
    for name in timed:
        if name not in checked | references and not alone:
            yield f"{name}: was timed, and nothing was compared with it"
    if AUTOGRAD not in references and not of_a_page(result):
        yield f"nothing was compared with {AUTOGRAD}; install '.[export]' and measure again"
    for check in result.checks:
        if check.reference not in precisions and check.reference != AUTOGRAD:
            yield f"{check.contender}: was compared with {check.reference}, which is not there"
        if check.passed and not _can_pass(check, precisions[check.contender]):
            yield f"{check.contender}: passed a check that its numbers do not pass"


def _can_pass(check: Check, precision: str) -> bool:
    most = MOST_ERROR if precision == "float32" else MOST_ERROR_ROUNDED
    if check.gradient_error is None or check.gradient_error > most:
        return False
    if check.equal is None:  # no dreams were compared
        return check.psnr is None
    return check.psnr is None if check.equal else (check.psnr or 0) >= LEAST_PSNR


# --- what a dream costs -----------------------------------------------------------------------


def _costs(result: Result) -> Iterator[str]:
    for used in result.energy:
        for device, joules in used.joules.items():
            if joules > MOST_WATTS * used.seconds:
                yield f"{used.contender}: {device} took {joules / used.seconds:.3g} watts"
        if used.missing is None and not used.dreams:
            yield f"{used.contender}: its energy is of no dream"
    for found in result.throughput:
        for one in found.tried:
            if not one.seconds:
                yield f"{found.contender}: {one.at_once} at once, and no dream"
            # Each of them dreams all the time, so that their mean tells the rate.
            elif abs(np.log(one.dreams_per_hour * np.mean(one.seconds) / one.at_once / 3600)) > 0.4:
                yield f"{found.contender}: {one.at_once} at once cannot make so many dreams"


LOOKS: tuple[Callable[[Result], Iterator[str]], ...] = (
    _version,
    _run,
    _contenders,
    _series,
    _copies,
    _checks,
    _costs,
)


# --- files ----------------------------------------------------------------------------------------


def check_file(path: Path, photos: Path, now: datetime) -> list[str]:
    """Return what is wrong with a result file, in sentences."""
    if not re.fullmatch(r"[\w.-]+\.json", path.name, re.ASCII):
        return ["its name is not letters, digits, dots, hyphens and underscores before .json"]
    try:
        result = read_result(path)
        if path.stat().st_size > MOST_BYTES:
            return [f"has more than {MOST_BYTES:,} bytes"]
        return list(problems(result, photos, now))
    except DreamError as error:
        return [str(error).removeprefix(f"{path}: ")]


def verdict(path: Path) -> str:
    """Return what is said of a file that nothing is wrong with."""
    return f"nothing wrong, {UNPROVED}" if of_a_page(read_result(path)) else "nothing wrong"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("results", type=Path, nargs="+", help="of `dream bench`, or of the page")
    made.add_argument(
        "--photos",
        type=Path,
        default=Path(__file__).parents[1] / "examples",
        metavar="FOLDER",
        help="with the photographs that may be dreamt on; default: examples",
    )
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    o = parser().parse_args(arguments)
    found = {path: check_file(path, o.photos, datetime.now(UTC)) for path in o.results}
    for path, wrong in found.items():
        for sentence in wrong:
            print(f"{path}: {sentence}", file=sys.stderr)
        if not wrong:
            print(f"{path}: {verdict(path)}")
    if any(found.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
