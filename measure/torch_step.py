"""The dream of the engine, written in PyTorch with as much care: what it is compared with.

The same octaves, resizing, shifts, normalisation and limits as in `engine`, and what makes PyTorch
quick: weights without gradients and read straight into the network, ReLUs in place, channels last,
the band of LRN as a convolution, one roll for each step, no copy that could be spared, no import
that is not needed. Which memory format and which LRN are faster depends on the processor.
"""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ort_deepdream.export.googlenet import (
    Architecture,
    GoogLeNet,
    LocalResponseNorm,
    Preprocessing,
    Step,
    relu_name,
)

Array = NDArray[np.float32]
Gradient = Callable[[Tensor], tuple[Tensor, Tensor]]  # image -> (objective, gradient)

NO_GRADIENT = 1e-30  # a smaller mean is rounding


class LoopSettings(Protocol):
    """The engine's, without importing it: that would load ONNX Runtime."""

    @property
    def iterations(self) -> int: ...
    @property
    def octaves(self) -> int: ...
    @property
    def octave_scale(self) -> float: ...
    @property
    def step(self) -> float: ...
    @property
    def jitter(self) -> int: ...
    @property
    def seed(self) -> int: ...


class CarefulGoogLeNet(GoogLeNet):
    """With ReLUs in place, which spares PyTorch a tensor for each."""

    def _convolve(self, name: str, x: Tensor) -> Step:
        x = self.convolutions[name](x)
        yield name, x
        x = F.relu_(x)
        yield relu_name(name), x
        return x


def careful_network(
    architecture: Architecture,
    tensors: Mapping[str, Tensor],
    channels_last: bool = True,
    torch_lrn: bool = False,
) -> GoogLeNet:
    """The network with `tensors` as its convolutions' state, ready for gradients of the picture."""
    unit = functools.partial(nn.utils.skip_init, nn.Conv2d)
    network = CarefulGoogLeNet(architecture, unit)
    network.convolutions.load_state_dict(tensors, assign=True)
    if torch_lrn:
        for name, norm in network.norms.items():
            assert isinstance(norm, LocalResponseNorm)
            network.norms[name] = nn.LocalResponseNorm(norm.size, norm.alpha, norm.beta, norm.k)
    network.eval().requires_grad_(False)
    network.to(memory_format=memory_format(channels_last))  # type: ignore[call-overload]  # its stub lacks this
    return network


def memory_format(channels_last: bool) -> torch.memory_format:
    return torch.channels_last if channels_last else torch.contiguous_format


class Objective(nn.Module):
    """image [1, 3, H, W] -> half the sum of squares at `layer`."""

    def __init__(self, network: GoogLeNet, layer: str) -> None:
        super().__init__()
        self.network, self.layer = network, layer

    def forward(self, image: Tensor) -> Tensor:
        for name, value in self.network.layers(image):
            if name == self.layer:
                return (value * value).sum() * 0.5
        raise ValueError(f"there is no layer {self.layer}")


def compiled(objective: Objective) -> Callable[[Tensor], Tensor]:
    """By torch.compile, for one size at a time."""
    # Traced first: the network yields its layers, which torch.compile does not read.
    traced = torch.fx.symbolic_trace(objective)
    made: Callable[[Tensor], Tensor] = torch.compile(traced, fullgraph=True, dynamic=False)
    return made


def gradient_of(objective: Callable[[Tensor], Tensor]) -> Gradient:
    """The function image -> (objective, gradient)."""

    def step(image: Tensor) -> tuple[Tensor, Tensor]:
        leaf = image.detach().requires_grad_(True)
        value = objective(leaf)
        (gradient,) = torch.autograd.grad(value, leaf)
        return value.detach(), gradient

    return step


def engine_octaves() -> ModuleType:
    """`engine.octaves` alone: its package would load ONNX Runtime."""
    path = Path(__file__).parents[1] / "engine" / "octaves.py"
    spec = importlib.util.spec_from_file_location("octaves", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
        """The picture as it is now, rolled back."""
        back = torch.roll(self.picture, (-self.shift[0], -self.shift[1]), (2, 3))
        image: Array = back.contiguous().cpu().numpy()
        return image


def channel_values(preprocessing: Preprocessing) -> tuple[Array, Array]:
    """Mean and scale, each [3, 1, 1]."""
    mean, scale = (
        np.array(values, np.float32).reshape(3, 1, 1)
        for values in (preprocessing.mean, preprocessing.scale)
    )
    return mean, scale


def preprocess(rgb: Array, preprocessing: Preprocessing) -> Array:
    """RGB [H, W, 3] in 0..255 -> the network's image [1, 3, H, W]."""
    mean, scale = channel_values(preprocessing)
    planes = np.moveaxis(rgb, 2, 0)[list(preprocessing.order)]
    return np.ascontiguousarray((planes - mean) * scale)[np.newaxis]


def deprocess(image: Array, preprocessing: Preprocessing) -> Array:
    """The inverse of `preprocess`."""
    mean, scale = channel_values(preprocessing)
    planes = image[0] / scale + mean
    return np.moveaxis(planes[np.argsort(list(preprocessing.order))], 0, 2)


def dream(
    rgb: Array,
    ascent: TorchAscent,
    preprocessing: Preprocessing,
    settings: LoopSettings,
    smallest: int = 1,
    tell: Callable[[int], object] = lambda iteration: None,
) -> Array:
    """Dream on RGB [H, W, 3] in 0..255, as `engine.dream` does; `tell` hears of each iteration."""
    octaves = engine_octaves()
    random = np.random.default_rng(settings.seed)
    jitter = settings.jitter
    sizes = octaves.octave_sizes(*rgb.shape[:2], settings.octaves, settings.octave_scale, smallest)
    bases = [preprocess(rgb, preprocessing)]
    for height, width in reversed(sizes[:-1]):
        bases.append(octaves.resize(bases[-1], height, width))
    detail = np.zeros_like(bases[-1])
    for base in reversed(bases):
        drawn = random.integers(-jitter, jitter + 1, (settings.iterations, 2))
        shifts = [(int(down), int(across)) for across, down in drawn]
        ascent.put(base + octaves.resize(detail, *base.shape[2:]), *shifts[0])
        for iteration, shift in enumerate([*shifts[1:], shifts[-1]], 1):
            ascent.step(settings.step, *shift)
            tell(iteration)
        image = ascent.take()
        detail = image - base
    return deprocess(image, preprocessing)
