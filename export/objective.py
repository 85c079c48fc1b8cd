"""What a dream maximises: half the sum of squares of chosen activations.

Its gradient at a layer is the activation itself, as in the original notebook.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from export.errors import ExportError
from export.googlenet import Architecture, GoogLeNet, layer_shapes
from models.errors import ModelsError
from models.terms import Term, read_term

__all__ = ["Term", "objective", "open_channels", "parse_term", "sum_of"]


def parse_term(text: str, architecture: Architecture) -> Term:
    """Read `LAYER[:CHANNEL][=WEIGHT]`, such as `inception_3b/output=0.5`.

    Raises ExportError, with the nearest names, for a layer or channel that is not there.
    """
    try:
        term = read_term(text)
    except ModelsError as error:
        raise ExportError(str(error)) from None
    shapes = layer_shapes(architecture)
    layer = architecture.layer_aliases.get(term.layer, term.layer)
    if layer not in shapes:
        known = [*shapes, *architecture.layer_aliases]
        near = [name for name in (f"{term.layer}/output",) if name in shapes]
        near = near or difflib.get_close_matches(term.layer, known, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "`dream layers` lists them"
        raise ExportError(f"{architecture.name} has no layer '{term.layer}': {hint}")
    channels = shapes[layer].channels
    if term.channel is not None and term.channel >= channels:
        raise ExportError(
            f"layer {layer} has no channel '{term.channel}': its channels are 0 to {channels - 1}"
        )
    return replace(term, layer=layer)


CHANNELS = "channels"  # a buffer of the network, and an initializer of the gradient file


def open_channels(network: GoogLeNet, term: Term) -> None:
    """Give `network` a factor of 1 for each channel of a term's layer, which `objective` applies.

    In the gradient file they are numbers of their own, [1, C, 1, 1], that can be replaced without
    another export: a channel alone has a 1 among zeros.
    """
    channels = layer_shapes(network.architecture)[term.layer].channels
    network.register_buffer(CHANNELS, torch.ones(1, channels, 1, 1), persistent=False)


def objective(network: GoogLeNet, terms: Sequence[Term]) -> Callable[[Tensor], Tensor]:
    """The function image [1, 3, H, W] -> scalar: the sum over terms of weight * 1/2 sum(a^2).

    After `open_channels` each square is multiplied by its channel's factor.
    """

    def evaluate(image: Tensor) -> Tensor:
        wanted = {term.layer for term in terms}
        found: dict[str, Tensor] = {}
        for name, value in network.layers(image):
            if name in wanted:
                found[name] = value
            if len(found) == len(wanted):
                break
        factors = getattr(network, CHANNELS, None)
        return sum_of([_half_square_sum(term, found[term.layer], factors) for term in terms])

    return evaluate


def _half_square_sum(term: Term, activation: Tensor, factors: Tensor | None) -> Tensor:
    if term.channel is not None:  # a slice keeps the axis: indexing would fix the picture's size
        activation = activation[:, term.channel : term.channel + 1]
    squares = activation * activation
    if factors is not None:
        squares = squares.sum((2, 3), keepdim=True) * factors
    return squares.sum() * (0.5 * term.weight)


def sum_of(values: Sequence[Tensor]) -> Tensor:
    """The sum, without the zero that Python's `sum` starts from (an operator more in a trace)."""
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total
