"""Trace PyTorch's autograd on the picture into a flat graph of ATen operators.

The trace holds the forward pass, the objective, and the backward pass that PyTorch's own autograd
runs to reach the picture. It is made at two sizes of picture; what differs between the two can only
be a size, and becomes a `PictureSize`. Whatever is left is true at every size. (PyTorch's symbolic
shapes say the same, but reason about them for 10 seconds where two traces take one and a half.)
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._ops import OpOverload
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.attention import SDPBackend, sdpa_kernel

from ort_deepdream.errors import DreamError

# One pair odd, one even, and no layer's height equal to its width in either.
EXAMPLE_SIZES = ((97, 131), (152, 210))

aten = torch.ops.aten

# Operators that write into their first argument, and those that give the same as a new value.
OUT_OF_PLACE = {
    aten.add_.Tensor: aten.add.Tensor,
    aten.clamp_.default: aten.clamp.default,
    aten.div_.Tensor: aten.div.Tensor,
    aten.elu_.default: aten.elu.default,
    aten.hardsigmoid_.default: aten.hardsigmoid.default,
    aten.hardswish_.default: aten.hardswish.default,
    aten.hardtanh_.default: aten.hardtanh.default,
    aten.leaky_relu_.default: aten.leaky_relu.default,
    aten.mul_.Tensor: aten.mul.Tensor,
    aten.relu_.default: aten.relu.default,
    aten.sigmoid_.default: aten.sigmoid.default,
    aten.silu_.default: aten.silu.default,
    aten.sub_.Tensor: aten.sub.Tensor,
    aten.tanh_.default: aten.tanh.default,
}
# Their value is a part of their argument's memory, or all of it in another shape.
VIEWS = {
    aten.alias.default,
    aten.detach.default,
    aten.expand.default,
    aten.permute.default,
    aten.select.int,
    aten.slice.Tensor,
    aten.split.Tensor,
    aten.split_with_sizes.default,
    aten.squeeze.dim,
    aten.t.default,
    aten.transpose.int,
    aten.unsqueeze.default,
    aten.view.default,
}


@dataclass(frozen=True)
class PictureSize:
    """What stands in a trace for a number that depends on the picture's height or width.

    `first` and `second` are what it was in the two traces.
    """

    first: Any
    second: Any


@dataclass(frozen=True)
class Trace:
    """A graph with a placeholder for each of `tensors`, then one for the image [1, 3, H, W].

    It returns (objective, gradient). Each node's `meta["shape"]` is the shape of its value, with
    None for what depends on the picture's size, and `meta["sizes"]` the same with a PictureSize
    there (both absent where the value is not a tensor).
    """

    graph: fx.Graph
    tensors: dict[str, Tensor]


def trace_gradient(
    network: nn.Module,
    objective: Callable[[Tensor], Tensor],
    sizes: Sequence[tuple[int, int]] = EXAMPLE_SIZES,
) -> Trace:
    """Trace `objective(image)`, a scalar computed with `network`, and its gradient.

    Parameters and buffers of `network` become inputs of the graph, under their own names. With one
    of `sizes` (height, width) instead of two, the trace is true for that size alone.
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

    graphs = [_trace_at(size, objective_and_gradient, tensors) for size in sizes]
    first, second = graphs[0], graphs[-1]
    if [n.target for n in first.nodes] != [n.target for n in second.nodes]:
        raise DreamError("the network computes different operators at different picture sizes")
    for one, other in zip(first.nodes, second.nodes, strict=True):
        one.args = _generalise(one.args, other.args)
        one.kwargs = _generalise(one.kwargs, other.kwargs)
        value, twin = one.meta.get("val"), other.meta.get("val")
        if isinstance(value, Tensor) and isinstance(twin, Tensor):
            one.meta["sizes"] = _generalise(tuple(value.shape), tuple(twin.shape))
            one.meta["shape"] = tuple(a if type(a) is int else None for a in one.meta["sizes"])
    _write_out_of_place(first)
    return Trace(first, tensors)


def _trace_at(
    size: tuple[int, int],
    function: Callable[[dict[str, Tensor], Tensor], tuple[Tensor, Tensor]],
    tensors: dict[str, Tensor],
) -> fx.Graph:
    fake = FakeTensorMode(allow_non_fake_inputs=True)
    state = {name: fake.from_tensor(tensor) for name, tensor in tensors.items()}
    with fake:
        image = torch.empty(1, 3, *size)
    # Attention as products and a softmax: its one operator is another on each processor.
    with sdpa_kernel(SDPBackend.MATH):
        graph = make_fx(function)(state, image).graph
    graph.eliminate_dead_code()
    return graph


def _generalise(one: Any, other: Any) -> Any:
    """Return `one`, with a PictureSize wherever `other` holds a different number."""
    if isinstance(one, fx.Node):  # a reference: the other trace's node of the same position
        return one
    if isinstance(one, (tuple, list)):
        return type(one)([_generalise(a, b) for a, b in zip(one, other, strict=True)])
    if isinstance(one, dict):
        return {key: _generalise(value, other[key]) for key, value in one.items()}
    return one if one == other else PictureSize(one, other)


def _write_out_of_place(graph: fx.Graph) -> None:
    """Give new values where operators write into old ones; whoever reads later reads the new one.

    Raise DreamError where the value that is written into is a part of another, which would change
    too.
    """
    for node in graph.nodes:
        if node.target not in OUT_OF_PLACE:
            continue
        written = node.args[0]
        if _is_view(written) or any(_is_view(user) for user in written.users if user < node):
            raise DreamError(
                f"{node.target} writes into a part of another tensor ({node}), which no rule "
                f"covers; write it out of place (inplace=False)"
            )
        node.target = OUT_OF_PLACE[node.target]
        written.replace_all_uses_with(node, lambda user, node=node: user > node)


def _is_view(node: fx.Node) -> bool:
    if node.target is operator.getitem:
        return _is_view(node.args[0])  # type: ignore[arg-type]
    return isinstance(node.target, OpOverload) and node.target in VIEWS
