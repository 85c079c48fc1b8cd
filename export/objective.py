"""What a dream maximises: half the sum of squares of chosen activations.

Its gradient at a layer is the activation itself, as in the original notebook. Where a guide leads
it is the notebook's other one, which weights/nearest.py has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ort_deepdream.export.network import Network
from ort_deepdream.weights.terms import Term, parse_term

__all__ = ["Term", "objective", "open_channels", "parse_term"]


CHANNELS = "channels"  # a buffer of the network, and an initializer of the gradient file


def open_channels(network: Network, term: Term) -> None:
    """Give `network` a factor of 1 for each channel of a term's layer, which `objective` applies.

    In the gradient file they are numbers of their own, [1, C, 1, 1], that can be replaced without
    another export: a channel alone has a 1 among zeros.
    """
    channels = network.architecture.layers[term.layer].channels
    network.register_buffer(CHANNELS, torch.ones(1, channels, 1, 1), persistent=False)


def stand_in_name(number: int) -> str:
    """Return what the stand-in for the nearest features is called, a buffer of the network."""
    return f"guide_{number}"


def open_guides(network: Network, guides: Sequence[Term]) -> None:
    """Give `network` what stands for a guide's features in a trace (export/guided.py)."""
    for number, term in enumerate(guides):
        channels = network.architecture.layers[term.layer].channels
        stand_in = torch.ones(1, channels, 1, 1)
        network.register_buffer(stand_in_name(number), stand_in, persistent=False)


def objective(
    network: Network,
    terms: Sequence[Term],
    guides: Sequence[Term] = (),
    features: Sequence[Tensor] | None = None,
) -> Callable[[Tensor], Tensor]:
    """Return the function image [1, 3, H, W] -> scalar, the sum of weight * 1/2 sum(a^2) of terms.

    After `open_channels` each square is multiplied by its channel's factor. For each of `guides`
    the sum also has weight * sum_i max_j x_i . y_j, with x_i the activations at a position and y_j
    the rows of its `features` [positions, C]; without features, the stand-ins of `open_guides`.
    """

    def led(number: int, activation: Tensor) -> Tensor:
        if features is None:
            stand_in: Tensor = getattr(network, stand_in_name(number))
            return (activation * stand_in).sum()
        products = features[number] @ activation.flatten(2)[0]
        return products.max(0).values.sum()

    def evaluate(image: Tensor) -> Tensor:
        found = network.activations(image, {term.layer for term in (*terms, *guides)})
        factors = getattr(network, CHANNELS, None)
        values = [_half_square_sum(term, found[term.layer], factors) for term in terms]
        for number, term in enumerate(guides):
            values.append(led(number, found[term.layer]) * term.weight)
        return sum_of(values)

    return evaluate


def _half_square_sum(term: Term, activation: Tensor, factors: Tensor | None) -> Tensor:
    if term.channel is not None:  # a slice keeps the axis: indexing would fix the picture's size
        activation = activation[:, term.channel : term.channel + 1]
    squares = activation * activation
    if factors is not None:
        squares = squares.sum((2, 3), keepdim=True) * factors
    return squares.sum() * (0.5 * term.weight)


def sum_of(values: Sequence[Tensor]) -> Tensor:
    """Return the sum, without the zero that Python's `sum` starts from: it would be traced."""
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total
