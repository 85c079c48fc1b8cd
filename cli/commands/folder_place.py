"""Which pictures there are to dream on, and where their dreams go."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ort_deepdream.cli.crew.work import Task
from ort_deepdream.cli.messages import note
from ort_deepdream.cli.typed import PICTURES
from ort_deepdream.errors import DreamError
from ort_deepdream.files import WriteProtectedError, require_writable

SHOWN = 5  # kinds of files that are no pictures


@dataclass(frozen=True)
class Place:
    """Where pictures are, where their dreams go, as what, and which of them are wanted."""

    source: Path
    output: Path
    suffix: str
    shard: tuple[int, int] = (1, 1)  # every second number'th picture, from the first number on
    force: bool = False

    def __post_init__(self) -> None:
        if not self.source.exists():
            raise DreamError(f"{self.source}: no such folder; check its name")
        if not self.source.is_dir():
            raise DreamError(f"{self.source}: is no folder; `dream run` takes pictures")
        if self.source.resolve().is_relative_to(self.output.resolve()):
            raise DreamError(
                f"{self.output}: holds the pictures themselves, which dreams would replace; name "
                f"another folder"
            )

    def tasks(self, tell: Callable[[str], None] = note) -> list[Task]:
        """Return each wanted picture with its output, sorted. Raise DreamError for none.

        `tell` is called with what is said of the files that are no pictures.
        """
        found, others = [], Counter[str]()
        for path in self._files():
            if path.suffix.lower() in PICTURES:
                found.append(path.relative_to(self.source))
            else:
                others[path.suffix.lower() or path.name] += 1
        if not found:
            raise DreamError(f"{self.source}: holds no pictures ({', '.join(PICTURES)})")
        if others:
            kinds = ", ".join(name for name, _ in others.most_common(SHOWN))
            tell(f"left out, as no pictures by their names: {others.total()} ({kinds})")
        stems = Counter(path.with_suffix("") for path in found)
        first, step = self.shard

        def named(path: Path) -> str:
            """Return a dream's name: the picture's, with its suffix where others share the stem."""
            shared = stems[path.with_suffix("")] > 1
            return (path.name if shared else path.stem) + self.suffix

        return [
            Task(self.source / path, self.output / path.with_name(named(path)))
            for path in sorted(found)[first - 1 :: step]
        ]

    def _files(self) -> Iterator[Path]:
        def refuse(error: OSError) -> None:
            raise error

        output = self.output.resolve()
        for folder, folders, names in os.walk(self.source, onerror=refuse):
            here = Path(folder)
            hidden = (name for name in [*folders] if name.startswith("."))
            for name in {*hidden, *(n for n in folders if (here / n).resolve() == output)}:
                folders.remove(name)
            yield from (here / name for name in names if not name.startswith("."))


def beside(photos: Sequence[Path]) -> list[Task]:
    """Return each picture with a dream beside it, PHOTO-dream.png.

    Raise DreamError for two pictures with one dream.
    """
    made: dict[Path, Path] = {}
    for photo in photos:
        output = photo.with_name(f"{photo.stem}-dream.png")
        other = made.setdefault(output, photo)
        if other is not photo:
            raise DreamError(
                f"{other} and {photo}: would both be {output}; rename one, or leave it out"
            )
    return [Task(photo, output) for output, photo in made.items()]


def require_place(folders: Iterable[Path]) -> None:
    """Raise DreamError where nothing can be written to any of these folders, there yet or not."""
    refused: DreamError | None = None
    for folder in dict.fromkeys(folders):
        reason = _why_not(folder)
        if reason is None:
            return
        refused = refused or reason
    if refused is not None:
        raise refused


def _why_not(folder: Path) -> DreamError | None:
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not there.is_dir():
        return DreamError(f"{there}: is not a folder; choose another place for the dreams")
    try:
        require_writable(there / "dream.png")
    except WriteProtectedError:
        return None  # the folder itself can be written to
    except OSError as error:
        return DreamError(
            f"{folder}: the folder {there.resolve()} cannot be written to ({error.strerror}); "
            f"choose another place for the dreams"
        )
    return None
