"""Trace PyTorch's autograd on the picture into a flat graph of ATen operators.

The trace holds the forward pass, the objective, and the backward pass that PyTorch's own autograd
runs to reach the picture. It is made at two sizes of picture; what differs between the two can only
be a size, and becomes `PICTURE_SIZE`. Whatever is left is true at every size. (PyTorch's symbolic
shapes say the same, but reason about them for 10 seconds where two traces take one and a half.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from ort_deepdream.errors import DreamError

# One pair odd, one even, and no layer's height equal to its width in either.
EXAMPLE_SIZES = ((97, 131), (152, 210))


class _PictureSize:
    """What stands in a trace for a number that depends on the picture's height or width."""

    def __repr__(self) -> str:
        return "PICTURE_SIZE"


PICTURE_SIZE: Final = _PictureSize()


@dataclass(frozen=True)
class Trace:
    """A graph with a placeholder for each of `tensors`, then one for the image [1, 3, H, W].

    It returns (objective, gradient). Each node's `meta["shape"]` is the shape of its value, with
    None for what depends on the picture's size (absent where the value is not a tensor).
    """

    graph: fx.Graph
    tensors: dict[str, Tensor]


def trace_gradient(network: nn.Module, objective: Callable[[Tensor], Tensor]) -> Trace:
    """Trace `objective(image)`, a scalar computed with `network`, and its gradient.

    Parameters and buffers of `network` become inputs of the graph, under their own names.
    Raise DreamError when the operators themselves depend on the picture's size.
    """
    named = [*network.named_parameters(), *network.named_buffers()]
    tensors = {name: tensor.detach() for name, tensor in named}

    def objective_and_gradient(state: dict[str, Tensor], image: Tensor) -> tuple[Tensor, Tensor]:
        image.requires_grad_(True)
        with nn.utils.stateless._reparametrize_module(network, state):
            value = objective(image)
        (gradient,) = torch.autograd.grad(value, image)
        return value.detach(), gradient

    first, second = (_trace_at(size, objective_and_gradient, tensors) for size in EXAMPLE_SIZES)
    if [n.target for n in first.nodes] != [n.target for n in second.nodes]:
        raise DreamError("the network computes different operators at different picture sizes")
    for one, other in zip(first.nodes, second.nodes, strict=True):
        one.args = _generalise(one.args, other.args)
        one.kwargs = _generalise(one.kwargs, other.kwargs)
        value, twin = one.meta.get("val"), other.meta.get("val")
        if isinstance(value, Tensor) and isinstance(twin, Tensor):
            pairs = zip(value.shape, twin.shape, strict=True)
            one.meta["shape"] = tuple(a if a == b else None for a, b in pairs)
    return Trace(first, tensors)


def _trace_at(
    size: tuple[int, int],
    function: Callable[[dict[str, Tensor], Tensor], tuple[Tensor, Tensor]],
    tensors: dict[str, Tensor],
) -> fx.Graph:
    fake = FakeTensorMode()
    state = {name: fake.from_tensor(tensor) for name, tensor in tensors.items()}
    with fake:
        image = torch.empty(1, 3, *size)
    graph = make_fx(function)(state, image).graph
    graph.eliminate_dead_code()
    return graph


def _generalise(one: Any, other: Any) -> Any:
    """Return `one`, with PICTURE_SIZE wherever `other` holds a different number."""
    if isinstance(one, fx.Node):  # a reference: the other trace's node of the same position
        return one
    if isinstance(one, (tuple, list)):
        return type(one)([_generalise(a, b) for a, b in zip(one, other, strict=True)])
    if isinstance(one, dict):
        return {key: _generalise(value, other[key]) for key, value in one.items()}
    return one if one == other else PICTURE_SIZE
