"""What is stored in a dream, so that it can be made again: every setting, and what ran it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from ort_deepdream.cli.machine import Machine
from ort_deepdream.cli.sources import Request
from ort_deepdream.cli.subject import Subject
from ort_deepdream.cli.tiles import words as tile_words
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.settings import Settings, as_text, chosen, option_words
from ort_deepdream.text import storable
from ort_deepdream.version import VERSION

if TYPE_CHECKING:
    from ort_deepdream.engine.tiles.tiling import Tiling

PREFIX = "deepdream."
COMMAND = f"{PREFIX}command"
TASK = f"{PREFIX}task"


def record(
    subject: Subject,
    wanted: Request,
    model: Model,
    settings: Settings,
    machine: Machine,
    tiling: Tiling | None,
    task: str = "",
) -> dict[str, str]:
    """Return text for the picture's metadata; `deepdream.command` makes the picture again.

    Settings that are off are not stored. Files are named without their folders: a picture is passed
    on, its maker's folders are not.
    """
    values = {
        "command": command_line("run", subject, wanted, model, settings, machine, tiling),
        **what_was_dreamt(subject, model, settings, tiling),
        **({"task": task} if task else {}),
    }
    return stored(values)


def what_was_dreamt(
    subject: Subject, model: Model, settings: Settings, tiling: Tiling | None
) -> dict[str, str]:
    """Return what is stored of a dream beside the command: its photograph, model and settings."""
    return {
        "source": storable(subject.photo.name),
        **({} if tiling is None else {"tiling": str(tiling)}),
        **_guide(subject, model),
        **what_ran(model),
        **{name: as_text(value) for name, value in chosen(settings).items()},
    }


def what_ran(model: Model) -> dict[str, str]:
    """Return what is stored of a model, and of the programs that ran it."""
    info = model.info
    return {
        "architecture": info.architecture,
        "layers": json.dumps(info.layers),
        "weights": info.weights,
        "weights_sha256": info.weights_sha256,
        "gradient_file_sha256": _sha256(model.file.content),
        "target": info.target,
        "backend": model.backend.name,
        "provider_options": json.dumps(dict(model.backend.provider_options)),
        "placement": json.dumps(dict(model.placement)),
        "precision": model.precision,
        "threads": "all" if model.threads is None else str(model.threads),
        "onnxruntime": onnxruntime.__version__,
        "numpy": np.__version__,
    }


@lru_cache(maxsize=1)
def _sha256(content: bytes) -> str:
    """Return the sha256 of a gradient file; one that makes many dreams is read through once."""
    import hashlib  # here, where the dream is done: not before its first step

    return hashlib.sha256(content).hexdigest()


def stored(values: Mapping[str, str]) -> dict[str, str]:
    """Return values as a picture's metadata has them: keys of ours, and this program's name."""
    software = {"Software": f"ort-deepdream {VERSION}"}
    return software | {PREFIX + key: value for key, value in values.items()}


def _guide(subject: Subject, model: Model) -> dict[str, str]:
    """Return what is stored of a guide: its file, by its name and sha256, and where it led."""
    if subject.guide is None:
        return {}
    import hashlib

    return {
        "guide": storable(subject.guide.name),
        "guide_sha256": hashlib.sha256(subject.guide.read_bytes()).hexdigest(),
        "guide_layers": json.dumps([layer.name for layer in model.info.guides]),
    }


def command_line(
    command: str,
    subject: Subject,
    wanted: Request,
    model: Model,
    settings: Settings,
    machine: Machine,
    tiling: Tiling | None,
    more: Sequence[str] = (),
) -> str:
    """Return the line that asks `dream COMMAND` for this again; `more` are its own options."""
    if wanted.file is not None:
        source = ["--model", wanted.file.name]
    else:
        weights = Path(wanted.weights).name
        source = ["--weights", weights] if weights else []
        source += wanted.network.words() if wanted.network is not None else []
        source += [f"--layer={layer}" for layer in wanted.layers]
        source += [f"--guide-layer={layer}" for layer in wanted.guided]
    words = ["dream", command, *subject.words(), *source, *machine.words(model.backend)]
    words += tile_words(tiling)
    return shlex.join(map(storable, [*words, *option_words(settings), *more]))
