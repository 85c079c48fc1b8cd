"""Compare a gradient file with PyTorch's autograd in float64, the judge.

The network is rebuilt in PyTorch from the weights in the file itself; PyTorch's own float32 error
stands beside ours, for a float32 gradient cannot be closer to the truth than rounding lets it. For
a float16 file it is the error of PyTorch's gradient with the picture and every convolution's value
rounded to float16: pools and ReLUs then choose among other numbers, which is most of the error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
import torch
from numpy.typing import NDArray

from ort_deepdream.errors import DreamError
from ort_deepdream.export.library import find_module
from ort_deepdream.export.model_file import initializer_name
from ort_deepdream.export.module_weights import module_architecture
from ort_deepdream.export.network import Network, new_network
from ort_deepdream.export.objective import objective
from ort_deepdream.gradient_format import FORMAT, PREFIX
from ort_deepdream.weights.architecture import Architecture, Preprocessing
from ort_deepdream.weights.architectures import ARCHITECTURES
from ort_deepdream.weights.terms import Term, parse_term

Array = NDArray[np.float32]
Runner = Callable[[Array], tuple[float, Array]]  # image [1, 3, H, W] -> (objective, gradient)
Features = Sequence[torch.Tensor]  # of a guide, [positions, C], at each layer that one leads

# Ours may be this many times PyTorch's float32 error, or this much in all, whichever is more: where
# two activations are equal but for rounding, each of the two picks its own winner.
TIMES_TORCH = 8.0
ALWAYS_ALLOWED = 1e-4
# The same for float16, whose rounding makes hundreds of such choices and not one or two: ours was
# 0.6 to 1.4 times PyTorch's rounded one, but for small pictures that turn on a single choice.
HALF_TIMES_TORCH = 2.0
HALF_ALWAYS_ALLOWED = 0.05
HALF_OBJECTIVE_ALLOWED = 5e-3  # the objective makes no choices; found: 4e-3 and less
# In a small flat picture one choice, made everywhere alike, may be half the gradient. What PyTorch
# chooses then we may choose too, and be as far from float64 as it is.
HALF_AS_FAR = 1.05
NEVER_ALLOWED = 0.5  # a gradient this far off is wrong, however many ties the picture has

# In a large picture two activations may differ by less than rounding, and ours may pick the other
# one where PyTorch happens not to: one flip is an error of 1e-3. It goes away with the least change
# of the picture, which a wrong gradient does not. So a comparison that fails is made again, nudged.
ATTEMPTS = 3
NUDGE = 1e-3  # of the range from black to white, by which each attempt is lighter; flat stays flat

FULL, HALF = "float32", "float16"
SIZES = ((158, 182), (97, 211), (63, 41), (32, 32))  # (height, width)
PICTURES = ("noise", "flat", "ramp")
GUIDE = 113, 91  # height and width


@dataclass(frozen=True)
class Row:
    """One comparison. Errors are relative: |ours - float64| / |float64|, in the 2-norm."""

    height: int
    width: int
    picture: str
    objective_error: float
    gradient_error: float
    torch_objective_error: float
    torch_gradient_error: float
    attempt: int = 1  # which picture this is of: the first, or a nudged one
    precision: str = "float32"  # that it was computed in

    @property
    def limit(self) -> float:
        """The largest error of the gradient that passes."""
        if self.precision != FULL:
            as_far = HALF_AS_FAR * self.torch_gradient_error
            usual = _limit(self.torch_gradient_error, HALF_TIMES_TORCH, HALF_ALWAYS_ALLOWED)
            return max(usual, as_far)
        return _limit(self.torch_gradient_error)

    @property
    def objective_limit(self) -> float:
        """The largest error of the objective that passes."""
        if self.precision != FULL:
            return _limit(self.torch_objective_error, HALF_TIMES_TORCH, HALF_OBJECTIVE_ALLOWED)
        return _limit(self.torch_objective_error)

    @property
    def passed(self) -> bool:
        """Whether both errors are within their limits; NaN is not."""
        # Written so that NaN fails.
        good_gradient = self.gradient_error <= self.limit
        return good_gradient and self.objective_error <= self.objective_limit


def _limit(
    torch_error: float, times: float = TIMES_TORCH, always_allowed: float = ALWAYS_ALLOWED
) -> float:
    return min(max(times * torch_error, always_allowed), NEVER_ALLOWED)


def verify(
    path: Path,
    run: Runner,
    sizes: Sequence[tuple[int, int]] = SIZES,
    rounded: bool | str = False,
    margin: int = 0,
    network_name: str | None = None,
) -> Iterator[Row]:
    """Compare `run`, which executes the file at `path`, with float64 autograd, row by row.

    `rounded` says that a float32 file is computed with float16's eleven bits, as TF32 has them, or
    is the type that it is computed in, such as bfloat16;
    `margin` is how much larger than the layer's stride the smallest picture is; `network_name` is
    the file's network, where that is code of one's own. A file for dreams
    with a guide is run with the picture `guide_rgb`. Raise DreamError when `path` is not a gradient
    file.
    """
    try:
        network, terms, low, high = rebuild(path, network_name)
        properties = _properties(path)
        least = properties.get(PREFIX + "least_side", properties[PREFIX + "stride"])
        smallest = int(least) + margin
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DreamError(f"{path}: its description is damaged ({error!r})") from error
    double = new_network(network.architecture).double()
    double.load_state_dict(network.state_dict())
    guides = guides_of(path)
    features = _features(double, guides)
    precision = HALF if rounded is True else rounded or properties.get(PREFIX + "precision", FULL)
    if precision != FULL:
        _round_activations(network, getattr(torch, precision))
    only = json.loads(properties.get(PREFIX + "size", "null"))
    possible = [size for size in sizes if min(size) >= smallest]
    for height, width in [only] if only else (*possible, (smallest, smallest + 1)):
        for picture in PICTURES:
            for attempt in range(1, ATTEMPTS + 1):
                image = _picture(picture, height, width, low, high, attempt)
                given = torch.from_numpy(image)
                truth = autograd(double, terms, given.double(), guides, features)
                rows = [row.float() for row in features]
                single = autograd(network, terms, given, guides, rows)
                errors = (*_errors(run(image), truth), *_errors(single, truth))
                row = Row(height, width, picture, *errors, attempt, precision)
                if row.passed:
                    break
            yield row


def guide_rgb() -> Array:
    """Return the picture [H, W, 3] in 0..255 that leads where a guide does: noise."""
    return np.random.default_rng(0).uniform(0, 255, (*GUIDE, 3)).astype(np.float32)


def _features(network: Network, guides: Sequence[Term]) -> Features:
    """Return what `guide_rgb` has at each layer that it leads, [positions, C], in float64."""
    preprocessing = network.architecture.preprocessing
    planes = guide_rgb()[..., list(preprocessing.order)].astype(np.float64)
    image = ((planes - preprocessing.mean) * preprocessing.scale).transpose(2, 0, 1)[None]
    found = network.activations(torch.from_numpy(image), {term.layer for term in guides})
    return [found[term.layer][0].flatten(1).T.detach() for term in guides]


def _round_activations(network: Network, dtype: torch.dtype) -> None:
    """Round the picture and every convolution's value to `dtype`; gradients pass as they are."""

    def rounded(x: torch.Tensor) -> torch.Tensor:
        return x + (x.to(dtype).to(x.dtype) - x).detach()

    for name, layer in network.convolutions.items():
        layer.register_forward_hook(lambda module, given, value: rounded(value))
        if name == next(iter(network.convolutions)):
            layer.register_forward_pre_hook(lambda module, given: (rounded(given[0]),))


def _errors(
    found: tuple[float, NDArray[np.floating]], truth: tuple[float, NDArray[np.floating]]
) -> tuple[float, float]:
    tiny = float(np.finfo(np.float32).tiny)  # for a gradient that is zero throughout
    value = abs(found[0] - truth[0]) / max(abs(truth[0]), tiny)
    distance = np.linalg.norm(found[1].astype(np.float64) - truth[1])
    return value, float(distance / max(float(np.linalg.norm(truth[1])), tiny))


def autograd(
    network: Network,
    terms: Sequence[Term],
    image: torch.Tensor,
    guides: Sequence[Term] = (),
    features: Features = (),
) -> tuple[float, NDArray[np.floating]]:
    """Return objective and gradient as PyTorch computes them, in the image's precision."""
    image.requires_grad_(True)
    value = objective(network, terms, guides, features)(image)
    (gradient,) = torch.autograd.grad(value, image)
    return value.item(), gradient.numpy()


def _picture(
    kind: str, height: int, width: int, low: Array, high: Array, attempt: int = 1
) -> Array:
    """Return [1, 3, H, W] in the network's units: noise, one flat colour, or a smooth ramp."""
    if kind == "noise":
        unit = np.random.default_rng(height * width).uniform(size=(3, height, width))
    elif kind == "flat":
        unit = np.full((3, height, width), 0.6)
    else:
        down, along = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)
        unit = np.stack([down + 0 * along, along + 0 * down, (down + along) / 2])
    unit = unit + NUDGE * (attempt - 1)
    return (low + (high - low) * unit)[None].astype(np.float32)


def _properties(path: Path) -> dict[str, str]:
    try:
        properties = ir.load(path).metadata_props
    except Exception as error:  # protobuf's decoding error has no public base
        raise DreamError(f"{path}: not a readable ONNX file ({error})") from error
    if PREFIX + "format" not in properties:
        raise DreamError(f"{path} is not a file that `dream export` made")
    if properties[PREFIX + "format"] != FORMAT:
        found = properties[PREFIX + "format"]
        raise DreamError(f"{path} has format {found}, and this version reads {FORMAT}")
    return properties


def _numbers(initializer: ir.Value) -> Array:
    assert initializer.const_value is not None
    return initializer.const_value.numpy().astype(np.float32)


def _terms(properties: dict[str, str]) -> tuple[list[Term], list[Term]]:
    """Return the layers of a file that are amplified, and those that a guide leads."""
    led: tuple[list[Term], list[Term]] = ([], [])
    for entry in json.loads(properties[PREFIX + "layers"]):
        led["guide" in entry].append(Term(entry["layer"], entry["channel"], entry["weight"]))
    return led


def guides_of(path: Path) -> list[Term]:
    """Return the layers of a gradient file that a guide leads. Raise DreamError for another."""
    return _terms(_properties(path))[1]


def _architecture(properties: dict[str, str], path: Path, network_name: str | None) -> Architecture:
    """Return what a file is of. Raise DreamError where that is code which nobody has named."""
    name = properties[PREFIX + "architecture"]
    if name in ARCHITECTURES and network_name is None:
        return ARCHITECTURES[name]
    if network_name is None and ":" in name:  # a file that came from anywhere names no code to run
        raise DreamError(
            f"{path.name}: is of {name}, which is somebody's own code; name it with --network"
        )
    source = find_module(network_name or name)
    if source.name != name:
        raise DreamError(f"{path.name}: is of {name}, not of {source.name}")
    size = json.loads(properties.get(PREFIX + "size", "null"))
    units = json.loads(properties[PREFIX + "preprocessing"])
    preprocessing = Preprocessing(*(tuple(units[key]) for key in ("order", "mean", "scale")))
    return module_architecture(replace(source, preprocessing=preprocessing), size and tuple(size))


def rebuild(
    path: Path, network_name: str | None = None
) -> tuple[Network, list[Term], Array, Array]:
    """Return the network and objective of the file, and black and white in the network's units.

    `network_name` is as `find_module` takes it, for a network of one's own, whose code is run.
    """
    properties = _properties(path)
    network = new_network(_architecture(properties, path, network_name))
    initializers = ir.load(path).graph.initializers
    weights = {
        name: torch.from_numpy(_numbers(initializers[initializer_name(name)]))
        for name in network.state_dict()
        if initializer_name(name) in initializers
    }
    for parameter in network.parameters():  # the file stops at its layer; what it lacks must show
        parameter.data.fill_(math.nan)
    tensors = network.state_dict()
    tensors.update(weights)  # in place: it has versions, which MNASNet wants
    network.load_state_dict(tensors)
    network.requires_grad_(False)
    terms, guides = _terms(properties)
    try:
        for term in (*terms, *guides):
            parse_term(str(term), network.architecture)
    except DreamError as error:
        raise DreamError(f"{path.name}: {error}") from None
    least = int(properties.get(PREFIX + "least_side", 1))
    size = json.loads(properties.get(PREFIX + "size", "null"))
    size = size or [max(side, least) for side in SIZES[-1]]
    if not objective(network, [*terms, *guides])(torch.zeros(1, 3, *size)).isfinite():
        raise DreamError(f"{path.name}: lacks weights that its layers need; export it again")
    preprocessing = network.architecture.preprocessing
    mean, scale = (
        np.array(values, np.float32).reshape(3, 1, 1)
        for values in (preprocessing.mean, preprocessing.scale)
    )
    return network, terms, (0 - mean) * scale, (255 - mean) * scale
