"""Steps on this backend's device: memory, binding, buffers, sizes, errors. Against numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from ort_deepdream import DreamError, Model, Settings, dream, load_model, why_unusable
from ort_deepdream.engine.ascent import Ascent, make_ascent
from ort_deepdream.engine.shaping import Shaping
from ort_deepdream.step import STAGES

Array = NDArray[np.float32]

# A @ x is the network of tiny.onnx (tests/support/gradient_files.py).
MATRIX = np.array([[1.0, -0.5, 0.25], [0.5, 2.0, -1.0]])


@pytest.fixture(scope="module")
def model(backend, references) -> Model:
    return load_model(references / "tiny.onnx", backend)


def picture(height: int, width: int, scale: float = 60.0) -> Array:
    random = np.random.default_rng([height, width])
    return random.normal(0, scale, (1, 3, height, width)).astype(np.float32)


def gradient_of(image: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.einsum("kc,kd,ndhw->nchw", MATRIX, MATRIX, image.astype(np.float64))


def ascended(model: Model, image: NDArray[np.floating], length: float) -> NDArray[np.float64]:
    gradient = gradient_of(image)
    low, high = model.limits()
    return np.clip(image + length / np.abs(gradient).mean() * gradient, low, high)


def test_a_step_works_here(backend):
    assert why_unusable(backend) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (8, 1), (29, 37)])
def test_steps_are_numpys(model, shape):
    expected = picture(*shape).astype(np.float64)
    ascent = Ascent(model, *shape)
    ascent.put(picture(*shape), 3, -5)
    for shift in ((11, 2), (0, 0), (-40, 4), (5, 5)):
        objective, mean = ascent.step(1.5, *shift)
        gradient = gradient_of(expected)
        assert mean == pytest.approx(np.abs(gradient).mean(), rel=1e-5)
        assert objective == pytest.approx(0.5 * (gradient * expected).sum(), rel=1e-4)
        expected = ascended(model, expected, 1.5)
        np.testing.assert_allclose(ascent.take(), expected, atol=1e-3)


@pytest.mark.parametrize("stage", [*STAGES, "all"])
def test_shaped_steps_are_the_cpus(model, references, stage):
    """Which are scipy's: tests/engine/test_shaping.py."""
    strengths = {"laplacian": 1.0, "smooth": 1.7, "total_variation": 0.4}
    shaping = Shaping(**{name: strengths[name] for name in STAGES if stage in (name, "all")})
    there = load_model(references / "tiny.onnx", "cpu")
    ascents = [make_ascent(m, 29, 38, shaping) for m in (model, there)]
    for ascent in ascents:
        ascent.put(picture(29, 38), 3, -5)
        for done, shift in ((0.0, (11, 2)), (0.5, (0, 0))):
            ascent.step(1.5, *shift, done)
    here, expected = (ascent.take() for ascent in ascents)
    np.testing.assert_allclose(here, expected, atol=1e-3)


def test_the_picture_stays_on_the_device(model, backend):
    """In two buffers that take turns; a device of its own is never called `cpu`."""
    ascent = Ascent(model, 9, 11)
    ascent.put(picture(9, 11))
    seen = []
    for _ in range(6):
        ascent.step(1.0)
        assert (ascent.picture.device_name() == "cpu") == (backend.memory == "cpu")
        seen.append(ascent.picture.data_ptr())
    assert len(set(seen)) == 2
    assert seen[0] == seen[2] == seen[4] != seen[1] == seen[3] == seen[5]


def test_sizes_take_turns(model):
    """Each with its own buffers, whatever lies on the device already."""
    shapes = [(9, 11), (30, 7), (9, 11), (12, 40)]
    ascents = [Ascent(model, *shape) for shape in shapes]
    for ascent, shape in zip(ascents, shapes, strict=True):
        ascent.put(picture(*shape))
    for _ in range(2):
        for ascent in ascents:
            ascent.step(2.0, 3, 1)
    for ascent, shape in zip(ascents, shapes, strict=True):
        expected = ascended(model, ascended(model, picture(*shape), 2.0), 2.0)
        np.testing.assert_allclose(ascent.take(), expected, atol=1e-3)


def test_one_ascent_serves_many_pictures(model):
    ascent = Ascent(model, 9, 11)
    for scale in (1.0, 30.0, 5.0):
        image = picture(9, 11, scale)
        ascent.put(image)
        ascent.step(2.0, 4, 4)
        np.testing.assert_allclose(ascent.take(), ascended(model, image, 2.0), atol=1e-3)


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_a_useless_gradient_changes_nothing(model, value):
    """Of a picture that is black, or has no numbers in it."""
    image = np.full((1, 3, 9, 11), value, np.float32)
    ascent = Ascent(model, 9, 11)
    ascent.put(image, 1, 2)
    ascent.step(1.5, 3, 4)
    found, kept = ascent.take(), np.clip(image, *model.limits())
    if math.isnan(value) and model.backend.name == "openvino":
        # With AVX-512 it writes the limits as a minimum and a maximum, which NaN does not pass.
        white = np.broadcast_to(model.limits()[1], found.shape)
        kept = np.where(np.isnan(found), kept, white)
    np.testing.assert_array_equal(found, kept)


def test_a_picture_of_another_size_is_refused(model, backend):
    ascent = Ascent(model, 9, 11)
    if backend.fixed_sizes:
        ascent.put(picture(9, 12))
        with pytest.raises(Exception, match=r"(?i)dimension|shape|size"):
            ascent.step(1.0)
    ascent.put(picture(9, 11))  # nothing is left of the other
    ascent.step(2.0)
    np.testing.assert_allclose(ascent.take(), ascended(model, picture(9, 11), 2.0), atol=1e-3)


def test_too_little_memory_is_told_with_what_to_do(backend, references):
    reason = "(llocate|narrowing_error)"  # the other is WebGPU's
    with pytest.raises(DreamError, match=rf" 11x9 pixels .*{reason}.*; .*choose a smaller picture"):
        load_model(references / "hungry.onnx", backend).gradient(picture(9, 11))


def test_a_node_without_a_kernel_is_named(backend, references, unplaced):
    path = references / "unplaced.onnx"
    if unplaced:
        with pytest.raises(DreamError, match=r"left nodes.*Max greatest.*--allow-cpu-nodes"):
            load_model(path, backend).gradient(picture(9, 11))
    allowed = load_model(path, backend, allow_cpu_nodes=unplaced)
    _, gradient = allowed.gradient(picture(9, 11))
    np.testing.assert_allclose(gradient, gradient_of(picture(9, 11)), rtol=1e-4, atol=1e-3)


def test_a_dream_is_the_cpus(model, references):
    rgb = np.random.default_rng(0).uniform(0, 255, (40, 50, 3)).astype(np.float32)
    settings = Settings(iterations=3, octaves=3, jitter=8, seed=5)
    here, there = (dream(m, rgb, settings) for m in (model, load_model(model.file.path, "cpu")))
    np.testing.assert_allclose(here.rgb, there.rgb, atol=0.01)
    np.testing.assert_allclose(here.objectives, there.objectives, rtol=1e-4)
    assert here.sizes == there.sizes
    assert here.idle_steps == there.idle_steps == 0
