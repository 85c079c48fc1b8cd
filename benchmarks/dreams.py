"""Whole dreams with the default settings, warm: every octave's size has been run."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from benchmarks.base import Benchmark, Prepared, loaded, photo
from benchmarks.profiles import PROFILE

if TYPE_CHECKING:
    from benchmarks.base import Array

REFERENCE = (158, 182)  # height and width of the notebook's sky
SEED = 7


class Reference(Benchmark):
    """182x158 pixels."""

    params = (PROFILE.backends,)
    param_names = ("backend",)
    repeat = PROFILE.fresh
    dream: Any = None

    def setup(self, prepared: Prepared, backend: str) -> None:
        self.require_backend(prepared, backend)
        self.photo = warm_photo(prepared.model(backend), backend, *REFERENCE)

    def time_dream(self, prepared: Prepared, backend: str) -> None:
        self.dream = dream(prepared.model(backend), backend, self.photo)

    def teardown(self, prepared: Prepared, backend: str) -> None:
        if self.dream:
            check_dream(self.photo, self.dream)


class Square(Benchmark):
    params = (PROFILE.backends, PROFILE.dreams)
    param_names = ("backend", "pixels")
    repeat = PROFILE.fresh
    dream: Any = None
    rounds = max(1, PROFILE.rounds // 2)
    timeout = 3600.0

    def setup(self, prepared: Prepared, backend: str, pixels: int) -> None:
        self.require_backend(prepared, backend, pixels)
        self.require_size(prepared, backend, pixels)
        self.photo = warm_photo(prepared.model(backend), backend, pixels, pixels)

    def time_dream(self, prepared: Prepared, backend: str, pixels: int) -> None:
        self.dream = dream(prepared.model(backend), backend, self.photo)

    def teardown(self, prepared: Prepared, backend: str, pixels: int) -> None:
        if self.dream:
            check_dream(self.photo, self.dream)


def dream(path: str, backend: str, rgb: Array, iterations: int = 10) -> Any:
    import ort_deepdream

    settings = ort_deepdream.Settings(seed=SEED, iterations=iterations)
    return ort_deepdream.dream(loaded(path, backend), rgb, settings)


@functools.cache
def warm_photo(path: str, backend: str, height: int, width: int) -> Array:
    """A picture of which one iteration in each octave has been dreamt."""
    rgb = photo(height, width)
    dream(path, backend, rgb, iterations=1)
    return rgb


def check_dream(rgb: Array, dreamt: Any) -> None:
    """A dream of the right shape, in range, that differs from its photograph."""
    import numpy as np

    assert dreamt.rgb.shape == rgb.shape, f"dream {dreamt.rgb.shape} of a photo {rgb.shape}"
    assert np.isfinite(dreamt.rgb).all(), "the dream is not finite"
    assert np.abs(dreamt.rgb - rgb).mean() > 1, "the dream is the photograph"
    assert len(dreamt.sizes) == 4, f"octaves of the sizes {dreamt.sizes}"
    assert dreamt.idle_steps == 0, f"{dreamt.idle_steps} steps changed nothing"
