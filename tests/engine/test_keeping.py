"""What a dream keeps of its photograph: masked parts, colours, contrast."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from gradient_files import write_gradient_file
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ort_deepdream import DreamError, Model, Settings, dream, load_model
from ort_deepdream.engine.image.oklab import recolour

Array = NDArray[np.float32]
ONE = Settings(iterations=3, octaves=1, jitter=5, seed=1)
THREE = dataclasses.replace(ONE, octaves=3)
HEIGHT, WIDTH = 29, 37


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    return load_model(write_gradient_file(path), "cpu", threads=1)


def photo(least: int = 0, most: int = 256) -> Array:
    shape = (HEIGHT, WIDTH, 3)
    return np.random.default_rng(3).integers(least, most, shape).astype(np.float32)


def soft_mask() -> Array:
    """0 on the left, 1 on the right, every grey between."""
    return np.tile(np.clip(np.linspace(-0.5, 1.5, WIDTH), 0, 1), (HEIGHT, 1)).astype(np.float32)


TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
TO_CONES = np.array(
    [
        [0.8189330101, 0.3618667424, -0.1288597137],
        [0.0329845436, 0.9293118715, 0.0361456387],
        [0.0482003018, 0.2643662691, 0.6338517070],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(rgb: Array) -> NDArray[np.float64]:
    """Lightness, a, b [N, 3], by way of XYZ, as Oklab's author defines it."""
    values = rgb.reshape(-1, 3).astype(np.float64) / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return np.cbrt(light @ TO_XYZ.T @ TO_CONES.T) @ TO_LAB.T


def srgb(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """Levels [N, 3] of lightness, a, b: `oklab` the other way."""
    to_light = np.linalg.inv(TO_CONES @ TO_XYZ)
    light = (lab @ np.linalg.inv(TO_LAB).T) ** 3 @ to_light.T
    curved = 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, light * 12.92, curved) * 255


# --- The mask ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [{}, {"keep_colours": True}, {"keep_contrast": True}], ids=str)
def test_where_the_mask_is_0_no_bit_changes(model, kept):
    mask, rgb = soft_mask(), photo()
    result = dream(model, rgb, dataclasses.replace(THREE, **kept), mask=mask)
    assert (result.rgb == rgb)[mask == 0].all()
    assert np.abs(result.rgb - rgb)[mask == 1].mean() > 1


def test_in_one_octave_a_grey_part_changes_as_much_as_it_is_light(model):
    mask, rgb = soft_mask(), photo()
    whole = dream(model, rgb, ONE).rgb
    masked = dream(model, rgb, ONE, mask=mask).rgb
    expected = rgb + mask[..., np.newaxis] * (whole - rgb)
    np.testing.assert_allclose(masked, expected, atol=1e-3)


def test_a_white_mask_is_none(model):
    white = dream(model, photo(), THREE, mask=np.ones((HEIGHT, WIDTH), bool))
    np.testing.assert_allclose(white.rgb, dream(model, photo(), THREE).rgb, atol=1e-3)


def test_what_is_masked_does_not_gather_from_octave_to_octave(model):
    """Half a mask is half of each octave's change: not half of the half of those before."""
    half = np.full((HEIGHT, WIDTH), 0.5, np.float32)
    still = dataclasses.replace(THREE, jitter=0, iterations=1, step=0.01)
    rgb = photo(60, 196)
    changed = [dream(model, rgb, still, mask=mask).rgb - rgb for mask in (half, 2 * half)]
    np.testing.assert_allclose(changed[0], changed[1] / 2, atol=5e-4)
    assert np.abs(changed[1]).mean() > 0.01


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (np.zeros((HEIGHT, WIDTH)), "the mask is 0 everywhere, so nothing would dream"),
        (np.ones((3, 4)), r"mask must be an array of numbers \[29, 37\].*float64 \[3, 4\]"),
        (np.ones((HEIGHT, WIDTH, 3)), r"not float64 \[29, 37, 3\]"),
        (np.full((HEIGHT, WIDTH), 255, np.uint8), "not 255 to 255; divide bytes by 255"),
        (np.full((HEIGHT, WIDTH), np.nan), "mask must be 0 to 1, not nan to nan"),
        ("mask.png", r"not <U8 \[\]; `read_mask"),
    ],
)
def test_what_is_no_mask_is_refused_in_one_line(model, mask, said):
    with pytest.raises(DreamError, match=said) as caught:
        dream(model, photo(), ONE, mask=mask)
    assert "\n" not in str(caught.value)


# --- Colours ----------------------------------------------------------------------------------

levels = st.integers(0, 255)
colours = st.tuples(levels, levels, levels)


@given(st.lists(st.tuples(colours, colours), min_size=1, max_size=30))
@example([((0, 0, 0), (0, 0, 7)), ((0, 0, 1), (3, 190, 205)), ((255, 255, 255), (255, 247, 89))])
def test_recoloured_it_has_one_pictures_lightness_and_the_others_hue(pairs):
    light, hue = np.array(pairs, np.float32).transpose(1, 0, 2)[:, np.newaxis]
    made = recolour(light, hue)
    assert 0 <= made.min() <= made.max() <= 255
    lightness, chroma, found = oklab(light)[:, :1], oklab(hue)[:, 1:], oklab(made)[:, 1:]
    # What sRGB has no room for is paler, not of another hue nor of another lightness.
    share = np.clip((found * chroma).sum(1) / np.maximum((chroma**2).sum(1), 1e-12), 0, 1)
    wanted = srgb(np.column_stack([lightness, share[:, np.newaxis] * chroma]))
    np.testing.assert_allclose(made.reshape(-1, 3), np.clip(wanted, 0, 255), atol=0.5)
    same = (light == hue).all(axis=-1)
    np.testing.assert_allclose(made[same], light[same], atol=0.5)


def test_colours_stay_and_lightness_dreams(model):
    rgb = photo(90, 166)  # every lightness near these has room for their colours
    free, kept = (
        dream(model, rgb, dataclasses.replace(ONE, keep_colours=kept)).rgb for kept in (False, True)
    )
    np.testing.assert_allclose(oklab(kept)[:, 1:], oklab(rgb)[:, 1:], atol=2e-3)
    np.testing.assert_allclose(oklab(kept)[:, 0], oklab(free)[:, 0], atol=2e-3)
    assert np.abs(oklab(free)[:, 1:] - oklab(rgb)[:, 1:]).max() > 0.01


# --- Contrast ---------------------------------------------------------------------------------


def test_mean_and_spread_stay(model):
    rgb = photo(60, 196)
    free, kept = (
        dream(model, rgb, dataclasses.replace(THREE, step=4.0, keep_contrast=kept)).rgb
        for kept in (False, True)
    )
    for measure in (np.mean, np.std):
        wanted = measure(rgb, axis=(0, 1))
        np.testing.assert_allclose(measure(kept, axis=(0, 1)), wanted, atol=0.5)
        assert np.abs(measure(free, axis=(0, 1)) - wanted).max() > 1


def test_a_picture_of_one_colour_has_no_spread_to_keep(model):
    grey = np.full((HEIGHT, WIDTH, 3), 128, np.float32)
    result = dream(model, grey, dataclasses.replace(ONE, keep_contrast=True))
    np.testing.assert_allclose(result.rgb, grey, atol=1e-3)


def test_contrast_is_that_of_the_part_that_dreams(model):
    rgb = photo(60, 196)
    rgb[:, :20] = 0
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[:, 20:] = 1
    settings = dataclasses.replace(ONE, step=4.0, keep_contrast=True)
    result = dream(model, rgb, settings, mask=mask)
    found, wanted = (a[:, 20:].mean(axis=(0, 1)) for a in (result.rgb, rgb))
    np.testing.assert_allclose(found, wanted, atol=0.5)


# --- A look at it, meanwhile ------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"keep_colours": True}, {"keep_contrast": True}], ids=str)
@pytest.mark.parametrize("masked", [False, True])
def test_a_look_shows_what_stopping_there_would_give(model, changes, masked):
    settings = dataclasses.replace(THREE, **changes)
    mask = soft_mask() if masked else None
    for stop in (2, 5, 9):
        seen: list[Array] = []

        def watch(at, seen=seen, stop=stop):
            seen.append(at.rgb())
            return len(seen) < stop

        stopped = dream(model, photo(), settings, watch, mask=mask)
        np.testing.assert_allclose(seen[-1], stopped.rgb, atol=1e-3)
        assert {look.shape for look in seen} == {(HEIGHT, WIDTH, 3)}
    plain = dream(model, photo(), settings, mask=mask).rgb
    np.testing.assert_allclose(seen[-1], plain, atol=1e-3)


# --- Octaves by hand --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sides", "sizes"),
    [
        ((10, 20, 37), ((8, 10), (16, 20), (29, 37))),
        ((20,), ((16, 20), (29, 37))),
        ((37,), ((29, 37),)),
        ((3, 20), ((16, 20), (29, 37))),  # the first is too small for the layer
    ],
)
def test_octaves_by_hand(model, sides, sizes):
    result = dream(model, photo(), dataclasses.replace(THREE, octave_sizes=sides))
    assert result.sizes == sizes
    assert result.left_out == (sides[0] == 3)


@pytest.mark.parametrize(
    ("sides", "said"),
    [
        ((20, 20), "octave-sizes must grow, and 20 comes after 20"),
        ((20, 38), "octave-sizes has 38, and the picture is 37x29; dream on a larger one"),
    ],
)
def test_octaves_that_cannot_be_are_refused(model, sides, said):
    with pytest.raises(DreamError, match=said):
        dream(model, photo(), dataclasses.replace(THREE, octave_sizes=sides))


def test_what_is_kept_is_kept_with_every_weight_file(tmp_path: Path):
    """A network with channels in another order and of another scale."""
    model = load_model(write_gradient_file(tmp_path / "t.onnx", order="0,1,2"), "cpu", threads=1)
    rgb = photo(90, 166)
    kept = dream(model, rgb, dataclasses.replace(ONE, keep_colours=True)).rgb
    np.testing.assert_allclose(oklab(kept)[:, 1:], oklab(rgb)[:, 1:], atol=2e-3)
