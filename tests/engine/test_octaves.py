"""Octave sizes and resizing, against scipy and against plain statements of what they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from ort_deepdream.engine.octaves import octave_sizes, resize

LENGTHS = st.integers(1, 70)


def noise(*shape):
    return (np.random.default_rng(sum(shape)).random(shape) * 255).astype(np.float32)


def scipy_zoom(image, height, width, mode):
    factors = (1,) * (image.ndim - 2) + (height / image.shape[-2], width / image.shape[-1])
    zoomed = ndimage.zoom(image, factors, order=1, mode=mode)
    assert zoomed.shape[-2:] == (height, width)
    return zoomed


# ---------------------------------------------------------------- resize


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((158, 182), (113, 130)),
        ((113, 130), (158, 182)),
        ((58, 66), (81, 93)),
        ((97, 211), (69, 151)),
        ((63, 41), (45, 29)),
        ((40, 30), (20, 90)),
        ((20, 90), (40, 30)),
        ((1, 9), (5, 13)),
        ((9, 1), (13, 5)),
        ((1, 1), (4, 3)),
        ((9, 7), (1, 1)),
        ((6, 7), (1, 20)),
    ],
)
def test_resize_is_scipys_zoom(old, new):
    image = noise(3, *old)
    expected = scipy_zoom(image, *new, mode="constant")
    np.testing.assert_allclose(resize(image, *new), expected, rtol=0, atol=255e-4 / 100)


@given(LENGTHS, LENGTHS, LENGTHS, LENGTHS)
def test_resize_is_scipys_zoom_at_any_size(height, width, new_height, new_width):
    # mode="nearest" differs from "constant" only where scipy's last coordinate
    # overshoots by a rounding error: there "constant" answers zero.
    image = noise(height, width)
    expected = scipy_zoom(image, new_height, new_width, mode="nearest")
    result = resize(image, new_height, new_width)
    np.testing.assert_allclose(result, expected, rtol=0, atol=255e-4 / 100)


def test_resize_has_no_black_border_where_scipy_has():
    image = np.full((1, 8), 100, np.float32)
    assert scipy_zoom(image, 1, 26, mode="constant")[0, -1] == 0
    assert (resize(image, 1, 26) == 100).all()


@given(LENGTHS, LENGTHS, st.integers(2, 70), st.integers(2, 70))
def test_resize_keeps_the_corners(height, width, new_height, new_width):
    image = noise(height, width)
    corners = np.ix_([0, -1], [0, -1])
    assert (resize(image, new_height, new_width)[corners] == image[corners]).all()


@given(LENGTHS, LENGTHS)
def test_resize_to_the_same_size_changes_nothing(height, width):
    image = noise(2, height, width)
    result = resize(image, height, width)
    assert (result == image).all()
    assert not np.shares_memory(result, image)


def test_resize_does_not_touch_its_argument():
    image = noise(3, 12, 17)
    before = image.copy()
    resize(image, 5, 40)
    assert (image == before).all()


@pytest.mark.parametrize("leading", [(), (3,), (2, 3)])
def test_resize_takes_any_leading_axes(leading):
    result = resize(noise(*leading, 8, 9), 5, 11)
    assert result.shape == (*leading, 5, 11)
    assert result.dtype == np.float32


def test_resize_reads_a_picture_that_is_not_contiguous():
    image = noise(20, 30, 3)
    channels_first = image.transpose(2, 0, 1)
    expected = resize(np.ascontiguousarray(channels_first), 14, 21)
    assert (resize(channels_first, 14, 21) == expected).all()


# ---------------------------------------------------------------- octave_sizes


def test_sizes_of_the_reference_picture():
    assert octave_sizes(158, 182, 4, 1.4, 32) == [(58, 66), (81, 93), (113, 130), (158, 182)]


def test_octaves_below_the_minimum_are_dropped_and_no_others():
    assert octave_sizes(158, 182, 4, 1.4, 58) == [(58, 66), (81, 93), (113, 130), (158, 182)]
    assert octave_sizes(158, 182, 4, 1.4, 59) == [(81, 93), (113, 130), (158, 182)]
    assert octave_sizes(182, 158, 4, 1.4, 59) == [(93, 81), (130, 113), (182, 158)]


def test_a_picture_below_the_minimum_has_no_octaves():
    assert octave_sizes(31, 200, 4, 1.4, 32) == []


def test_half_pixels_are_rounded_to_even():
    assert octave_sizes(50, 54, 2, 4, 1)[0] == (12, 14)  # 12.5 and 13.5


def test_the_factor_is_a_product_as_in_scipy():
    length, scale = 42, 1.12  # 42 / 1.12 is 37.5, 42 * (1 / 1.12) is just below it
    assert round(length / scale) != round(length * (1 / scale))
    shrunk = ndimage.zoom(np.zeros((length, 1)), (1 / scale, 1), order=1).shape[0]
    assert octave_sizes(length, length, 2, scale, 1)[0] == (shrunk, shrunk)


@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(1, 6),
    st.floats(1.01, 3),
    st.integers(1, 40),
)
def test_octaves_are_scipys_cascade(height, width, octaves, scale, minimum):
    cascade = [np.zeros((height, width), np.uint8)]
    while len(cascade) < octaves:
        cascade.append(ndimage.zoom(cascade[-1], 1 / scale, order=0))
    expected = [octave.shape for octave in reversed(cascade) if min(octave.shape) >= minimum]
    assert octave_sizes(height, width, octaves, scale, minimum) == expected
