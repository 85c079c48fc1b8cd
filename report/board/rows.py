"""The board: many results in one table, and what of each one stands in it.

A row is a contender of one result, with its time for a whole dream in a program that is already
running. What is sound, what is an accelerator and which CPU it is set against is decided in
measure/analysis.py, as it is for a report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields

from ort_deepdream.engine.settings import Settings, option_words
from ort_deepdream.measure import seed_table, statistics
from ort_deepdream.measure.analysis import Figure, Pair, Speedup, TimedContender
from ort_deepdream.measure.result import Kind, Size
from ort_deepdream.report import words
from ort_deepdream.report.figures import bounds, sure
from ort_deepdream.report.runs import Run, of_a_page
from ort_deepdream.report.versions import package

KIND: Kind = "warm"  # what a whole dream takes, and what was timed in 2019
SIZES = (seed_table.SIZE, Size(width=1024, height=1024))

# Settings that a dream's name has in words, and one that changes no work.
SAID_OR_FREE = ("--octaves=", "--iterations=", "--step=")
FAILED = "failed its check: its times say nothing"
UNPROVED = "measured in a page: no pictures prove it"
COPIED = f"copied from the report of {seed_table.YEAR}"


@dataclass(frozen=True)
class Cell:
    """A figure of a row: its value to sort by, and what is shown; an interval, if it has one."""

    value: float | None
    text: str
    sure: str = ""
    low: float = 0.0  # of the interval, for a drawing
    high: float = 0.0


NOTHING = Cell(None, words.DASH)


@dataclass(frozen=True)
class Curve:
    """How many times as fast as the CPU an accelerator is: (pixels, value, low, high) by size."""

    points: tuple[tuple[int, float, float, float], ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A contender of one result, fit to be shown."""

    machine: str
    contender: str
    device: str
    accelerator: bool
    dream: str  # which one was dreamt: times of different dreams are not to be compared
    times: tuple[Cell, ...]  # by SIZES
    faster: tuple[Cell, ...]  # than the CPU of the same result, by SIZES
    joules: tuple[Cell, ...]  # of a dream, by SIZES
    versions: str
    created: str  # ISO 8601; what it is sorted by
    day: str
    address: str  # of its report; "" for what has none
    note: str = ""
    curve: Curve | None = None


@dataclass
class Board:
    """The rows of all results that were added."""

    rows: list[Row] = field(default_factory=list)
    results: int = 0

    def add(self, run: Run, address: str) -> None:
        """Add what one result says; its report is at `address`."""
        self.rows += _rows(run, address)
        self.results += 1

    def usual_dream(self) -> str:
        """Return the dream that most rows are of; that of 2019 where there are none."""
        counted = Counter(row.dream for row in self.rows)
        return counted.most_common(1)[0][0] if counted else _dream_of_seed()


def _rows(run: Run, address: str) -> Iterator[Row]:
    pairs = {pair.accelerator: pair for pair in run.analysis.pairs}
    for contender in run.contenders:
        if contender.sizes(KIND):
            yield _row(run, contender, pairs.get(contender), address)


def _row(run: Run, contender: TimedContender, pair: Pair | None, address: str) -> Row:
    speedups = pair.speedups.get(KIND, ()) if pair else ()
    sound = contender.is_sound
    return Row(
        machine=run.title,
        contender=contender.name,
        device=contender.device,
        accelerator=not contender.on_processor,
        dream=_dream(run),
        times=tuple(_time(contender, size) if sound else NOTHING for size in SIZES),
        faster=tuple(_faster(speedups, size) for size in SIZES),
        joules=tuple(_joules(contender, size) if sound else NOTHING for size in SIZES),
        versions=_versions(run, contender),
        created=run.result.created,
        day=run.day,
        address=address,
        note=_note(run, contender),
        curve=_curve(speedups),
    )


def _note(run: Run, contender: TimedContender) -> str:
    notes = [] if contender.is_sound else [FAILED]
    return "; ".join([*notes, UNPROVED] if of_a_page(run.result) else notes)


def _time(contender: TimedContender, size: Size) -> Cell:
    figure = contender.figures.get((KIND, size))
    return _time_cell(figure) if figure else NOTHING


def _time_cell(figure: Figure) -> Cell:
    text = f"{words.seconds(figure.median)}{_star(figure.stable)}"
    return Cell(figure.median, text, sure(figure), figure.low, figure.high)


def _star(is_settled: bool) -> str:
    return "" if is_settled else " *"


def _faster(speedups: Sequence[Speedup], size: Size) -> Cell:
    found = next((one for one in speedups if one.size == size), None)
    if found is None:
        return NOTHING
    between = words.between(found.low, found.high, "×") if found.count > 1 else ""
    return Cell(found.value, f"{words.times(found.value)}{_star(found.is_settled)}", between)


def _joules(contender: TimedContender, size: Size) -> Cell:
    used = contender.joules(size)
    return NOTHING if used is None else Cell(used, words.amount(used, "J"))


def _curve(speedups: Sequence[Speedup]) -> Curve | None:
    if not speedups:
        return None
    points = tuple((one.size.pixels, one.value, one.low, one.high) for one in speedups)
    return Curve(points, tuple(_ratio_text(one) for one in speedups))


def _ratio_text(found: Speedup) -> str:
    return f"{words.size(found.size)}: {words.times(found.value)} ({bounds(found)})"


def _dream(run: Run) -> str:
    """Return what was dreamt, with every setting that changes the work and is not the usual one."""
    model, settings = run.result.model, run.result.settings
    asked = Settings(**{one.name: getattr(settings, one.name) for one in fields(Settings)})
    usual = option_words(Settings(seed=asked.seed))
    other = [word for word in option_words(asked) if word not in usual]
    shown = [word for word in other if not word.startswith(SAID_OR_FREE)]
    return _dream_words(
        words.listed([words.clean(layer) for layer in model.layers]),
        words.clean(model.architecture),
        settings.octaves,
        settings.iterations,
        shown,
    )


def _dream_words(
    layers: str, network: str, octaves: int, steps: int, other: Sequence[str] = ()
) -> str:
    settings = "".join(f", {words.clean(word)}" for word in other)
    return f"{layers} of {network}, {words.counted(octaves, 'octave')} of {steps} steps{settings}"


def _versions(run: Run, contender: TimedContender) -> str:
    ours = f"ort-deepdream {words.clean(run.result.machine.project)}"
    return ", ".join(filter(None, (package(contender), ours)))


# --- 2019 -----------------------------------------------------------------------------------------


def _dream_of_seed() -> str:
    return _dream_words(
        seed_table.LAYER, seed_table.ARCHITECTURE, seed_table.OCTAVES, seed_table.ITERATIONS
    )


def rows_of_2019() -> Iterator[Row]:
    """Return the two rows that this project began with: copied, and not measured by it."""
    processor, card = seed_table.CPU, seed_table.GPU
    found = statistics.ratio(processor.seconds, card.seconds, paired=False)
    between = words.between(found.low, found.high, "×")
    pixels = seed_table.SIZE.pixels
    text = f"{words.size(seed_table.SIZE)}: {words.times(found.value)} ({between})"
    curve = Curve(((pixels, found.value, found.low, found.high),), (text,))
    faster = Cell(found.value, words.times(found.value), between)
    for row in seed_table.ROWS:
        middle = statistics.median(row.seconds)
        interval = f"{words.seconds(middle.low)} to {words.seconds(middle.high)}"
        time = Cell(middle.value, words.seconds(middle.value), interval, middle.low, middle.high)
        yield Row(
            machine=f"{processor.device}; {card.device}",
            contender=row.name,
            device=row.device,
            accelerator=row is card,
            dream=_dream_of_seed(),
            times=(time, NOTHING),
            faster=(faster if row is card else NOTHING, NOTHING),
            joules=(NOTHING, NOTHING),
            versions="Caffe",
            created=str(seed_table.YEAR),
            day=str(seed_table.YEAR),
            address="",
            note=COPIED,
            curve=curve if row is card else None,
        )
