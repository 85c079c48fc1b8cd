"""What a dream maximises: half the sum of squares of chosen activations.

Its gradient at a layer is the activation itself, as in the original notebook.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from export.errors import ExportError
from export.googlenet import Architecture, GoogLeNet, layer_shapes


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

    Raises ExportError, with the nearest names, for a layer or channel that is not there.
    """
    name, equals, weight_text = text.partition("=")
    name, colon, channel_text = name.partition(":")
    shapes = layer_shapes(architecture)
    layer = architecture.layer_aliases.get(name, name)
    if layer not in shapes:
        known = [*shapes, *architecture.layer_aliases]
        near = [layer for layer in (f"{name}/output",) if layer in shapes]
        near = near or difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "`dream layers` lists them"
        raise ExportError(f"{architecture.name} has no layer '{name}': {hint}")
    channel = None
    if colon:
        channels = shapes[layer].channels
        few = len(channel_text) <= len(str(channels))  # int() refuses thousands of digits
        if not (channel_text.isdecimal() and few and int(channel_text) < channels):
            raise ExportError(
                f"layer {layer} has no channel '{channel_text}': "
                f"its channels are 0 to {channels - 1}"
            )
        channel = int(channel_text)
    weight = 1.0
    if equals:
        try:
            weight = float(weight_text)
        except ValueError:
            weight = math.nan
        if not math.isfinite(weight) or weight == 0:
            raise ExportError(f"'{text}': the weight after '=' must be a finite number, not zero")
    return Term(layer, channel, weight)


def objective(network: GoogLeNet, terms: Sequence[Term]) -> Callable[[Tensor], Tensor]:
    """The function image [1, 3, H, W] -> scalar: the sum over terms of weight * 1/2 sum(a^2)."""

    def evaluate(image: Tensor) -> Tensor:
        wanted = {term.layer for term in terms}
        found: dict[str, Tensor] = {}
        for name, value in network.layers(image):
            if name in wanted:
                found[name] = value
            if len(found) == len(wanted):
                break
        return sum_of([_half_square_sum(term, found[term.layer]) for term in terms])

    return evaluate


def _half_square_sum(term: Term, activation: Tensor) -> Tensor:
    if term.channel is not None:  # a slice keeps the axis: indexing would fix the picture's size
        activation = activation[:, term.channel : term.channel + 1]
    return (activation * activation).sum() * (0.5 * term.weight)


def sum_of(values: Sequence[Tensor]) -> Tensor:
    """The sum, without the zero that Python's `sum` starts from (an operator more in a trace)."""
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total
