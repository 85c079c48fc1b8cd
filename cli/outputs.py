"""Where a command writes: never over what it reads, and seen to be possible before the work."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ort_deepdream.errors import DreamError
from ort_deepdream.files import require_writable, writing


def check_output(
    path: Path, inputs: Iterable[Path | str] = (), suffixes: Sequence[str] = ()
) -> None:
    """Raise DreamError now for what would fail after the work, or destroy what it is made of.

    `inputs` are all that the command reads, by name: files, folders, and names that are neither;
    what lies beside a gradient file with its weights is read, too. `suffixes` are those that a file
    of this kind usually has.
    """
    if path.name.lower() in suffixes:
        raise DreamError(
            f"{path}: is a suffix without a name; did you mean "
            f"{path.with_name(f'dream{path.name}')}?"
        )
    for given in _all_read(inputs) if os.path.lexists(path) else ():
        if is_within(path, given):
            raise DreamError(
                f"{path}: would replace {given}, which this command reads; name another file"
            )
    with writing(path):
        require_writable(path)


def _all_read(inputs: Iterable[Path | str]) -> Iterator[Path]:
    # Here, where something is replaced.
    from ort_deepdream.engine.sessions.checking import weights_beside

    for given in map(Path, inputs):
        yield given
        yield from weights_beside(given)


def is_within(path: Path, given: Path) -> bool:
    """Return whether `path` is the file `given`, by whatever name, or one in the folder `given`."""
    try:
        if given.is_dir():
            return path.exists() and path.resolve().is_relative_to(given.resolve())
        return path.samefile(given)
    except OSError:  # one of them is not there
        return False


def unused(path: Path) -> Path:
    """Return the first name that nothing has: `path`, or it with -2, -3 ... before its suffix."""
    return next(name for name in _numbered(path) if not os.path.lexists(name))


def newest(path: Path) -> Path:
    """Return the name that `unused` gave out last; `path` when nothing is there."""
    there = itertools.takewhile(os.path.lexists, _numbered(path))
    return next(reversed([path, *there]))


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    for n in itertools.count(2):
        yield path.with_name(f"{path.stem}-{n}{path.suffix}")
