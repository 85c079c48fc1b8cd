"""What a dream amplifies, as it is written: `LAYER[:CHANNEL][=WEIGHT]`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.weights.architecture import Architecture

BLOCK = re.compile(r"\d[a-z]+$")  # what other programs' names for a block end with: 4c, mixed4c
SHOWN = 12  # characters of a channel that is none
HEAVIEST = 1e9  # of weights, without a sign, and 1 / HEAVIEST the least: squares are float32


@dataclass(frozen=True)
class Term:
    """One layer of an objective, or one of its channels, with its weight."""

    layer: str
    channel: int | None = None
    weight: float = 1.0

    def __str__(self) -> str:
        channel = "" if self.channel is None else f":{self.channel}"
        weight = "" if self.weight == 1 else f"={self.weight!r}".removesuffix(".0")  # every digit
        return f"{self.layer}{channel}{weight}"


def parse_term(text: str, architecture: Architecture) -> Term:
    """Read `LAYER[:CHANNEL][=WEIGHT]`, such as `inception_3b/output=0.5`.

    A layer may have the name that the architecture's own library gives it. Raise DreamError, with
    the nearest names, for a layer or channel that is not there, and for a weight that is zero, not
    finite or beyond what float32 can multiply.
    """
    name, equals, weight_text = text.partition("=")
    name, colon, channel_text = name.partition(":")
    shapes = architecture.layers
    layer = architecture.layer_aliases.get(name, name)
    if layer not in shapes:
        hint = _hint(name, architecture)
        raise DreamError(f"the architecture {architecture.name} has no layer '{name}': {hint}")
    term = Term(layer)
    if colon:
        term = replace(term, channel=_channel(channel_text, layer, shapes[layer].channels))
    if equals:
        term = replace(term, weight=_weight(weight_text, text))
    return term


def parse_terms(layers: Sequence[str], architecture: Architecture) -> list[Term]:
    """Read layers, each as `parse_term` does."""
    return [parse_term(layer, architecture) for layer in layers]


def guided_terms(layers: Sequence[str], architecture: Architecture) -> list[Term]:
    """Read the layers that a guide leads, each `LAYER[=WEIGHT]`.

    Raise DreamError for a layer that is not there, one that is named twice, and a channel.
    """
    terms = parse_terms(layers, architecture)
    for number, term in enumerate(terms):
        if term.channel is not None:
            raise DreamError(
                f"{term}: a guide leads a whole layer; leave the channel out, as {term.layer}"
            )
        if term.layer in [other.layer for other in terms[:number]]:
            raise DreamError(f"a guide leads {term.layer} once; name it once")
    return terms


def _hint(name: str, architecture: Architecture) -> str:
    """Return how the message about an unknown layer ends."""
    if f"{name}/output" in architecture.layers:
        return f"did you mean {name}/output?"
    known = [*architecture.layers, *architecture.layer_aliases]
    block = BLOCK.search(name.lower())
    of_it = [layer for layer in architecture.layers if block and block[0] in layer]
    last = f"did you mean {of_it[-1]}?" if of_it else "`dream layers` lists them"
    return nearest(name, known, otherwise=last)


def _channel(text: str, layer: str, channels: int) -> int:
    few = len(text) <= len(str(channels))  # int() refuses thousands of digits
    if not (text.isdecimal() and few and int(text) < channels):
        shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        raise DreamError(
            f"layer {layer} has no channel '{shown}': its channels are 0 to {channels - 1}"
        )
    return int(text)


def _weight(text: str, term: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight) or weight == 0:
        raise DreamError(f"'{term}': the weight after '=' must be a finite number, not zero")
    if not 1 / HEAVIEST <= abs(weight) <= HEAVIEST:
        raise DreamError(
            f"'{term}': the weight after '=' must be {1 / HEAVIEST:g} to {HEAVIEST:g}, or the same "
            f"below zero"
        )
    return weight
