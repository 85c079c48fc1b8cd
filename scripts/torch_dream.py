"""The dream of `dream run`, written in PyTorch with as much care: what it is compared with.

    python scripts/torch_dream.py photo.jpg --weights weights.pt -o dream.png

`weights.pt` is what `torch.save(network.convolutions.state_dict(), ...)` writes. The same octaves,
resizing, shifts, normalisation and limits as in `engine`, and what makes PyTorch quick on a CPU:
weights without gradients and read straight into the network, ReLUs in place, channels last, the
band of LRN as a convolution, no copy that could be spared, no import that is not needed.
`--nchw` and `--torch-lrn` take those two back; which is faster depends on the processor.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from export.googlenet import (
    ARCHITECTURES,
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
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    network.eval().requires_grad_(False)
    network.to(memory_format=memory_format)  # type: ignore[call-overload]  # its stub lacks this
    return network


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


def dream(rgb: Array, step: Gradient, preprocessing: Preprocessing, o: argparse.Namespace) -> Array:
    """Dream on RGB [H, W, 3] in 0..255, as `engine.dream` does."""
    octaves = engine_octaves()
    order = list(preprocessing.order)
    mean, scale = (
        np.array(values, np.float32).reshape(3, 1, 1)
        for values in (preprocessing.mean, preprocessing.scale)
    )
    low, high = (torch.from_numpy((np.float32(end) - mean) * scale) for end in (0, 255))
    length = o.step * float(scale.mean())
    memory_format = torch.contiguous_format if o.nchw else torch.channels_last
    random = np.random.default_rng(o.seed)

    image = np.ascontiguousarray((np.moveaxis(rgb, 2, 0)[order] - mean) * scale)[np.newaxis]
    sizes = octaves.octave_sizes(*rgb.shape[:2], o.octaves, o.octave_scale, 1)
    bases = [image]
    for height, width in reversed(sizes[:-1]):
        bases.append(octaves.resize(bases[-1], height, width))
    detail = np.zeros_like(bases[-1])
    for base in reversed(bases):
        image = base + octaves.resize(detail, *base.shape[2:])
        tensor = torch.from_numpy(image).contiguous(memory_format=memory_format)
        for _ in range(o.iterations):
            across, down = (int(n) for n in random.integers(-o.jitter, o.jitter + 1, 2))
            tensor = torch.roll(tensor, (down, across), (2, 3))
            _, gradient = step(tensor)
            mean_size = float(gradient.abs().mean())
            if mean_size > NO_GRADIENT and np.isfinite(mean_size):
                tensor.add_(gradient, alpha=length / mean_size)
                torch.clamp(tensor, low, high, out=tensor)
            tensor = torch.roll(tensor, (-down, -across), (2, 3))
        image = tensor.contiguous().numpy()
        detail = image - base
    planes = image[0] / scale + mean
    return np.moveaxis(planes[np.argsort(order)], 0, 2)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="DeepDream by PyTorch, as careful as `dream run`.")
    parser.add_argument("photo", type=Path)
    parser.add_argument("--output", "-o", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True, help="the convolutions' state dict")
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="bvlc")
    parser.add_argument("--layer", default="inception_4c/output")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--octaves", type=int, default=4)
    parser.add_argument("--octave-scale", type=float, default=1.4)
    parser.add_argument("--step", type=float, default=1.5, help="levels of 0..255")
    parser.add_argument("--jitter", type=int, default=32, help="pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="default: what PyTorch takes")
    parser.add_argument("--nchw", action="store_true", help="instead of channels last")
    parser.add_argument("--torch-lrn", action="store_true", help="F.local_response_norm")
    return parser


def main() -> None:
    o = options().parse_args()
    if o.threads is not None:
        torch.set_num_threads(o.threads)
    architecture = ARCHITECTURES[o.architecture]
    tensors = torch.load(o.weights, mmap=True, weights_only=True)
    network = careful_network(architecture, tensors, not o.nchw, o.torch_lrn)
    with Image.open(o.photo) as photo:
        rgb = np.asarray(photo.convert("RGB"), np.float32)
    step = gradient_of(Objective(network, o.layer))
    result = dream(rgb, step, architecture.preprocessing, o)
    Image.fromarray(np.clip(np.rint(result), 0, 255).astype(np.uint8)).save(o.output, "PNG")


if __name__ == "__main__":
    main()
