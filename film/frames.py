"""The frames of a film that is being made: numbered PNGs in a folder, and what they are frames of.

Each is written whole or not at all, and the last one is what the next is made of: a film that was
interrupted goes on after it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.engine.image import read_picture, write_picture
from ort_deepdream.errors import DreamError
from ort_deepdream.files import writing
from ort_deepdream.film.about import read_about, write_about

Frame = NDArray[np.uint8]

ABOUT = "film.json"  # in the folder: what it holds
NAME = re.compile(r"\d{6,7}\.png")
NUMBER = "deepdream.frame"  # in the metadata of each
SUFFIX = ".frames"  # of the folder, until the film is whole


def frames_folder(film: Path, key: str) -> Path:
    """Return the folder where the frames of a film's file lie until it is whole: FILM.mp4.frames.

    key: a digest of all that decides them. Earlier versions left out the film's own suffix, so that
    films of two kinds had one folder: where that holds frames of this key, it is gone on with.
    """
    folder = film.with_name(f"{film.name}{SUFFIX}")
    earlier = film.with_suffix(SUFFIX)
    return earlier if not folder.exists() and _holds(earlier, key) else folder


def _holds(folder: Path, key: str) -> bool:
    try:
        return read_about(folder / ABOUT).get("key") == key
    except DreamError:  # nothing is there, or somebody's own
        return False


class Frames(Sequence[Frame]):
    """The frames that are in a folder, from the first one on; more can be added.

    key: a digest of all that decides them. Raise DreamError for a folder that holds something else;
    with `anew`, frames that are there are taken away. first: the number of the first frame, where
    these are those of a shot.
    """

    def __init__(self, folder: Path, key: str, anew: bool = False, first: int = 1) -> None:
        self.folder, self.key, self.first = folder, key, first
        names = _names(folder)
        if names and ABOUT not in names:
            raise DreamError(f"{folder}: is not empty, and no film's; name another folder")
        if ABOUT in names and not anew:
            found = read_about(folder / ABOUT).get("key")
            if found != key:
                raise DreamError(
                    f"{folder}: holds frames of another film; name another folder, or begin anew "
                    f"with --force"
                )
        if anew:
            self._clear(names)
        self.there = self.on_disk()

    def on_disk(self) -> int:
        """Count the frames that are in the folder now, up to the first that is missing."""
        names = set(_names(self.folder))
        return next(n for n in count() if self._path(n + 1).name not in names)

    def numbers(self) -> set[int]:
        """Return the numbers of all frames that are in the folder now, in whatever shot."""
        return {int(Path(name).stem) for name in _names(self.folder) if NAME.fullmatch(name)}

    @property
    def is_told(self) -> bool:
        """Whether the folder tells what made its frames."""
        path = self.folder / ABOUT
        return path.exists() and "command" in read_about(path)

    def begin(self, about: Mapping[str, Any]) -> None:
        """Make the folder, if it is not there, and write down what it holds."""
        with writing(self.folder):
            self.folder.mkdir(exist_ok=True)
        write_about(self.folder / ABOUT, {**about, "key": self.key})

    def add(self, frame: Frame, metadata: Mapping[str, str]) -> None:
        """Add a frame, uint8 [H, W, 3]. Raise DreamError when it cannot be written."""
        path = self._path(self.there + 1)
        number = {NUMBER: str(self.first + self.there)}
        write_picture(path, frame.astype(np.float32), metadata={**metadata, **number})
        self.there += 1

    def discard(self) -> None:
        """Take away the frames, and the folder if nothing else is in it."""
        self._clear(_names(self.folder))
        if not _names(self.folder):
            self.folder.rmdir()

    def __len__(self) -> int:
        return self.there

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...
    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
        numbers = range(1, self.there + 1)[index]
        if isinstance(numbers, range):
            return [self._read(number) for number in numbers]
        return self._read(numbers)

    def _read(self, number: int) -> Frame:
        return read_picture(self._path(number)).rgb.astype(np.uint8)

    def _path(self, number: int) -> Path:
        return self.folder / f"{self.first - 1 + number:06}.png"

    def _clear(self, names: Sequence[str]) -> None:
        for name in names:
            if NAME.fullmatch(name) or name == ABOUT:
                (self.folder / name).unlink()


def _names(folder: Path) -> list[str]:
    """Return what is in a folder, nothing where there is none. Raise DreamError for a file."""
    try:
        return [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        raise DreamError(f"{folder}: is a file, not a folder; name another one") from None
