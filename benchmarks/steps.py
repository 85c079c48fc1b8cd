"""One step of gradient ascent in the steady state: the gradient alone, and the fused step."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from benchmarks.base import Benchmark, Prepared, check_gradient, loaded, network_image, photo
from benchmarks.profiles import PROFILE

if TYPE_CHECKING:
    from benchmarks.base import Array

LENGTH = 1.5  # of a step, in levels
SHIFTS = ((3, -5), (-7, 4))  # steps take turns with them, so each has something to roll


class Gradient(Benchmark):
    """From a picture in the host's memory to its gradient there."""

    params = (PROFILE.backends, PROFILE.sizes)
    param_names = ("backend", "pixels")
    result: tuple[float, Array] | None = None

    def setup(self, prepared: Prepared, backend: str, pixels: int) -> None:
        self.require_backend(prepared, backend, pixels)
        self.require_size(prepared, backend, pixels)
        self.model = loaded(prepared.model(backend), backend)
        self.image = warm_image(prepared.model(backend), backend, pixels)

    def time_step(self, prepared: Prepared, backend: str, pixels: int) -> None:
        self.result = self.model.gradient(self.image)

    def teardown(self, prepared: Prepared, backend: str, pixels: int) -> None:
        if self.result:
            check_gradient(self.image, *self.result)


class Fused(Benchmark):
    """A whole step, gradient, ascent, limits and shift, whose picture stays on the device."""

    params = (PROFILE.backends, PROFILE.sizes)
    param_names = ("backend", "pixels")
    result: tuple[float, float] | None = None
    turn = 0

    def setup(self, prepared: Prepared, backend: str, pixels: int) -> None:
        self.require_backend(prepared, backend, pixels)
        try:
            import ort_deepdream.engine.ascent  # noqa: F401
        except ModuleNotFoundError:
            self.skip("this commit has no fused step", backend, pixels)
        self.require_size(prepared, backend, pixels)
        self.ascent = warm_ascent(prepared.model(backend), backend, pixels)

    def time_step(self, prepared: Prepared, backend: str, pixels: int) -> None:
        self.turn = 1 - self.turn
        self.result = self.ascent.step(LENGTH, *SHIFTS[self.turn])

    def teardown(self, prepared: Prepared, backend: str, pixels: int) -> None:
        if self.result:
            check_ascent(*self.result)


@functools.cache
def warm_image(path: str, backend: str, pixels: int) -> Array:
    """A picture at whose size the session has run twice: the first finds memory and algorithms."""
    model = loaded(path, backend)
    image = network_image(model, pixels, pixels)
    for _ in range(2):
        model.gradient(image)
    return image


@functools.cache
def warm_ascent(path: str, backend: str, pixels: int) -> Any:
    """A fused step that has run, and changed its picture."""
    import numpy as np

    from ort_deepdream.engine.ascent import Ascent

    model = loaded(path, backend)
    ascent = Ascent(model, pixels, pixels)
    image = model.preprocess(photo(pixels, pixels))
    ascent.put(image)
    for down, across in SHIFTS:
        ascent.step(LENGTH, down, across)
    changed = ascent.take()
    assert changed.shape == image.shape, f"picture {changed.shape} of an image {image.shape}"
    assert np.isfinite(changed).all(), "the picture is not finite"
    assert np.abs(changed - image).mean() > LENGTH / 2, "two steps did not change the picture"
    return ascent


def check_ascent(objective: float, mean: float) -> None:
    import numpy as np

    assert np.isfinite([objective, mean]).all(), f"objective {objective}, mean {mean}"
    assert objective > 0, f"the objective is {objective}"
    assert mean > 0, "the gradient is zero"
