"""Whether what is timed is right: a fast wrong gradient is a failure, not a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.base import (
    LAYER,
    WEIGHTS,
    Benchmark,
    Prepared,
    check_gradient,
    loaded,
    network_image,
    photo,
    provider_of,
)
from benchmarks.dreams import REFERENCE, SEED, check_dream
from benchmarks.profiles import PROFILE

if TYPE_CHECKING:
    from benchmarks.base import Array

SIZES = tuple(side for side in PROFILE.sizes if side <= 128)  # float64 takes its time
# Of the 2-norm, as in measure/agreement.py, which old commits lack. Where two activations are equal
# but for rounding, each library takes its own for the maximum, and one such flip is 1e-3; TF32
# alone is 2e-3.
MOST_ERROR = 0.02
MOST_LEVELS = 0.5  # of 255: the mean difference of two dreams of one iteration in each octave


class GradientError(Benchmark):
    """|ours - float64| / |float64|, PyTorch's autograd in float64 being the judge."""

    params = (PROFILE.backends, SIZES)
    param_names = ("backend", "pixels")
    unit = "of the gradient's 2-norm"

    def setup(self, prepared: Prepared, backend: str, pixels: int) -> None:
        self.require_backend(prepared, backend, pixels)

    def track_error(self, prepared: Prepared, backend: str, pixels: int) -> float:
        model = loaded(prepared.model(backend), backend)
        image = network_image(model, pixels, pixels)
        objective, gradient = model.gradient(image)
        check_gradient(image, objective, gradient)
        error = relative_error(gradient, float64_gradient(image))
        assert error <= MOST_ERROR, f"the gradient is off by {error:.2g}; {MOST_ERROR} is allowed"
        return error


class PictureDifference(Benchmark):
    """Mean difference from the CPU's dream; the CPU's own is from that of its portable graph."""

    params = (PROFILE.backends,)
    param_names = ("backend",)
    unit = "levels of 255"

    def setup(self, prepared: Prepared, backend: str) -> None:
        self.require_backend(prepared, backend)

    def track_difference(self, prepared: Prepared, backend: str) -> float:
        import numpy as np

        ours = short_dream(prepared.model(backend), backend)
        target = "portable" if backend == "cpu" else prepared.targets["cpu"]
        reference = short_dream(prepared.models[target], "cpu")
        levels = float(np.abs(ours - reference).mean())
        assert levels <= MOST_LEVELS, f"{levels:.2g} levels apart; {MOST_LEVELS} are allowed"
        return levels


class Placement(Benchmark):
    """Nodes that ran on another provider than the one asked for, such as the CPU."""

    params = (PROFILE.backends,)
    param_names = ("backend",)
    unit = "nodes"

    def setup(self, prepared: Prepared, backend: str) -> None:
        self.require_backend(prepared, backend)

    def track_strays(self, prepared: Prepared, backend: str) -> int:
        placed = prepared.placement[backend]
        return sum(placed.values()) - placed[provider_of(backend)]


def relative_error(found: Array, truth: Any) -> float:
    import numpy as np

    return float(np.linalg.norm(found.astype(np.float64) - truth) / np.linalg.norm(truth))


def float64_gradient(image: Array) -> Any:
    """Of the same objective of the same weights, by PyTorch's autograd."""
    import torch

    from ort_deepdream.export.objective import objective, parse_term
    from ort_deepdream.export.weights import build_network, load_weights

    weights = load_weights(WEIGHTS)
    network = build_network(weights).double()
    leaf = torch.from_numpy(image).double().requires_grad_(True)
    value = objective(network, [parse_term(LAYER, weights.architecture)])(leaf)
    (gradient,) = torch.autograd.grad(value, leaf)
    return gradient.numpy()


def short_dream(path: str, backend: str) -> Array:
    """One iteration in each octave: with more, dreams amplify what differs by rounding."""
    import ort_deepdream

    rgb = photo(*REFERENCE)
    settings = ort_deepdream.Settings(seed=SEED, iterations=1)
    dreamt = ort_deepdream.dream(loaded(path, backend), rgb, settings)
    check_dream(rgb, dreamt)
    return dreamt.rgb
