"""The layers of a module, found by sending pictures without content through it.

PyTorch's fake tensors have a shape and no numbers, so a whole network takes a fraction of a second.
Two sizes of picture tell which axes of a value are the picture's, and by how many pixels a step in
the layer is one. What only one size leads to is for that size alone.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from ort_deepdream.errors import DreamError
from ort_deepdream.weights.architecture import LayerShape

Size = tuple[int, int]  # (height, width)

SIZES: tuple[Size, Size] = ((256, 320), (512, 640))  # whose quotients by any usual stride are whole
USUAL_SIZE: Size = (224, 224)  # of a picture for a network that takes one size alone

Shapes = dict[str, tuple[int, ...]]  # of each module's last value that is a tensor


@dataclass(frozen=True)
class ModuleLayer:
    """How a layer lies in a module, beside what LayerShape says of it."""

    calls: int  # of its module, the last of which makes the layer
    channels_last: bool  # its value is [N, H, W, C]
    size: Size | None  # of the only pictures that lead to it; None: of any size


@dataclass(frozen=True)
class Probe:
    """What one picture met on its way."""

    shapes: Shapes  # in the order in which the modules were done
    calls: Counter[str]
    error: Exception | None  # what stopped it before the end


@dataclass(frozen=True)
class Found:
    """A layer that can be dreamt of."""

    shape: LayerShape
    way: ModuleLayer


class _AllFoundError(Exception):
    """Leaves a module's forward pass, for what follows is not needed."""


def watch(
    module: nn.Module,
    image: Tensor,
    calls: Mapping[str, int],
    entered: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Return what modules in `module` give, by their paths, at the given one of their calls.

    What follows the last of them is not computed. `entered` is told each path that is called.
    """
    found: dict[str, Any] = {}
    left = dict(calls)

    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: Any, value: Any) -> None:
            left[name] -= 1
            if left[name] == 0:
                # A copy: the next module may write into it, as ReLUs do.
                found[name] = value.clone() if isinstance(value, Tensor) else value
                if len(found) == len(calls):
                    raise _AllFoundError

        return hook

    with ExitStack() as stack:
        for name, inner in module.named_modules():
            if entered is not None:
                hook = inner.register_forward_pre_hook(lambda *_, name=name: entered(name))
                stack.callback(hook.remove)
            if name in calls:
                stack.callback(inner.register_forward_hook(keep(name)).remove)
        with suppress(_AllFoundError):
            module(image)
    return found


def describe_error(error: Exception) -> str:
    """Return an error of somebody's code in a few words of one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}"[:300] if lines else type(error).__name__


def find_layers(module: nn.Module, title: str, size: Size | None = None) -> dict[str, Found]:
    """Return the layers of `module` that have channels, height and width, in its own order.

    `size` is that of the only pictures it will be for. Raise DreamError when there is none, with
    what stopped the picture.
    """
    probes = [] if size is not None else [probe(module, each) for each in SIZES]
    found = _of_any_size(*probes) if probes else {}
    if not probes or probes[0].error is not None:
        only = size or USUAL_SIZE
        alone = probe(module, only)
        found = {**_of_one_size(alone, only), **found}
        if not found and alone.error is not None:
            raise DreamError(
                f"{title}: stops at a picture of {only[1]}x{only[0]} pixels "
                f"({describe_error(alone.error)}); name a size that it takes with --size"
            )
    if not found:
        raise DreamError(
            f"{title}: has no layer of [1, channels, height, width] that follows the picture's size"
        )
    return found


def probe(module: nn.Module, size: Size, until: Mapping[str, int] | None = None) -> Probe:
    """Send a picture of this size through `module`, or to certain calls of modules in it."""
    shapes: Shapes = {}
    calls: Counter[str] = Counter()

    def record(name: str) -> None:
        calls[name] += 1

    with FakeTensorMode(allow_non_fake_inputs=True) as fake, torch.no_grad():
        named = [*module.named_parameters(), *module.named_buffers()]
        state: dict[str, Tensor] = {
            name: fake.from_tensor(tensor.detach()) for name, tensor in named
        }
        hooks = [
            inner.register_forward_hook(
                lambda module, given, value, name=name: _record(shapes, name, value)
            )
            for name, inner in module.named_modules()
        ]
        error = None
        unheard = logging.getLogger("torch._subclasses.fake_tensor")  # it logs what it raises
        level = unheard.level
        unheard.setLevel(logging.CRITICAL)
        try:
            with nn.utils.stateless._reparametrize_module(module, state):
                watch(module, torch.empty(1, 3, *size), until or {}, entered=record)
        except Exception as stopped:  # the module's own code: anything may come
            error = stopped
        finally:
            unheard.setLevel(level)
            for hook in hooks:
                hook.remove()
    return Probe(shapes, calls, error)


def _record(shapes: Shapes, name: str, value: object) -> None:
    shapes.pop(name, None)  # so that the last call tells the place
    if isinstance(value, Tensor) and name:
        shapes[name] = tuple(value.shape)


def _of_any_size(first: Probe, second: Probe) -> dict[str, Found]:
    found = {}
    for name, small in first.shapes.items():
        large = second.shapes.get(name, ())
        if len(small) != 4 or len(large) != 4 or first.calls[name] != second.calls[name]:
            continue
        open_axes = [axis for axis in range(4) if small[axis] != large[axis]]
        if open_axes not in ([2, 3], [1, 2]) or small[0] != 1:
            continue
        strides = [
            (far - near) / (large[axis] - small[axis])
            for axis, near, far in zip(open_axes, *SIZES, strict=True)
        ]
        if strides[0] != strides[1] or strides[0] < 1:
            continue
        channels_last = open_axes == [1, 2]
        shape = LayerShape(small[3 if channels_last else 1], round(strides[0]))
        found[name] = Found(shape, ModuleLayer(first.calls[name], channels_last, None))
    return found


def _of_one_size(alone: Probe, size: Size) -> dict[str, Found]:
    """Return the layers whose sides are those of the picture, divided by one number."""
    found = {}
    for name, shape in alone.shapes.items():
        if len(shape) != 4 or shape[0] != 1:
            continue
        for channels, axes in ((1, (2, 3)), (3, (1, 2))):
            strides = {side // shape[axis] for side, axis in zip(size, axes, strict=True)}
            if len(strides) == 1 and min(shape[axis] for axis in axes) > 1 and min(strides) > 0:
                layer = LayerShape(shape[channels], strides.pop())
                found[name] = Found(layer, ModuleLayer(alone.calls[name], channels == 3, size))
                break
    return found


def least_side(module: nn.Module, layers: Mapping[str, int], stride: int) -> int:
    """Return the side of the smallest square picture that leads to `layers` (name: calls)."""

    def fits(side: int) -> bool:
        reached = probe(module, (side, side), layers)
        return reached.error is None and all(
            name in reached.shapes and 0 not in reached.shapes[name] for name in layers
        )

    if fits(stride):
        return stride
    too_small, enough = stride, SIZES[0][0]
    while enough - too_small > 1:
        side = (too_small + enough) // 2
        too_small, enough = (too_small, side) if fits(side) else (side, enough)
    return enough
