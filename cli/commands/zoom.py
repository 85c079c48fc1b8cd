"""A zoom as it was asked for, and what decides its frames: that is stored, and told apart."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ort_deepdream.cli.machine import Machine
from ort_deepdream.cli.outputs import unused
from ort_deepdream.cli.record import command_line, stored, what_was_dreamt
from ort_deepdream.cli.sources import Request
from ort_deepdream.cli.subject import ALPHA, Subject
from ort_deepdream.cli.tiles import Tiles
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.settings import Settings, as_text, chosen, option_words
from ort_deepdream.errors import DreamError
from ort_deepdream.film.schedule import Change, layers_by_frame
from ort_deepdream.film.settings import ZoomSettings
from ort_deepdream.film.writing import is_folder
from ort_deepdream.step import Array

if TYPE_CHECKING:
    from ort_deepdream.engine.tiles.tiling import Tiling

USUAL = ".webp"  # which needs no extra, and any browser plays
OF_THE_FILE = ("frames", "reverse", "fps")  # of ZoomSettings: they change no frame


@dataclass(frozen=True)
class Zoom:
    """A film as it was asked for."""

    subject: Subject
    wanted: Request
    motion: ZoomSettings
    changes: tuple[Change, ...]
    machine: Machine
    tiles: Tiles
    output: Path | None
    force: bool

    def requests(self) -> dict[int, Request]:
        """Return the models that are asked for from some frames on. Raise DreamError."""
        layers = layers_by_frame(self.changes)
        if layers and self.wanted.file is not None:
            raise DreamError(
                "--model and a layer in --at exclude each other: a gradient file has its layers in "
                "it; leave one out"
            )
        if self.wanted.layers:
            return {frame: replace(self.wanted, layers=named) for frame, named in layers.items()}
        return {frame: replace(self.wanted, guided=named) for frame, named in layers.items()}

    def place(self) -> Path:
        """Return where the film goes. Raise DreamError where it cannot."""
        usual = self.subject.photo.with_name(f"{self.subject.photo.stem}-zoom{USUAL}")
        output = self.output or (usual if self.force else unused(usual))
        if is_folder(output) and self.motion.reverse:
            raise DreamError(
                f"{output}: numbered PNGs stand as they were dreamt, so --reverse is for a film; "
                f"name one, such as {output.with_suffix('.mp4')}"
            )
        return output


@dataclass(frozen=True)
class Ready:
    """All that a film is made of, read and loaded. `later`: models by the frame they begin with."""

    rgb: Array
    mask: Array | None
    settings: Settings
    model: Model
    later: dict[int, Model]
    tiling: Tiling | None


def key(asked: Zoom, ready: Ready) -> str:
    """Return a digest of all that decides the frames, but for where they are dreamt."""
    motion = {k: v for k, v in chosen(asked.motion).items() if k not in OF_THE_FILE}
    if asked.motion.loop:
        motion["frames"] = asked.motion.frames  # from there on they are drawn to the first ones
    subject, tiles = asked.subject, asked.tiles
    parts = [
        [_sha256(path.read_bytes()) for path in subject.files],
        [_sha256(model.file.content) for model in (ready.model, *ready.later.values())],
        [subject.size, subject.scale, subject.mask == ALPHA, subject.guide is not None],
        [tiles.tile, tiles.halo, asked.machine.precision, chosen(ready.settings), motion],
        [str(change) for change in asked.changes],
    ]
    return _sha256(json.dumps(parts).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def record(asked: Zoom, ready: Ready) -> dict[str, str]:
    """Return text for the film's metadata; `deepdream.command` makes it again."""
    at = [str(change) for change in asked.changes]
    line = command_line(
        "zoom",
        asked.subject,
        asked.wanted,
        ready.model,
        ready.settings,
        asked.machine,
        ready.tiling,
        [*option_words(asked.motion), *(f"--at={change}" for change in at)],
    )
    return stored(
        {
            "command": line,
            **what_was_dreamt(asked.subject, ready.model, ready.settings, ready.tiling),
            **{name: as_text(value) for name, value in chosen(asked.motion).items()},
            **({"at": json.dumps(at)} if at else {}),
        }
    )
