"""What the commands say: results on stdout; notes, errors and progress on stderr.

Nothing moves when stderr is not a terminal, so a log holds whole lines only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.table import Table

NAME = "dream"


def say(text: str) -> None:
    """Print one line of the result. Not rich's `print`, which would wrap a long path."""
    typer.echo(text)


def note(text: str) -> None:
    """Print something that the user did not ask for and may want to know."""
    typer.echo(f"{NAME}: note: {text}", err=True)


def complain(text: str) -> None:
    """Print what is wrong, in one line, whatever the message was made of."""
    typer.echo(f"{NAME}: error: {' '.join(text.split())}", err=True)


def plain(text: str) -> str:
    """Return text for a terminal: on one line, without control characters and rich's markup."""
    from rich.markup import escape

    from ort_deepdream.text import clean

    return escape(clean(text))


def table(*headings: str, numbers: tuple[str, ...] = ()) -> Table:
    """Return an empty table in this program's style; columns in `numbers` are set to the right."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        made.add_column(heading, justify="right" if heading in numbers else "left", overflow="fold")
    return made


@contextmanager
def shown(made: Table) -> Iterator[None]:
    """Show a table while rows are added to it; where nothing can move, once it is full."""
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False)
    if console.is_terminal:
        with Live(made, console=console, refresh_per_second=8, vertical_overflow="visible"):
            yield
    else:
        yield
        console.print(made)


@contextmanager
def stages() -> Iterator[Callable[[str], None]]:
    """Show a spinner with the name of a stage; call what is yielded with the next one's."""
    if not sys.stderr.isatty():  # nor is rich imported, which takes as long as a step
        yield lambda stage: None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield status.update


@contextmanager
def bar(description: str) -> Iterator[Callable[[float, str], None]]:
    """Show a progress bar with the time left; call what is yielded with (fraction, text)."""
    if not sys.stderr.isatty():
        yield lambda fraction, description: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TimeLeft(compact=True),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, expand=True) as progress:
        task = progress.add_task(description, total=1.0)

        def update(fraction: float, description: str) -> None:
            progress.update(task, completed=fraction, description=description)

        yield update
