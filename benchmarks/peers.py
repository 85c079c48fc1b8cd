"""The same gradient by PyTorch on the same device: a contender that ours is to be compared with.

asv compares commits and not parameters, so the ratio is the reader's; but both are measured in one
run. The network is this commit's, its ReLUs in place; nothing else here should change with commits,
so a jump in these curves is the machine's. It is written here anew and not taken from
`ort_deepdream.measure.contenders.torch_step`, for asv runs this file on old commits, too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks import machine
from benchmarks.base import (
    LAYER,
    WEIGHTS,
    Benchmark,
    Prepared,
    check_gradient,
    loaded,
    network_image,
)
from benchmarks.correctness import MOST_ERROR, relative_error
from benchmarks.profiles import PROFILE

if TYPE_CHECKING:
    from benchmarks.base import Array

    Step = Callable[[], tuple[float, Array]]

DEVICES = tuple(name for name in PROFILE.backends if name in ("cpu", "cuda"))
SIZES = PROFILE.sizes[-1:] if PROFILE.name == "quick" else PROFILE.sizes


class Contender(Benchmark):
    """PyTorch, channels last, its gradient compared with ours before it is timed."""

    params = (DEVICES, SIZES)
    param_names = ("backend", "pixels")
    compiled = False
    rounds = max(1, PROFILE.rounds // 2)
    result: tuple[float, Array] | None = None

    def setup(self, prepared: Prepared, backend: str, pixels: int) -> None:
        self.require_backend(prepared, backend, pixels)
        self.require_size(prepared, backend, pixels)
        if backend == "cuda" and (reason := why_no_cuda()):
            self.skip(reason, backend, pixels)
        self.image, self.run = warm_step(prepared.model(backend), backend, pixels, self.compiled)

    def teardown(self, prepared: Prepared, backend: str, pixels: int) -> None:
        if self.result:
            check_gradient(self.image, *self.result)


class Eager(Contender):
    def time_step(self, prepared: Prepared, backend: str, pixels: int) -> None:
        self.result = self.run()


if PROFILE.compiled:

    class Compiled(Contender):
        """By torch.compile, which needs a C++ compiler and minutes."""

        compiled = True
        timeout = 1800.0

        def time_step(self, prepared: Prepared, backend: str, pixels: int) -> None:
            self.result = self.run()


def why_no_cuda() -> str | None:
    import torch

    return None if torch.cuda.is_available() else "this PyTorch finds no CUDA device"


@functools.cache
def warm_step(path: str, backend: str, pixels: int, compiled: bool) -> tuple[Array, Step]:
    """Return a picture, and PyTorch's step on it, which has run and agrees with ours."""
    model = loaded(path, backend)
    image = network_image(model, pixels, pixels)
    step = torch_step(image, backend, compiled)
    _, ours = model.gradient(image)
    step()
    _, theirs = step()
    error = relative_error(theirs, ours)
    assert error <= MOST_ERROR, f"PyTorch's gradient is another: {error:.2g} apart"
    return image, step


def torch_step(image: Array, device: str, compiled: bool) -> Step:
    import torch

    torch.set_num_threads(machine.threads())
    # As ONNX Runtime's CUDA provider does unless it is told otherwise.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    objective = torch_objective(device, compiled)
    picture = torch.from_numpy(image).to(device).contiguous(memory_format=torch.channels_last)

    def step() -> tuple[float, Array]:
        leaf = picture.detach().requires_grad_(True)
        value = objective(leaf)
        (gradient,) = torch.autograd.grad(value, leaf)
        return value.item(), gradient.cpu().numpy()

    return step


def torch_objective(device: str, compiled: bool) -> Any:
    """Return image -> half the sum of squares at LAYER."""
    import torch
    import torch.nn.functional as F

    from ort_deepdream.export.googlenet import GoogLeNet, relu_name
    from ort_deepdream.export.weights import load_weights

    class InPlace(GoogLeNet):
        def _convolve(self, name: str, x: torch.Tensor) -> Any:
            x = self.convolutions[name](x)
            yield name, x
            x = F.relu_(x)
            yield relu_name(name), x
            return x

    class Objective(torch.nn.Module):
        def __init__(self, network: GoogLeNet) -> None:
            super().__init__()
            self.network = network

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            for name, value in self.network.layers(image):
                if name == LAYER:
                    return (value * value).sum() * 0.5
            raise ValueError(f"there is no layer {LAYER}")

    weights = load_weights(WEIGHTS)
    network = InPlace(weights.architecture)
    network.convolutions.load_state_dict(weights.tensors)
    network.eval().requires_grad_(False).to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # its stub lacks this
    if not compiled:
        return Objective(network)
    # Traced first: the network yields its layers, which torch.compile does not read.
    traced = torch.fx.symbolic_trace(Objective(network))
    return torch.compile(traced, fullgraph=True, dynamic=False)
