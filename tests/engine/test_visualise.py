"""Pictures drawn from noise: each map and its adjoint, the whole chain by autograd, the loop."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from gradient_files import MATRIX, MEAN, write_gradient_file

from ort_deepdream import DreamError, Model, load_layer, load_model
from ort_deepdream.engine.visualise.adam import Adam
from ort_deepdream.engine.visualise.drawing import (
    Visualisation,
    gradient_of_units,
    middle_unit,
    visualise,
)
from ort_deepdream.engine.visualise.settings import VisualiseSettings
from ort_deepdream.engine.visualise.spectrum import MIX, SpectralPicture
from ort_deepdream.engine.visualise.views import GREY, Placement, View, random_placement
from ort_deepdream.weights.architectures import ARCHITECTURES
from ort_deepdream.weights.receptive_field import reach

QUICK = VisualiseSettings(size=24, steps=12, seed=3)
SIZES = [(8, 8), (7, 9), (6, 11), (9, 4)]
PLACEMENTS = [Placement(1.1, -9, 3.3, -7.2), Placement(0.9, 10, -4.5, 2.0), Placement(1, 0, 0, 0)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    return load_model(write_gradient_file(path), "cpu", threads=1)


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_spectrums_adjoint(size):
    """<A x, y> = <x, A' y>, real and imaginary parts being numbers of their own."""
    picture = SpectralPicture(*size)
    spectrum = picture.noise(np.random.default_rng(0)).astype(np.complex128)
    colours = random(3, *size).astype(np.float64)
    there = np.vdot(picture.colours(spectrum).astype(np.float64), colours)
    back = picture.spectrum_of(colours)
    assert there == pytest.approx(np.vdot(spectrum, back).real, rel=1e-5)


@pytest.mark.parametrize("at", PLACEMENTS, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_views_adjoint(size, at):
    view = View(size, (10, 13), at)
    picture, gradient = random(*size, 3), random(10, 13, 3)
    shown = view.show(picture + np.float32(GREY)) - GREY  # its linear part
    assert np.vdot(shown, gradient) == pytest.approx(
        np.vdot(picture, view.back(gradient)), rel=1e-3, abs=1e-3
    )


def seen_by_torch(rgb: torch.Tensor, view: tuple[int, int], at: Placement) -> torch.Tensor:
    """The view of [H, W, 3], by grid_sample: from -1 to 1 between the corners' centres."""
    height, width = rgb.shape[:2]
    angle = math.radians(at.degrees)
    y, x = torch.meshgrid(
        *(torch.arange(side, dtype=torch.float64) - (side - 1) / 2 for side in view), indexing="ij"
    )
    # Enlarged by `scale`, a picture is read more closely; turned, along turned axes.
    u = (math.cos(angle) * x - math.sin(angle) * y) / at.scale + at.across
    v = (math.sin(angle) * x + math.cos(angle) * y) / at.scale + at.down
    grid = torch.stack([u / ((width - 1) / 2), v / ((height - 1) / 2)], -1)[None]
    inner = (rgb - GREY).permute(2, 0, 1)[None]
    shown = torch.nn.functional.grid_sample(inner, grid, align_corners=True)
    return shown[0].permute(1, 2, 0) + GREY


@pytest.mark.parametrize("at", PLACEMENTS, ids=str)
def test_a_view_is_pytorchs(at):
    rgb = np.random.default_rng(1).uniform(0, 255, (12, 15, 3)).astype(np.float32)
    expected = seen_by_torch(torch.from_numpy(rgb).double(), (16, 14), at)
    np.testing.assert_allclose(View((12, 15), (16, 14), at).show(rgb), expected, atol=1e-3)


@pytest.mark.parametrize("size", [(12, 15), (14, 12)], ids=str)
def test_the_whole_chain_is_autograds(model, size):
    """From the spectrum to the objective of a network in BGR, in float64."""
    at, view = PLACEMENTS[0], (17, 18)
    picture = SpectralPicture(*size)
    spectrum = picture.noise(np.random.default_rng(0)) * np.float32(20)
    rgb = picture.rgb(spectrum)
    shown = View(size, view, at)
    objective, gradient = model.gradient(model.preprocess(shown.show(rgb)))
    by_rgb = np.moveaxis(gradient[0, ::-1], 0, -1)
    found = picture.spectrum_of(picture.unmixed(rgb, shown.back(by_rgb)))

    given = torch.from_numpy(spectrum.astype(np.complex128)).requires_grad_()
    down = torch.fft.fftfreq(size[0], dtype=torch.float64)[:, None]
    across = torch.fft.rfftfreq(size[1], dtype=torch.float64)
    frequency = torch.clamp(torch.sqrt(down**2 + across**2), min=1 / max(size))
    scaled = given / frequency * math.sqrt(size[0] * size[1])
    colours = torch.fft.irfft2(scaled, s=size) / 4
    mixed = torch.sigmoid(torch.einsum("rc,chw->hwr", torch.from_numpy(MIX).double(), colours))
    bgr = seen_by_torch(255 * mixed, view, at).flip(-1) - torch.tensor(MEAN, dtype=torch.float64)
    expected = 0.5 * (bgr @ torch.from_numpy(MATRIX).double().T).square().sum()
    expected.backward()
    assert objective == pytest.approx(expected.item(), rel=1e-5)
    np.testing.assert_allclose(rgb, 255 * mixed.detach().numpy(), atol=1e-3)
    # Of a coefficient that is its own mirror image the imaginary part does nothing.
    scale = float(given.grad.abs().max())
    np.testing.assert_allclose(found / scale, given.grad.numpy() / scale, atol=1e-5)


def test_adam_is_pytorchs():
    adam, value = Adam(0.05), random(2, 4, 5)
    complex_value = (value[0] + 1j * value[1]).astype(np.complex64)
    given = torch.from_numpy(value.copy()).requires_grad_()
    optimiser = torch.optim.Adam([given], lr=0.05, maximize=True)
    for step in range(4):
        gradient = random(2, 4, 5 + step)[..., :5]
        given.grad = torch.from_numpy(gradient.copy())
        optimiser.step()
        complex_value = complex_value + adam.change(gradient[0] + 1j * gradient[1])
    expected = given.detach().numpy()
    np.testing.assert_allclose(complex_value, expected[0] + 1j * expected[1], atol=1e-5)


def test_views_are_within_their_limits_and_shrink_with_the_strength():
    drawn = np.random.default_rng(0)
    placements = [dataclasses.astuple(random_placement(drawn, 1.0)) for _ in range(500)]
    assert np.min(placements, axis=0) == pytest.approx([1 / 1.1, -10, -8, -8], rel=0.05)
    assert np.max(placements, axis=0) == pytest.approx([1.1, 10, 8, 8], rel=0.05)
    assert random_placement(drawn, 0.0) == Placement(1, 0, 0, 0)


def test_a_drawing_answers_ever_more_and_a_seed_repeats_it(model):
    one, same = visualise(model, QUICK), visualise(model, QUICK)
    assert (one.rgb == same.rgb).all()
    assert one.rgb.shape == (24, 24, 3)
    assert one.rgb.min() >= 0
    assert one.rgb.max() <= 255
    assert one.objectives[-1] > 2 * one.objectives[0]
    assert (one.idle_steps, one.stopped) == (0, False)
    assert repr(one) == "<Visualisation 24x24, 12 steps, seed 3>"
    other = visualise(model, dataclasses.replace(QUICK, seed=4))
    assert np.abs(one.rgb - other.rgb).mean() > 1


def test_it_stops_when_it_is_told_to(model):
    seen = []

    def two(step: int, objective: float) -> bool:
        seen.append((step, objective))
        return step < 2

    result: Visualisation = visualise(model, QUICK, two)
    assert result.stopped
    assert seen == list(enumerate(result.objectives, 1))
    assert len(seen) == 2


def test_a_channel_that_never_answers_is_noise_that_grows(tmp_path):
    silent = load_model(write_gradient_file(tmp_path / "tiny.onnx", factor=0.0), "cpu")
    result = visualise(silent, QUICK)
    assert result.idle_steps == QUICK.steps
    assert np.isfinite(result.rgb).all()
    short = visualise(silent, dataclasses.replace(QUICK, steps=1))
    assert result.rgb.std() > 3 * short.rgb.std()


def test_it_begins_with_a_colour(model):
    settings = dataclasses.replace(QUICK, steps=1, rate=0.0, colour=(200, 30, 90))
    rgb = visualise(model, settings).rgb
    np.testing.assert_allclose(rgb.mean((0, 1)), (200, 30, 90), atol=4)
    assert rgb.std(axis=(0, 1)).min() > 0.1
    black = visualise(model, dataclasses.replace(settings, colour=(0, 0, 0))).rgb
    assert 0 < black.mean() < 3


@pytest.fixture(scope="module")
def early() -> Model:
    return load_layer("conv2/3x3:7", backend="cpu", threads=1)


def test_a_neuron_is_the_unit_in_the_middle(early):
    """Its gradient is where it sees the picture, and nowhere else."""
    view = (45, 38)
    own = middle_unit(early, view)
    rows, columns = own.shape[2:]
    assert own.sum() == own[0, 0, rows // 2, columns // 2] == 1
    image = 80 * random(1, 3, *view)
    objective, gradient = gradient_of_units(early, image, own)
    whole, _ = early.gradient(image)
    assert 0 < objective < whole
    shape = ARCHITECTURES["bvlc"].layers["conv2/3x3"]
    before, after = reach(shape.windows)
    for axis, unit in ((2, rows // 2), (3, columns // 2)):
        hit = np.flatnonzero(np.abs(gradient).sum((0, 1, 5 - axis)))
        assert hit[0] >= shape.stride * unit - before
        assert hit[-1] <= shape.stride * unit + after


def test_a_neuron_is_drawn_from_noise(early):
    settings = VisualiseSettings(size=40, steps=6, seed=0, neuron=True)
    one, whole = (visualise(early, dataclasses.replace(settings, neuron=n)) for n in (True, False))
    assert one.objectives[-1] > 2 * one.objectives[0]
    assert one.objectives[-1] < whole.objectives[-1]


def test_a_picture_below_the_layers_stride_is_refused():
    deep = load_layer("inception_4c/output", backend="cpu", threads=1)
    with pytest.raises(DreamError, match="8x8 pixels is too small for inception_4c/output: --size"):
        visualise(deep, VisualiseSettings(size=8))


def test_a_neuron_of_an_unknown_layer_is_refused(model):
    with pytest.raises(DreamError, match="not known which unit is in the middle; leave --neuron"):
        visualise(model, dataclasses.replace(QUICK, neuron=True))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 7}, "size must be 8 to 8192, not 7"),
        ({"steps": 0}, "steps must be 1 or more, not 0"),
        ({"rate": math.nan}, "rate must be 0 to 10, not nan"),
        ({"colour": (1, 2)}, "colour must be red, green and blue, not 2 numbers"),
        ({"colour": (1, 2, 256)}, "colour must be 0 to 255, not 256"),
    ],
)
def test_settings_have_limits(wrong, message):
    with pytest.raises(DreamError, match=message):
        VisualiseSettings(**wrong)
