"""A guide on a model: its features, what it may be, and dreams that it leads."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ort_deepdream import DreamError, Model, Settings, dream, load_model
from ort_deepdream.engine import guide as guides
from ort_deepdream.engine.ascent import Ascent, StaticAscent
from ort_deepdream.engine.machine import memory
from ort_deepdream.engine.machine.memory import Room
from ort_deepdream.engine.sessions.gradient_file import GuidedLayer
from ort_deepdream.weights.builtin import WEIGHTS_FILE, shipped_file
from ort_deepdream.weights.googlenet import BVLC
from ort_deepdream.weights.guiding import guided
from ort_deepdream.weights.positions import MOST_POSITIONS
from ort_deepdream.weights.terms import Term

LAYER = "inception_3a/output"  # stride 8
ONE = Settings(octaves=1, iterations=1, seed=1)


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    values = np.random.default_rng(seed).uniform(0, 255, (height, width, 3))
    return values.astype(np.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guide")
    shutil.copy(WEIGHTS_FILE, folder)
    content = shipped_file(LAYER, "cpu").read_bytes()
    made = folder / "guided.onnx"
    made.write_bytes(guided(content, Term(LAYER), BVLC.layers[LAYER]))
    return made


@pytest.fixture(scope="module")
def model(path: Path) -> Model:
    return load_model(path, "cpu", threads=1)


def test_its_features_are_computed_once(model, monkeypatch):
    led = model.with_guide(picture(50, 58))
    features, numbers = led.guide.values()
    assert features.shape == (44, 256)  # 6 x 7 positions, and two more: 4 parts
    assert (features[-2:] == features[-3]).all()
    assert np.array_equal(numbers.ravel(), np.arange(44))
    assert model.guide == {}
    monkeypatch.setattr(Model, "_features", None)
    result = dream(led, picture(48, 40), ONE)
    assert np.abs(result.rgb - picture(48, 40)).mean() > 1


def test_a_dream_takes_a_guide_or_a_model_that_has_one(model):
    rgb, flowers = picture(48, 40), picture(60, 33, seed=1)
    once = dream(model, rgb, ONE, guide=flowers)
    assert np.array_equal(once.rgb, dream(model.with_guide(flowers), rgb, ONE).rgb)
    assert not np.array_equal(once.rgb, dream(model, rgb, ONE, guide=picture(60, 33, 2)).rgb)


@pytest.mark.parametrize("kind", [Ascent, StaticAscent])
def test_both_kinds_of_ascent_are_led(model, kind):
    led = model.with_guide(picture(40, 40))
    image = led.preprocess(picture(48, 40))
    objective, gradient = led.gradient(image)
    ascent = kind(led, 48, 40)
    ascent.put(image)
    found, mean = ascent.step(0.5)
    assert found == pytest.approx(objective, rel=1e-6)
    low, high = led.limits()
    stepped = np.clip(image + np.float32(0.5 / mean) * gradient, low, high)
    np.testing.assert_allclose(ascent.take(), stepped, atol=1e-3)


def test_a_larger_picture_leads_the_same_when_it_only_repeats(model):
    """The nearest features are the first of equal ones, so more of the same changes nothing."""
    led = model.with_guide(picture(40, 40))
    features, _ = led.guide.values()
    twice = model.with_guide(picture(40, 40))
    keys = [*led.guide]
    rows = np.concatenate([features, features])
    order = np.arange(len(rows), dtype=np.float32)[:, np.newaxis]
    twice.guide = dict(zip(keys, (rows, order), strict=True))
    image = led.preprocess(picture(48, 40))
    np.testing.assert_array_equal(led.gradient(image)[1], twice.gradient(image)[1])


def test_tiles_are_led_as_the_whole_picture_is(model):
    rgb, flowers = picture(104, 88), picture(60, 33, seed=1)
    whole, tiled = (dream(model, rgb, ONE, guide=flowers, tile=tile) for tile in ("off", 32))
    assert np.abs(whole.rgb - tiled.rgb).max() < 1e-3
    assert tiled.objectives[0] == pytest.approx(whole.objectives[0], rel=1e-5)


def refusal(call, *given, **named) -> str:
    with pytest.raises(DreamError) as caught:
        call(*given, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_refused(model):
    rgb = picture(48, 40)
    assert "is for dreams with a guide; name a picture with --guide" in refusal(dream, model, rgb)
    assert "is for dreams with a guide" in refusal(model.gradient, model.preprocess(rgb))
    plain = load_model(shipped_file("conv2/3x3", "cpu"), "cpu")
    assert "is for dreams without a guide" in refusal(dream, plain, rgb, guide=rgb)
    small = refusal(model.with_guide, picture(7, 40))
    assert small.startswith("the guide is 40x7 pixels, too small for inception_3a/output: both ")
    wrong = refusal(dream, model, rgb, guide="flowers.jpg")
    assert wrong.startswith("guide must be an array of numbers [H, W, 3]")


@pytest.mark.parametrize("stride", [2, 4, 8, 16, 32])
@pytest.mark.parametrize("size", [(1200, 1600), (1100, 1000), (20, 60_000), (100, 100)])
def test_a_large_guide_is_made_smaller(stride: int, size: tuple[int, int]):
    layers = [GuidedLayer("a", 8, 32, 1), GuidedLayer("b", 8, stride, 1)]
    fitted = guides.fitted(np.broadcast_to(np.float32(77), (*size, 3)), layers)
    height, width = fitted.shape[:2]
    assert height * width <= 2**20
    assert height * width <= MOST_POSITIONS * stride**2
    if size == (100, 100):
        assert (height, width) == size
    elif min(size) > 100:
        assert width / height == pytest.approx(size[1] / size[0], rel=0.02)
    assert abs(fitted - 77).max() < 1e-3


def test_a_guide_that_takes_too_much_memory_is_refused(model, monkeypatch):
    led = model.with_guide(picture(160, 160))
    rgb = picture(64, 64)
    plain = memory.bytes_needed(64, 64, 8)
    more = guides.bytes_per_pixel(led.info.guides, led.guide)
    assert more == 12 * (400 / 4) / 64
    monkeypatch.setattr(memory, "available", lambda: Room(plain + 1000, "free here"))
    assert "MB are" in refusal(dream, led, rgb, ONE) or "GB are" in refusal(dream, led, rgb, ONE)
    dream(model, rgb, ONE, guide=picture(16, 16))
