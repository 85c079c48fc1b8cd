"""What the commands say: results on stdout; notes, errors and progress on stderr.

Nothing moves when stderr is not a terminal, so a log holds whole lines only. Everything that is
printed goes through here, where names from files lose what a terminal would take for commands.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import IO, TYPE_CHECKING, Any

from ort_deepdream import signals, streams
from ort_deepdream.text import clean, visible

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table

NAME = "dream"
NARROW = 60  # columns, below which a bar would leave no room for what it is about
REST = 24  # of a line with one: the shortest bar, the share, the time left
BETWEEN, EDGES = "   ", "  "  # what a table has between its columns, and at both ends
IN_A_FILE = 10_000  # columns of a table there: each row is one line, for grep and the like
LONGEST = 32  # characters of a word that a table does not break
PATIENCE = 0.5  # seconds to wait for a terminal that takes nothing
# What ends what moves: its line is cleared, or left for the next; and the cursor is shown.
CLEARED, BELOW = b"\r\x1b[K\x1b[?25h", b"\r\n\x1b[?25h"


def say(text: str) -> None:
    """Print one line of the result. Not rich's `print`, which would wrap a long path."""
    print(visible(text), flush=True)


def say_written(path: Path, text: str) -> None:
    """Print what was written to `path`; as a note where that is the standard output itself."""
    try:
        is_output = os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError):  # it is closed, or none of the system's
        is_output = False
    (note if is_output else say)(text)


def file_size(count: int) -> str:
    """Return how large a file of so many bytes is, in words."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def note(text: str) -> None:
    """Print something that the user did not ask for and may want to know."""
    _print_error(f"{NAME}: note: {visible(text)}")


def note_at_last(text: str) -> None:
    """Print a note while a signal ends the process: past rich, which would draw its bar again."""
    with suppress(OSError):
        os.write(2, f"{NAME}: note: {visible(text)}\n".encode())


def complain(text: str) -> None:
    """Print what is wrong, in one line, whatever the message was made of."""
    lines = (line.strip() for line in text.splitlines())
    _print_error(f"{NAME}: error: {visible(' '.join(lines))}")


def _print_error(line: str) -> None:
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:  # a full disk or a terminal that is gone is no reason to lose a dream
        streams.silence(sys.stderr)


def plain(text: str) -> str:
    """Return text for a terminal: on one line, without control characters and rich's markup."""
    from rich.markup import escape

    return escape(clean(text))


def console(file: IO[str] | None = None) -> Console:
    """Return rich's console on stdout, or on `file`; what it prints is made visible, too."""
    from rich.console import Console

    class Cleaning(Console):
        def print(self, *objects: Any, **options: Any) -> None:
            super().print(*map(_visible_lines, objects), **options)

    return Cleaning(file=file, highlight=False)


def _visible_lines(shown: Any) -> Any:
    if not isinstance(shown, str):
        return shown
    return "\n".join(map(visible, shown.split("\n")))


def table(*headings: str, numbers: tuple[str, ...] = ()) -> Table:
    """Return an empty table in this program's style; columns in `numbers` are set to the right.

    No word is broken: where the words leave no room beside one another, each row is a few lines.
    """
    from rich import box
    from rich.table import Table

    class Fitting(Table):
        def add_row(self, *cells: Any, **options: Any) -> None:
            super().add_row(*map(_visible_lines, cells), **options)

        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            widths = _widths(self, console, options)
            if widths is None:
                return _in_lines(self)
            for column, width in zip(self.columns, widths, strict=True):
                column.width = width
            return super().__rich_console__(console, options)

    made = Fitting(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        made.add_column(heading, justify="right" if heading in numbers else "left", overflow="fold")
    return made


def _widths(made: Table, console: Console, options: ConsoleOptions) -> list[int] | None:
    """Return the columns' widths at which no word is broken; None where there are none."""
    least, most = [], []
    for column in made.columns:
        sizes = [console.measure(cell, options=options) for cell in (column.header, *column.cells)]
        widest = max(size.maximum for size in sizes)
        # A sum of 64 figures may be broken: nobody reads it as a word.
        narrowest = min(max(size.minimum for size in sizes), LONGEST)
        least.append(widest if column.no_wrap else narrowest)
        most.append(widest)
    room = options.max_width - sum(least) - len(BETWEEN) * (len(least) - 1) - len(EDGES)
    if room < 0:
        return None
    for at in sorted(range(len(least)), key=lambda at: most[at] - least[at]):
        more = min(most[at] - least[at], room)
        least[at] += more
        room -= more
    return least


def _in_lines(made: Table) -> Iterator[Any]:
    """Yield what a table says for a narrow terminal: of each row the first cell, then the others.

    A line is broken between words, and goes on below its text.
    """
    from rich.padding import Padding
    from rich.text import Text

    headings = [str(column.header) for column in made.columns]
    if len(headings) == 2:  # it is plain what the one says of the other
        headings[1] = ""
    for first, *others in zip(*(column.cells for column in made.columns), strict=True):
        pairs = zip(headings[1:], others, strict=True)
        named = [f"{heading} {cell}".strip() for heading, cell in pairs if cell]
        together = ", ".join(named)
        yield Text.from_markup(str(first), overflow="fold")
        for line in [together] if len(together) < NARROW else named:
            yield Padding(Text.from_markup(line, overflow="fold"), (0, 0, 0, 2), expand=False)


@contextmanager
def shown(made: Table) -> Iterator[None]:
    """Show a table while rows are added to it; where nothing can move, once it is full."""
    from rich.live import Live

    if not console().is_terminal:
        yield
        printed = console()
        if "COLUMNS" not in os.environ:
            printed.width = IN_A_FILE
        printed.print(made)
        return
    moving = _Moving(sys.stdout)
    live = Live(
        made,
        console=console(moving),  # type: ignore[arg-type]
        refresh_per_second=8,
        vertical_overflow="visible",
    )
    with signals.undone(lambda: moving.end(1, BELOW)), live:
        yield


@contextmanager
def stages() -> Iterator[Callable[[str], None]]:
    """Show a spinner with the name of a stage; call what is yielded with the next one's."""
    if not sys.stderr.isatty():  # nor is rich imported, which takes as long as a step
        yield lambda stage: None
        return

    moving = _Moving(sys.stderr, may_fail=True)
    printed = console(moving)  # type: ignore[arg-type]
    with signals.undone(moving.end), printed.status("starting") as status:

        def update(stage: str) -> None:
            status.update(plain(stage))

        yield update


@contextmanager
def bar(description: str) -> Iterator[Callable[[float, str], None]]:
    """Show a progress bar with the time left; call what is yielded with (fraction, text)."""
    if not sys.stderr.isatty():
        yield lambda fraction, description: None
        return
    from rich.progress import Progress

    moving = _Moving(sys.stderr, may_fail=True)
    printed = console(moving)  # type: ignore[arg-type]
    columns = _columns(printed.width)
    shown = Progress(*columns, console=printed, transient=True, expand=True)
    with signals.undone(moving.end), shown as progress:
        task = progress.add_task(plain(description), total=1.0)

        def update(fraction: float, description: str) -> None:
            progress.update(task, completed=fraction, description=plain(description))

        yield update


def _columns(width: int) -> tuple[Any, ...]:
    """Return what a line of progress shows, where there are so many columns for it.

    Numbers are never cut: what is done loses its end instead, and a narrow line has no bar.
    """
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.table import Column

    def text(words: str, column: Column) -> TextColumn:
        column.no_wrap, column.overflow = True, "ellipsis"
        return TextColumn(words, table_column=column)

    percent = TaskProgressColumn(table_column=Column(no_wrap=True, min_width=4))
    if width < NARROW:
        return percent, text("{task.description}", Column(ratio=1))
    return (
        text("{task.description}", Column(max_width=width - REST)),
        BarColumn(bar_width=None, table_column=Column(ratio=1)),
        percent,
        TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
        text("left", Column()),
    )


class _Moving:
    """A stream for what moves, which a signal ends: rich draws from a thread of its own.

    For progress alone, `may_fail`: that of a closed terminal is no reason to lose a dream.
    """

    def __init__(self, stream: IO[str], may_fail: bool = False) -> None:
        self.stream, self.errors = stream, (OSError,) if may_fail else ()
        self.lock, self.ended = RLock(), False  # a signal may come while this thread writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        with self.lock, suppress(*self.errors):
            return len(text) if self.ended else self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self.lock, suppress(*self.errors):
            if not self.ended:
                self.stream.flush()

    def end(self, descriptor: int = 2, last: bytes = CLEARED) -> None:
        """Let nothing move any more, leave an empty line for what is said, and show the cursor."""
        self.ended = True
        if self.lock.acquire(timeout=PATIENCE):  # what is being written comes before
            self.lock.release()
        # Past rich, which stands for sys.stderr meanwhile: it would print this as text.
        os.write(descriptor, last)
