"""`dream visualise`: a channel's picture, or a sheet of several, drawn from noise."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ort_deepdream import layers
from ort_deepdream.cli.machine import Machine, where
from ort_deepdream.cli.messages import bar, note, say
from ort_deepdream.cli.options.models import DEFAULT_LAYER
from ort_deepdream.cli.outputs import check_output, unused
from ort_deepdream.cli.record import stored, what_ran
from ort_deepdream.cli.sources import (
    OPTIMISED,
    Request,
    find_model,
    find_weights,
    request,
    sweep_cache,
)
from ort_deepdream.engine.backends import Backend
from ort_deepdream.engine.image import check_writable, write_picture
from ort_deepdream.engine.loading import load_model
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.settings import as_text, chosen, option_words
from ort_deepdream.engine.visualise.drawing import Visualisation, visualise
from ort_deepdream.engine.visualise.settings import VisualiseSettings
from ort_deepdream.engine.visualise.sheet import sheet
from ort_deepdream.errors import DreamError
from ort_deepdream.step import Array
from ort_deepdream.text import storable
from ort_deepdream.weights.catalogue import cache_folder

DEFAULT_CHANNEL = 84  # of the built-in weights: a dog's face


@dataclass(frozen=True)
class Asked:
    """What to draw, as it was typed."""

    layers: tuple[str, ...]
    channels: tuple[int, ...] | None
    weights: str | None
    model: Path | None

    def requests(self) -> list[Request]:
        """Return the model of each picture. Raise DreamError for what excludes each other."""
        if self.model is not None:
            if self.channels is not None:
                raise DreamError("--model and --channels exclude each other; leave one out")
            return [request(self.model, self.weights, self.layers)]
        return [request(None, self.weights, [term]) for term in self._terms()]

    def _terms(self) -> list[str]:
        if self.channels is None:
            return list(self.layers) or [f"{DEFAULT_LAYER}:{DEFAULT_CHANNEL}"]
        layer, *others = self.layers or (DEFAULT_LAYER,)
        if others or set(layer) & set(":="):
            raise DreamError("--channels goes with one --layer, which has no channel of its own")
        return [f"{layer}:{channel}" for channel in self.channels]

    def words(self) -> list[str]:
        """Return the words that ask for it again, files without their folders."""
        if self.model is not None:
            return ["--model", self.model.name]
        weights = Path(request(None, self.weights, None).weights).name
        terms = [one.layers[0] for one in self.requests()]
        return ["--weights", weights, *(f"--layer={term}" for term in terms)]


def draw(asked: Asked, settings: VisualiseSettings, machine: Machine, output: Path | None) -> None:
    """Draw each picture that is asked for, and write it, or a sheet of all."""
    requests = asked.requests()
    chosen_output = output or unused(_name(asked, requests))
    check_writable(chosen_output)
    check_output(chosen_output, [file for one in requests for file in one.files])
    backend = machine.find()
    sweep_cache()
    started = time.perf_counter()
    drawn, model = _drawn(requests, settings, machine, backend)
    seconds = time.perf_counter() - started
    if output is None and chosen_output.exists():
        chosen_output = unused(chosen_output)  # another drawing was quicker
    rgb = drawn[0][1] if len(drawn) == 1 else sheet(_labelled(drawn))
    write_picture(chosen_output, rgb, metadata=_record(asked, model, settings, machine, drawn))
    height, width = rgb.shape[:2]
    what = drawn[0][0] if len(drawn) == 1 else f"{len(drawn)} pictures"
    say(
        f"{chosen_output}: {width}x{height}, {what}, {where(model)}, seed {settings.seed}, "
        f"{seconds:.1f} s"
    )


def _drawn(
    requests: Sequence[Request], settings: VisualiseSettings, machine: Machine, backend: Backend
) -> tuple[list[tuple[str, Array]], Model]:
    """Return each picture with its layer and channel, and the model of the last one."""
    ahead = _ahead(requests, backend.file_target)
    drawn: list[tuple[str, Array]] = []
    with bar("drawing") as update:
        for number, path in enumerate(_files(requests, ahead, backend.file_target)):
            model = _load(path, backend, machine, alone=len(requests) == 1)
            title = ", ".join(model.info.layers)

            def show(step: int, _: float, number: int = number, title: str = title) -> None:
                done = (number + step / settings.steps) / len(requests)
                update(done, f"{title}, step {step}/{settings.steps}")

            result = visualise(model, settings, show)
            _note_silence(title, result)
            drawn.append((title, result.rgb))
    return drawn, model


def _name(asked: Asked, requests: Sequence[Request]) -> Path:
    """Return what the picture is called if nobody says: after its layer, or the first one."""
    named = requests[0].layers[0] if asked.model is None else asked.model.stem
    if len(requests) > 1:
        named = f"{named.partition(':')[0]}-sheet"
    return Path(f"{re.sub('[/:=]', '-', named)}.png")


def _ahead(requests: Sequence[Request], target: str) -> list[Path] | None:
    """Return all files, exported now, for a layer that is not shipped; None for one that is.

    Either way the weights are here then. What downloads and exports has a progress of its own.
    """
    find_model(requests[0], target)
    if requests[0].file is None and _joined(requests[0], target) is not None:
        return None
    return [find_model(one, target) for one in requests]


def _files(
    requests: Sequence[Request], ahead: Sequence[Path] | None, target: str
) -> Iterator[Path]:
    """Yield each picture's gradient file; those that take no time are made when it is their turn.

    The cache keeps so many of them only.
    """
    for number, one in enumerate(requests):
        path = ahead[number] if ahead is not None else _joined(one, target)
        yield path or find_model(one, target)


def _joined(wanted: Request, target: str) -> Path | None:
    at_hand = layers.at_hand(wanted.layers, wanted.weights, target)
    return at_hand or layers.joined(wanted.layers, wanted.weights, target, find_weights)


def _load(path: Path, backend: Backend, machine: Machine, alone: bool) -> Model:
    """Load a model; the graphs of a whole sheet would push all others out of the cache."""
    graph_cache = cache_folder() / OPTIMISED if alone else None
    return load_model(path, backend, machine.threads, machine.allow_cpu_nodes, graph_cache)


def _note_silence(title: str, result: Visualisation) -> None:
    if result.idle_steps == len(result.objectives):
        note(
            f"{title} answered to no noise, so nothing is drawn; try more --steps, another --seed "
            f"or a --colour"
        )


def _labelled(drawn: Sequence[tuple[str, Array]]) -> list[tuple[str, Array]]:
    """Return the pictures with what tells them apart: channels of one layer have their numbers."""
    names = {title.partition(":")[0] for title, _ in drawn}
    if len(names) > 1:
        return list(drawn)
    return [(title.partition(":")[2] or title, rgb) for title, rgb in drawn]


def _record(
    asked: Asked,
    model: Model,
    settings: VisualiseSettings,
    machine: Machine,
    drawn: Sequence[tuple[str, Array]],
) -> dict[str, str]:
    """Return text for the picture's metadata; `deepdream.command` makes the picture again."""
    words = ["dream", "visualise", *asked.words(), *machine.words(model.backend)]
    values = {
        "command": shlex.join(map(storable, [*words, *option_words(settings)])),
        **what_ran(model),
        "layers": json.dumps([title for title, _ in drawn]),
        **{name: as_text(value) for name, value in chosen(settings).items()},
    }
    if len(drawn) > 1:  # that of one of them
        del values["gradient_file_sha256"]
    return stored(values)
