"""Stages that shape a gradient, on every graph target, against scipy and autograd in float64."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest
import scipy.ndimage
import torch
from gradient_files import MATRIX, write_gradient_file
from numpy.typing import NDArray

from ort_deepdream import BACKENDS, DreamError, Model, Settings, dream, load_layer, load_model
from ort_deepdream.engine.ascent import Ascent, StaticAscent, make_ascent
from ort_deepdream.engine.shaping import PLAIN, Shaping, gaussian, shaping_of, step_fragments
from ort_deepdream.export.ascent import ENDS
from ort_deepdream.step import STAGES

Array = NDArray[np.float64]
SIZES = [(1, 1), (3, 2), (16, 16), (29, 38)]
EACH = [Shaping(laplacian=1), Shaping(smooth=1.7), Shaping(total_variation=0.4)]
SHAPINGS = [
    *EACH,
    Shaping(laplacian=0.5),
    Shaping(smooth=4),
    Shaping(smooth=1.7, total_variation=0.4),
    Shaping(laplacian=0.7, smooth=1.7, total_variation=0.4),
]


@pytest.fixture(scope="module", params=sorted(ENDS))
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A network whose gradient is known, with the steps of a graph target, on the CPU."""
    backend = dataclasses.replace(BACKENDS["cpu"], target=request.param)
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    return load_model(write_gradient_file(path), backend, threads=1)


def picture(height: int, width: int) -> Array:
    random = np.random.default_rng([height, width])
    return random.normal(0, 30, (1, 3, height, width)).astype(np.float32).astype(np.float64)


def gradient_of(image: Array) -> Array:
    matrix = MATRIX.astype(np.float64)
    return np.einsum("kc,kd,ndhw->nchw", matrix, matrix, image)


# --- what scipy and autograd make of it -----------------------------------------------------------


def even(values: Array) -> Array:
    return values / np.abs(values).mean()


KERNEL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256


def convolved(values: Array, kernel: Array) -> Array:
    return scipy.ndimage.convolve(values, kernel[None, None], mode="constant")


def enlarged(small: Array, like: Array) -> Array:
    """Each value between zeros, and smoothed: of four of them one is not zero."""
    spread = np.zeros_like(like)
    spread[..., ::2, ::2] = small
    return convolved(spread, 4 * KERNEL)


def of_one_strength(level: Array, strength: float) -> Array:
    root = np.sqrt(np.square(level).mean())
    return level / max(root, 1e-10) ** strength


def by_a_pyramid(values: Array, strength: float, levels: int = 4) -> Array:
    """lap_normalize of TensorFlow's DeepDream tutorial, where the strength is 1."""
    if not levels:
        return of_one_strength(values, strength)
    low = convolved(values, KERNEL)[..., ::2, ::2]
    high = values - enlarged(low, values)
    return enlarged(by_a_pyramid(low, strength, levels - 1), values) + of_one_strength(
        high, strength
    )


def smoothed(values: Array, sigma: float) -> Array:
    options = {"sigma": sigma, "mode": "constant", "radius": 12, "axes": (2, 3)}
    filtered = scipy.ndimage.gaussian_filter(values, **options)
    return filtered / scipy.ndimage.gaussian_filter(np.ones_like(values), **options)


def flattening(image: Array) -> Array:
    """The gradient of the total variation of a picture in levels, whose neighbours go round."""
    given = torch.tensor(image, requires_grad=True)
    down, across = (torch.roll(given, -1, axis) - given for axis in (2, 3))
    torch.sqrt(down**2 + across**2 + 16).sum().backward()
    return given.grad.numpy()


def shaped(image: Array, shaping: Shaping, done: float) -> Array:
    values = even(gradient_of(image))
    if shaping.laplacian:
        values = even(by_a_pyramid(values, shaping.laplacian))
    if shaping.smooth:
        values = even(smoothed(values, shaping.smooth * (1 - done)))
    return values - shaping.total_variation * flattening(image)


# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Ascent, StaticAscent])
@pytest.mark.parametrize("shaping", SHAPINGS, ids=str)
def test_a_shaped_step_is_scipys(model, shaping, kind):
    for size in SIZES:
        image = picture(*size)
        low, high = model.limits()
        ascent = kind(model, *size, shaping)
        ascent.put(image.astype(np.float32))
        for done in (0.0, 0.75):
            _, mean = ascent.step(1.5, done=done)
            assert mean == pytest.approx(np.abs(gradient_of(image)).mean(), rel=1e-4)
            image = np.clip(image + 1.5 * shaped(image, shaping, done), low, high)
            np.testing.assert_allclose(ascent.take(), image, atol=2e-4)


@pytest.mark.parametrize("stages", [(), *((stage,) for stage in STAGES), tuple(STAGES)])
def test_every_choice_of_stages_makes_a_valid_model(tmp_path, stages):
    content = write_gradient_file(tmp_path / "tiny.onnx").read_bytes()
    for target in ENDS:
        whole = onnx.load_from_string(content + step_fragments(target, stages))
        onnx.checker.check_model(whole, full_check=True)
        outputs = [name for node in whole.graph.node for name in node.output]
        assert len(outputs) == len(set(outputs))


def test_what_is_not_asked_for_costs_nothing(model):
    assert PLAIN.stages == ()
    assert PLAIN.feed(0.5) == {}
    assert make_ascent(model, 9, 11).session is model.session(9, 11).run
    assert shaping_of(Settings()) == PLAIN


@pytest.mark.parametrize("factor", [0.0, np.nan, np.inf])
def test_a_useless_gradient_changes_nothing(tmp_path, factor):
    useless = load_model(write_gradient_file(tmp_path / "tiny.onnx", factor=factor), "cpu")
    image = picture(9, 11).astype(np.float32)
    ascent = make_ascent(useless, 9, 11, Shaping(1, 1, 1))
    ascent.put(image)
    ascent.step(1.5)
    assert (ascent.take() == image).all()


def test_the_smoothing_falls_to_nothing_over_an_octave(monkeypatch, model):
    seen = []
    real = Ascent.step
    monkeypatch.setattr(
        Ascent, "step", lambda self, *given: seen.append(given[3]) or real(self, *given)
    )
    settings = Settings(iterations=4, octaves=2, seed=0, smooth=2.0)
    dream(model, np.full((20, 20, 3), 90, np.float32), settings)
    assert seen == [0.0, 0.25, 0.5, 0.75] * 2
    kernel = gaussian(2.0 * (1 - seen[-1]))
    assert kernel[11] == pytest.approx(np.exp(-2))


def test_flat_noise_becomes_smoother(model):
    """Each by the measure of its own: the picture is all noise."""
    rgb = np.random.default_rng(1).uniform(60, 190, (40, 50, 3)).astype(np.float32)

    def roughness(**changed: float) -> float:
        result = dream(model, rgb, Settings(iterations=5, octaves=1, seed=0, step=4, **changed))
        return float(np.abs(np.diff(result.rgb, axis=0)).mean())

    plain = roughness()
    assert roughness(smooth=3) < 0.98 * plain
    assert roughness(total_variation=1) < 0.8 * plain


def test_a_picture_in_tiles_is_refused():
    conv2 = load_layer("conv2/3x3", backend="cpu", threads=1)
    rgb = np.full((200, 200, 3), 90, np.float32)
    settings = Settings(octaves=1, smooth=1, laplacian=1)
    with pytest.raises(
        DreamError, match=r"^--laplacian and --smooth shape the gradient of a whole"
    ):
        dream(conv2, rgb, settings, tile=64)
