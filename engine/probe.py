"""Whether a backend works, by a step of the smallest gradient file there is; how quick it is."""

from __future__ import annotations

import time

import numpy as np

from ort_deepdream.engine.ascent import make_ascent
from ort_deepdream.engine.backends import Backend
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.sessions.gradient_file import read_gradient_file
from ort_deepdream.engine.shaping import GRAPHS
from ort_deepdream.errors import DreamError
from ort_deepdream.weights.builtin import shipped_file

SIDE = 8  # pixels
CLOSE = 1e-2  # in levels: one step, also in TF32
TIMED_LAYER, TIMED_SIDE, TIMED_STEPS = "conv2/3x3", 128, 8


def probe(backend: Backend) -> None:
    """Take one step on `backend`. Raise DreamError when it fails, or comes out wrong."""
    rgb = np.random.default_rng(0).uniform(50, 200, (SIDE, SIDE, 3)).astype(np.float32)
    model = Model(read_gradient_file(GRAPHS / "probe.onnx"), backend.as_installed())
    image = model.preprocess(rgb)
    ascent = make_ascent(model, SIDE, SIDE)
    ascent.put(image)
    ascent.step(1.5, 3, 5)
    found = ascent.take()
    expected = np.clip(image + 1.5 / np.abs(image).mean() * image, *model.limits())
    error_found = float(np.abs(found - expected).max())
    if not error_found < CLOSE:  # so that NaN fails
        raise DreamError(f"a step comes out wrong there, by {error_found:.1e} levels")


def step_time(backend: Backend) -> float:
    """Return the seconds of the quickest of some steps of TIMED_LAYER, TIMED_SIDE pixels square.

    Raise DreamError when it fails.
    """
    path = shipped_file(TIMED_LAYER, backend.file_target)
    model = Model(read_gradient_file(path), backend.as_installed())
    rgb = np.random.default_rng(0).uniform(0, 255, (TIMED_SIDE, TIMED_SIDE, 3)).astype(np.float32)
    ascent = make_ascent(model, TIMED_SIDE, TIMED_SIDE)
    ascent.put(model.preprocess(rgb))
    times = []
    for _ in range(TIMED_STEPS):
        begun = time.perf_counter()
        ascent.step(1.5)
        times.append(time.perf_counter() - begun)
    return min(times)


def why_unusable(backend: Backend) -> str | None:
    """Return None when a step works on `backend`, else the reason in one line."""
    reason = backend.why_not()
    if reason is not None:
        return reason
    try:
        probe(backend)
    except DreamError as error:
        return str(error)
    return None
