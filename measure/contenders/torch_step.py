"""The dream of the engine, written in PyTorch with as much care: what it is compared with.

The same octaves, resizing, shifts, normalisation and limits as in `engine`, and what makes PyTorch
quick: weights without gradients and read straight into the network, ReLUs in place, channels last,
the band of LRN as a convolution, one roll for each step, no copy that could be spared, no import
that is not needed. Which memory format and which LRN are faster depends on the processor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ort_deepdream.engine.octaves import octave_sizes, resize
from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.step import NO_GRADIENT

if TYPE_CHECKING:
    from ort_deepdream.engine.settings import Settings
    from ort_deepdream.export.network import Network
    from ort_deepdream.weights.architecture import Preprocessing

Array = NDArray[np.float32]
Gradient = Callable[[Tensor], tuple[Tensor, Tensor]]  # image -> (objective, gradient)

BEFORE_CAPTURE = 3  # steps, as PyTorch's documentation of CUDA graphs has them


class Way(NamedTuple):
    """How a step is written. Which way is the quickest depends on the processor and the size."""

    channels_last: bool
    torch_lrn: bool | None  # PyTorch's own LRN, or the band as a convolution; None: no LRN

    def __str__(self) -> str:
        norm = {True: ", own LRN", False: ", banded LRN", None: ""}[self.torch_lrn]
        return f"{'NHWC' if self.channels_last else 'NCHW'}{norm}"


def ways(has_lrn: bool) -> list[Way]:
    """Return both memory formats, each with both ways to write LRN if the network has one."""
    norms = (True, False) if has_lrn else (None,)
    return [Way(channels_last, norm) for channels_last in (False, True) for norm in norms]


def parse_way(text: str, has_lrn: bool) -> Way:
    """Return the way called `text`, such as "NHWC, own LRN". Raise DreamError for another."""
    known = {str(way): way for way in ways(has_lrn)}
    if text not in known:
        raise DreamError(f"a PyTorch step is not written '{text}': {nearest(text, known)}")
    return known[text]


def tuned(network: Network, way: Way) -> Network:
    """Change a network to be written in a way, and return it."""
    network.tune(torch_lrn=bool(way.torch_lrn))
    network.to(memory_format=memory_format(way.channels_last))  # type: ignore[call-overload]  # its stub lacks this
    return network


def memory_format(channels_last: bool) -> torch.memory_format:
    """Return PyTorch's name for the order of a picture's values."""
    return torch.channels_last if channels_last else torch.contiguous_format


class Objective(nn.Module):
    """image [1, 3, H, W] -> half the sum of squares at `layer`."""

    def __init__(self, network: Network, layer: str) -> None:
        super().__init__()
        self.network, self.layer = network, layer

    def forward(self, image: Tensor) -> Tensor:
        """Return half the sum of squares of the layer's values."""
        for name, value in self.network.layers(image):
            if name == self.layer:
                return (value * value).sum() * 0.5
        raise ValueError(f"there is no layer {self.layer}")


def compiled(objective: Objective) -> Callable[[Tensor], Tensor]:
    """Return the objective as torch.compile makes it, for one size at a time."""
    # Traced first: the network yields its layers, which torch.compile does not read.
    traced = torch.fx.symbolic_trace(objective)
    made: Callable[[Tensor], Tensor] = torch.compile(traced, fullgraph=True, dynamic=False)
    return made


def gradient_of(objective: Callable[[Tensor], Tensor]) -> Gradient:
    """Return the function image -> (objective, gradient)."""

    def step(image: Tensor) -> tuple[Tensor, Tensor]:
        leaf = image.detach().requires_grad_(True)
        value = objective(leaf)
        (gradient,) = torch.autograd.grad(value, leaf)
        return value.detach(), gradient

    return step


def graphed(step: Gradient) -> Gradient:
    """Return `step`, which is captured as a CUDA graph at each new size and replayed from then on.

    What it returns are the graph's own tensors, which the next replay changes.
    """
    captured: dict[torch.Size, tuple[torch.cuda.CUDAGraph, Tensor, tuple[Tensor, Tensor]]] = {}

    def capture(image: Tensor) -> tuple[torch.cuda.CUDAGraph, Tensor, tuple[Tensor, Tensor]]:
        given, aside = image.clone(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # so that cuDNN's choices are made before
            for _ in range(BEFORE_CAPTURE):
                step(given)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            found = step(given)
        return graph, given, found

    def replay(image: Tensor) -> tuple[Tensor, Tensor]:
        if image.shape not in captured:
            captured[image.shape] = capture(image)
        graph, given, found = captured[image.shape]
        given.copy_(image)
        graph.replay()
        return found

    return replay


class TorchAscent:
    """Gradient ascent on one picture, which stays on the device from `put` to `take`."""

    def __init__(
        self,
        gradient: Gradient,
        preprocessing: Preprocessing,
        channels_last: bool = True,
        device: str = "cpu",
    ) -> None:
        self.gradient = gradient
        self.placing = {"device": device, "memory_format": memory_format(channels_last)}
        mean, scale = channel_values(preprocessing)
        self.low, self.high = (
            torch.from_numpy((np.float32(end) - mean) * scale).to(device) for end in (0, 255)
        )
        self.unit = float(scale.mean())  # of the picture's levels, in the network's

    def put(self, image: Array, down: int = 0, across: int = 0) -> None:
        """Take `image`, rolled by `down` and `across` pixels."""
        picture = torch.from_numpy(image).to(**self.placing)  # type: ignore[call-overload]  # its stub lacks this
        self.picture = torch.roll(picture, (down, across), (2, 3))
        self.shift = down, across

    def step(self, length: float, down: int = 0, across: int = 0) -> tuple[float, float]:
        """Ascend by `length` levels on average, then roll by `down` and `across` in all."""
        objective, gradient = self.gradient(self.picture)
        mean = float(gradient.abs().mean())
        if NO_GRADIENT < mean < math.inf:
            self.picture.add_(gradient, alpha=length * self.unit / mean)
            torch.clamp(self.picture, self.low, self.high, out=self.picture)
        turn = down - self.shift[0], across - self.shift[1]
        self.picture = torch.roll(self.picture, turn, (2, 3))
        self.shift = down, across
        return float(objective), mean

    def take(self) -> Array:
        """Return the picture as it is now, rolled back."""
        back = torch.roll(self.picture, (-self.shift[0], -self.shift[1]), (2, 3))
        image: Array = back.contiguous().cpu().numpy()
        return image


def channel_values(preprocessing: Preprocessing) -> tuple[Array, Array]:
    """Return mean and scale, each [3, 1, 1]."""
    mean, scale = (
        np.array(values, np.float32).reshape(3, 1, 1)
        for values in (preprocessing.mean, preprocessing.scale)
    )
    return mean, scale


def preprocess(rgb: Array, preprocessing: Preprocessing) -> Array:
    """Return the network's image [1, 3, H, W] of RGB [H, W, 3] in 0..255."""
    mean, scale = channel_values(preprocessing)
    planes = np.moveaxis(rgb, 2, 0)[list(preprocessing.order)]
    return np.ascontiguousarray((planes - mean) * scale)[np.newaxis]


def deprocess(image: Array, preprocessing: Preprocessing) -> Array:
    """Return the RGB [H, W, 3] that `preprocess` makes `image` of."""
    mean, scale = channel_values(preprocessing)
    planes = image[0] / scale + mean
    return np.moveaxis(planes[np.argsort(list(preprocessing.order))], 0, 2)


def dream(
    rgb: Array,
    ascent: TorchAscent,
    preprocessing: Preprocessing,
    settings: Settings,
    smallest: int = 1,
    on_step: Callable[[int], object] = lambda iteration: None,
) -> Array:
    """Dream on RGB [H, W, 3] in 0..255, as the engine does; `on_step` hears of each iteration."""
    random = np.random.default_rng(settings.seed)
    jitter = settings.jitter
    height, width = rgb.shape[:2]
    sizes = octave_sizes(height, width, settings.octaves, settings.octave_scale, smallest)
    bases = [preprocess(rgb, preprocessing)]
    for size in reversed(sizes[:-1]):
        bases.append(resize(bases[-1], *size))
    detail = np.zeros_like(bases[-1])
    for base in reversed(bases):
        drawn = random.integers(-jitter, jitter + 1, (settings.iterations, 2))
        shifts = [(int(down), int(across)) for across, down in drawn]
        ascent.put(base + resize(detail, *base.shape[2:]), *shifts[0])
        for iteration, shift in enumerate([*shifts[1:], shifts[-1]], 1):
            ascent.step(settings.step, *shift)
            on_step(iteration)
        image = ascent.take()
        detail = image - base
    return deprocess(image, preprocessing)
