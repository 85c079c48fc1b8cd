"""The dream loop against loops written again here, from the notebook."""

from __future__ import annotations

import dataclasses
import math
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from gradient_files import MATRIX, MEAN, write_gradient_file
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from ort_deepdream import DreamError, Model, Progress, Settings, dream, load_model
from ort_deepdream.engine.ascent import Ascent

Array = NDArray[np.float32]
QUICK = Settings(iterations=3, octaves=3, jitter=5, seed=1)


def picture(height: int = 29, width: int = 37) -> Array:
    random = np.random.default_rng([height, width])
    return random.integers(0, 256, (height, width, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    return load_model(write_gradient_file(path), "cpu", threads=1)


def make_model(folder: Path, **options: object) -> Model:
    return load_model(write_gradient_file(folder / "tiny.onnx", **options), "cpu", threads=1)


def zoom(image: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    factors = (1, 1, height / image.shape[2], width / image.shape[3])
    return ndimage.zoom(image, factors, order=1, mode="nearest")


def notebook(rgb: Array, settings: Settings, minimum: int = 4) -> NDArray[np.float64]:
    """The reference in float64 with the analytic gradient; octaves below `minimum` left out.

    `mode="nearest"`: see test_octaves on scipy's own rounding error at the last row.
    """
    mean = np.array(MEAN).reshape(3, 1, 1)
    random = np.random.default_rng(settings.seed)
    octaves = [rgb.astype(np.float64).transpose(2, 0, 1)[::-1][None] - mean]
    for _ in range(settings.octaves - 1):
        factors = (1, 1, *[1 / settings.octave_scale] * 2)
        octaves.append(ndimage.zoom(octaves[-1], factors, order=1, mode="nearest"))
    octaves = [octave for octave in octaves if min(octave.shape[2:]) >= minimum]
    detail = np.zeros_like(octaves[-1])
    for base in reversed(octaves):
        detail = zoom(detail, *base.shape[2:])
        image = base + detail
        for _ in range(settings.iterations):
            ox, oy = random.integers(-settings.jitter, settings.jitter + 1, 2)
            image = np.roll(np.roll(image, ox, -1), oy, -2)
            gradient = np.einsum("kc,kd,ndhw->nchw", MATRIX, MATRIX, image)
            image += settings.step / np.abs(gradient).mean() * gradient
            image = np.roll(np.roll(image, -ox, -1), -oy, -2)
            image = np.clip(image, -mean, 255 - mean)
        detail = image - base
    return (image[0] + mean)[::-1].transpose(1, 2, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"jitter": 0},
        {"jitter": 1000},  # more than the picture is wide
        {"step": 40.0},  # most of it is clipped
        {"step": -1.5},
        {"step": 0.0},
        {"octaves": 1},
        {"octave_scale": 1.05},
        {"octave_scale": 3.3},
        {"octaves": 40},  # most are too small
        {"iterations": 1, "seed": 2**70},
    ],
    ids=str,
)
def test_the_loop_is_the_notebooks(model, changes):
    settings = dataclasses.replace(QUICK, **changes)
    rgb = picture()
    result = dream(model, rgb, settings)
    np.testing.assert_allclose(result.rgb, notebook(rgb, settings), rtol=0, atol=0.02)
    assert result.idle_steps == 0
    assert not result.stopped


@given(st.integers(4, 40), st.integers(4, 40), st.integers(1, 4), st.integers(0, 9))
def test_the_loop_is_the_notebooks_at_any_size(model, height, width, octaves, jitter):
    settings = Settings(iterations=2, octaves=octaves, jitter=jitter, seed=height)
    rgb = picture(height, width)
    result = dream(model, rgb, settings)
    np.testing.assert_allclose(result.rgb, notebook(rgb, settings), rtol=0, atol=0.02)


def test_the_step_is_in_levels_of_the_picture(tmp_path):
    """Whatever the network's units are, the mean change of one step is `step` levels."""
    scaled = '{"order": [0, 1, 2], "mean": [127.5, 127.5, 127.5], "scale": [0.01, 0.01, 0.01]}'
    model = make_model(tmp_path, preprocessing=scaled)
    rgb = 60 + picture() / 2  # so that nothing is clipped
    result = dream(model, rgb, Settings(iterations=1, octaves=1, step=2.0, seed=0))
    assert np.abs(result.rgb - rgb).mean() == pytest.approx(2.0, rel=1e-4)


def test_the_result_is_within_0_and_255(model):
    result = dream(model, picture(), dataclasses.replace(QUICK, step=255.0), keep_octaves=True)
    for rgb in (result.rgb, *result.octaves):
        assert rgb.min() >= -1e-3
        assert rgb.max() <= 255 + 1e-3
    assert result.rgb.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.int32])
def test_a_picture_of_another_type_is_dreamt_alike(model, dtype):
    expected = dream(model, picture(), QUICK).rgb
    found = dream(model, picture().astype(dtype), QUICK).rgb
    assert found.dtype == np.float32
    assert (found == expected).all()


def test_the_picture_is_not_changed(model):
    rgb = picture()
    rgb.setflags(write=False)
    dream(model, rgb, QUICK)
    assert (rgb == picture()).all()


# --- Gradients that lead nowhere --------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.0, math.nan, math.inf, 3e38, 1e-37])
def test_a_useless_gradient_changes_nothing_and_is_counted(tmp_path, factor):
    model = make_model(tmp_path, factor=factor)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = dream(model, picture(), QUICK)
    assert result.idle_steps == 9
    np.testing.assert_allclose(result.rgb, picture(), atol=1e-3)


def test_a_gradient_that_is_useless_now_and_then_is_counted_so(model, monkeypatch):
    real, calls = Ascent.step, 0

    def step(self: Ascent, length: float, *place: float) -> tuple[float, float]:
        nonlocal calls
        calls += 1
        objective, mean = real(self, length, *place)
        return objective, mean * (calls % 2)

    monkeypatch.setattr(Ascent, "step", step)
    assert dream(model, picture(), QUICK).idle_steps == 4
    assert calls == 9


@pytest.mark.parametrize("factor", [1e-20, 1e20])
def test_the_gradients_size_does_not_matter(model, tmp_path, factor):
    other = make_model(tmp_path, factor=factor)
    expected = dream(model, picture(), QUICK).rgb
    np.testing.assert_allclose(dream(other, picture(), QUICK).rgb, expected, atol=0.02)


# --- Seeds ------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes(model):
    one, other = (dream(model, picture(), QUICK, keep_octaves=True) for _ in range(2))
    assert one.rgb.tobytes() == other.rgb.tobytes()
    assert one.objectives == other.objectives
    assert [o.tobytes() for o in one.octaves] == [o.tobytes() for o in other.octaves]


def test_another_seed_shifts_otherwise(model, monkeypatch):
    """The tiny file's gradient moves with the picture; only clipping and rounding see jitter."""
    seen: list[tuple[float, ...]] = []
    real = Ascent.step

    def step(self: Ascent, length: float, *place: float) -> tuple[float, float]:
        seen.append(place[:2])
        return real(self, length, *place)

    monkeypatch.setattr(Ascent, "step", step)
    for seed in (1, 2):
        dream(model, picture(), dataclasses.replace(QUICK, seed=seed))
    assert len(set(seen[:9])) > 3
    assert seen[:9] != seen[9:]


def test_without_a_seed_one_is_drawn(model):
    assert Settings().seed != Settings().seed
    result = dream(model, picture())
    assert dream(model, picture(), result.settings).rgb.tobytes() == result.rgb.tobytes()


# --- Progress, stopping, octaves --------------------------------------------------------------


def test_progress(model):
    heard: list[Progress] = []
    result = dream(model, picture(), QUICK, on_step=heard.append)
    assert [(p.octave, p.iteration) for p in heard] == [
        (o, i) for o in (1, 2, 3) for i in (1, 2, 3)
    ]
    assert {(p.octaves, p.iterations) for p in heard} == {(3, 3)}
    pixels = np.cumsum([p.height * p.width for p in heard])
    assert [p.fraction for p in heard] == pytest.approx((pixels / pixels[-1]).tolist())
    assert heard[-1].fraction == 1
    assert [(p.height, p.width) for p in heard[::3]] == list(result.sizes)
    assert [p.objective for p in heard] == [v for octave in result.objectives for v in octave]
    assert result.sizes[-1] == (29, 37)


def test_the_objective_is_that_before_the_step(model):
    rgb = picture()
    result = dream(model, rgb, Settings(iterations=2, octaves=1, jitter=0, seed=0))
    image = rgb.astype(np.float64).transpose(2, 0, 1)[::-1] - np.array(MEAN).reshape(3, 1, 1)
    expected = 0.5 * (np.einsum("kc,chw->khw", MATRIX, image) ** 2).sum()
    assert result.objectives[0][0] == pytest.approx(expected, rel=1e-5)
    assert result.objectives[0][1] > result.objectives[0][0]


@pytest.mark.parametrize("steps", range(1, 10))
def test_stopping_after_each_step(model, steps):
    heard: list[Progress] = []

    def stop(progress: Progress) -> bool:
        heard.append(progress)
        return len(heard) < steps

    result = dream(model, picture(), QUICK, on_step=stop)
    assert len(heard) == steps
    assert result.stopped
    assert sum(map(len, result.objectives)) == steps
    assert result.rgb.shape == (29, 37, 3)
    assert result.rgb.min() >= -1e-3
    assert result.rgb.max() <= 255 + 1e-3
    assert np.abs(result.rgb - picture()).mean() > 0.3  # what was dreamt so far is there
    if steps == 9:
        np.testing.assert_allclose(result.rgb, dream(model, picture(), QUICK).rgb, atol=1e-3)


def test_only_false_stops(model):
    assert not dream(model, picture(), QUICK, on_step=lambda p: None).stopped
    assert not dream(model, picture(), QUICK, on_step=lambda p: True).stopped


def test_octaves_are_kept_when_asked_for(model):
    result = dream(model, picture(), QUICK, keep_octaves=True)
    assert [octave.shape[:2] for octave in result.octaves] == list(result.sizes)
    assert (result.octaves[-1] == result.rgb).all()
    assert dream(model, picture(), QUICK).octaves == ()


def test_a_stopped_dream_keeps_the_octave_it_is_in(model):
    result = dream(model, picture(), QUICK, lambda p: p.octave < 2, keep_octaves=True)
    assert [octave.shape[:2] for octave in result.octaves] == list(result.sizes[:2])


def test_octaves_below_the_stride_are_left_out(tmp_path):
    model = make_model(tmp_path, stride="20")
    result = dream(model, picture(), dataclasses.replace(QUICK, octaves=4))
    assert result.sizes == ((21, 26), (29, 37))
    assert len(result.objectives) == 2


def test_a_picture_below_the_stride_is_refused(tmp_path):
    model = make_model(tmp_path, stride="32")
    with pytest.raises(DreamError, match="37x29 pixels, too small for tiny: both sides must be 32"):
        dream(model, picture(), QUICK)
    assert dream(model, picture(32, 32), QUICK).sizes == ((32, 32),)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iterations", 0),
        ("octaves", 0),
        ("octaves", 1001),
        ("octave_scale", 1.0),
        ("octave_scale", math.nan),
        ("octave_scale", math.inf),
        ("step", math.nan),
        ("step", 256),
        ("step", -math.inf),
        ("jitter", -1),
        ("jitter", 100_001),
        ("seed", -1),
    ],
)
def test_settings_out_of_range(name, value):
    with pytest.raises(DreamError, match=f"^{name.replace('_', '-')} must be .*, not {value}$"):
        Settings(**{name: value})


def test_defaults_are_the_notebooks():
    settings = dataclasses.asdict(Settings())
    settings.pop("seed")
    assert {name: value for name, value in settings.items() if value} == {  # the others are off
        "iterations": 10,
        "octaves": 4,
        "octave_scale": 1.4,
        "step": 1.5,
        "jitter": 32,
    }


# --- The notebook, with the real network ------------------------------------------------------


@pytest.mark.slow
def test_dream_is_the_notebooks_with_pytorch(tmp_path, capsys):
    """Seeded bvlc weights, PyTorch's autograd and its own LRN, scipy's zoom."""
    import torch
    import torch.nn.functional as F

    from ort_deepdream.export.model_file import export_gradient, save
    from ort_deepdream.export.weights import load_weights

    weights = load_weights("seeded:0")
    layer = "inception_4c/output"
    path = tmp_path / "4c.onnx"
    save(export_gradient(weights, [layer]), path)
    settings = Settings(iterations=3, octaves=3, jitter=0, seed=0)
    down, across = np.mgrid[:158, :182]
    waves = [127 + 90 * np.sin(down / a + across / b) for a, b in ((9, 30), (40, 7), (15, 16))]
    rgb = np.stack(waves, 2).astype(np.float32) + picture(158, 182) / 8
    rgb = rgb.clip(0, 255)
    found = dream(load_model(path, "cpu"), rgb, settings)

    # In float64: where rounding decides a tie, the paths part, and PyTorch's float32 has its own.
    double = {name: tensor.double() for name, tensor in weights.tensors.items()}

    def convolve(name: str, x: torch.Tensor, **options: int) -> torch.Tensor:
        x = F.conv2d(x, double[f"{name}.weight"], double[f"{name}.bias"], **options)
        return F.relu(x)

    def normalise(x: torch.Tensor) -> torch.Tensor:
        return F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0)

    def shrink(x: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(x, 3, stride=2, ceil_mode=True)

    def inception(name: str, x: torch.Tensor) -> torch.Tensor:
        three = convolve(f"{name}/3x3_reduce", x)
        five = convolve(f"{name}/5x5_reduce", x)
        pooled = F.max_pool2d(x, 3, stride=1, padding=1)
        branches = [
            convolve(f"{name}/1x1", x),
            convolve(f"{name}/3x3", three, padding=1),
            convolve(f"{name}/5x5", five, padding=2),
            convolve(f"{name}/pool_proj", pooled),
        ]
        return torch.cat(branches, 1)

    def gradient(image: NDArray[np.float64]) -> NDArray[np.float64]:
        start = torch.from_numpy(image).requires_grad_(True)
        x = normalise(shrink(convolve("conv1/7x7_s2", start, stride=2, padding=3)))
        x = convolve("conv2/3x3", convolve("conv2/3x3_reduce", x), padding=1)
        x = inception("inception_3b", inception("inception_3a", shrink(normalise(x))))
        x = shrink(x)
        for block in ("4a", "4b", "4c"):
            x = inception(f"inception_{block}", x)
        (x**2).sum().div(2).backward()
        assert start.grad is not None
        return start.grad.numpy()

    mean = np.array([104.0, 116.0, 122.0]).reshape(3, 1, 1)
    octaves = [rgb.astype(np.float64).transpose(2, 0, 1)[::-1][None] - mean]
    for _ in range(settings.octaves - 1):
        octaves.append(ndimage.zoom(octaves[-1], (1, 1, 1 / 1.4, 1 / 1.4), order=1))
    detail = np.zeros_like(octaves[-1])
    for base in reversed(octaves):
        detail = zoom(detail, *base.shape[2:])
        image = base + detail
        for _ in range(settings.iterations):
            g = gradient(image)
            image = np.clip(image + 1.5 / np.abs(g).mean() * g, -mean, 255 - mean)
        detail = image - base
    expected = (image[0] + mean)[::-1].transpose(1, 2, 0)

    assert found.sizes == tuple(octave.shape[2:] for octave in reversed(octaves))
    difference = np.abs(found.rgb - expected).mean()
    with capsys.disabled():
        print(f"\nmean difference from the notebook: {difference:.4f} of 255")
    assert np.abs(expected - rgb).mean() > 2  # it did dream
    assert difference < 0.5


# ---------------------------------------------------------------- what Python users meet


def test_a_dream_and_a_model_are_shown_in_few_words(model: Model) -> None:
    found = dream(model, picture(), QUICK)
    assert repr(found) == "<Dream 37x29, 9 steps, seed 1>"
    stopped = dream(model, picture(), QUICK, on_step=lambda at: False)
    assert repr(stopped) == "<Dream 37x29, 1 steps, seed 1, stopped>"
    assert repr(model) == f"<Model {model.info.layers[0]} on cpu>"


def test_a_dreams_image_is_what_would_be_written(model: Model) -> None:
    found = dream(model, picture(), QUICK)
    shown = np.asarray(found.image)
    assert shown.dtype == np.uint8
    assert (shown == np.rint(found.rgb)).all()


@pytest.mark.parametrize(
    ("wrong", "called"),
    [
        ("photo.jpg", "'photo.jpg'"),
        (Path("photo.jpg"), "photo.jpg"),
        (None, "a NoneType"),
        ([[1.0], [1.0, 2.0]], "a list"),
        (np.zeros((29, 37)), r"float64 \[29, 37\]"),
        (np.zeros((29, 37, 4)), r"float64 \[29, 37, 4\]"),
        (np.zeros((0, 37, 3)), r"float64 \[0, 37, 3\]"),
        (np.zeros((29, 37, 3), bool), r"bool \[29, 37, 3\]"),
    ],
)
def test_what_is_no_picture_is_told_in_one_line(wrong: object, called: str, model: Model) -> None:
    with pytest.raises(
        DreamError, match=rf"array of numbers \[H, W, 3\].*not .*{called}"
    ) as caught:
        dream(model, wrong, QUICK)  # type: ignore[arg-type]
    assert "read_picture(path).rgb" in str(caught.value)


def test_what_numpy_takes_for_a_picture_is_one(model: Model) -> None:
    rgb = picture()
    expected = dream(model, rgb, QUICK).rgb
    for other in (rgb.astype(np.uint8), rgb.tolist(), Image.fromarray(rgb.astype(np.uint8))):
        assert (dream(model, other, QUICK).rgb == expected).all()  # type: ignore[arg-type]


@pytest.mark.parametrize("jitter", [0, 1, 32, 1000, 100_000])
def test_shifts_drawn_one_by_one_are_those_drawn_at_once(jitter):
    """As they once were, so that a seed of then still makes the same picture."""
    one_by_one, at_once = np.random.default_rng(7), np.random.default_rng(7)
    for count in (1, 2, 3, 10, 33):  # octave after octave of one dream
        drawn = [one_by_one.integers(-jitter, jitter + 1, 2) for _ in range(count)]
        assert np.array_equal(drawn, at_once.integers(-jitter, jitter + 1, (count, 2)))


def test_a_dream_without_end_can_be_stopped(model):
    """Nothing is made ahead for all of its steps."""
    rgb = np.full((16, 16, 3), 100, np.float32)
    settings = Settings(iterations=10**400, octaves=1, seed=1)
    result = dream(model, rgb, settings, on_step=lambda at: at.iteration < 3)
    assert result.stopped
    assert len(result.objectives[0]) == 3


def test_each_octave_may_have_iterations_of_its_own(model):
    seen: list[tuple[int, int, float]] = []
    settings = dataclasses.replace(QUICK, octaves=3, octave_iterations=(1, 4))
    result = dream(
        model, picture(), settings, lambda at: seen.append((at.octave, at.iterations, at.fraction))
    )
    assert [len(values) for values in result.objectives] == [1, 1, 4]
    assert [at[:2] for at in seen] == [(1, 1), (2, 1), *[(3, 4)] * 4]
    fractions = [at[2] for at in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_the_last_octave_has_memory_to_itself(model):
    """Held beside the photograph: it in the network's units, the two of a step, no smaller size."""
    rgb, settings, held = picture(600, 600), dataclasses.replace(QUICK, octaves=4), []
    dream(model, rgb, settings)  # what the first one alone allocates

    def hold(at: Progress) -> None:
        if at.octave == at.octaves:
            held.append(tracemalloc.get_traced_memory()[0] / rgb.nbytes)

    tracemalloc.start()
    try:
        dream(model, rgb, settings, on_step=hold)
    finally:
        tracemalloc.stop()
    assert 3 <= max(held) < 3.1
