"""How a picture moves, against scipy's affine_transform, which the notebook used."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from ort_deepdream import DreamError, ZoomSettings
from ort_deepdream.film import motion
from ort_deepdream.film.motion import moved, transform

ROUNDING = 1e-3  # levels: float32's, at the far end of a large mirrored picture


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng([height, width]).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("s", [0.05, 0.3])
def test_a_zoom_is_the_notebooks(s):
    frame = picture(57, 41)
    height, width = frame.shape[:2]
    # Cell 19, as it stands there.
    wanted = ndimage.affine_transform(
        frame.astype(np.float64), [1 - s, 1 - s, 1], [height * s / 2, width * s / 2, 0], order=1
    )
    found = moved(frame, ZoomSettings(zoom=s))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=ROUNDING)


share = st.floats(0, 1)
motions = st.builds(
    ZoomSettings,
    zoom=st.floats(-0.9, 0.9),
    turn=st.floats(-180, 180),
    pan=st.tuples(st.floats(-1, 1), st.floats(-1, 1)) | st.just(()),
    centre=st.tuples(share, share) | st.just(()),
)


@settings(max_examples=40, deadline=None)
@given(height=st.integers(2, 20), width=st.integers(2, 20), motion_of=motions)
def test_every_motion_is_an_affine_transform_of_the_mirrored_picture(height, width, motion_of):
    frame = picture(height, width)
    matrix, offset = np.eye(3), np.zeros(3)
    matrix[:2, :2], offset[:2] = transform(motion_of, height, width)
    wanted = ndimage.affine_transform(
        frame.astype(np.float64), matrix, offset, order=1, mode="mirror"
    )
    np.testing.assert_allclose(moved(frame, motion_of), wanted, atol=ROUNDING)


def test_it_turns_clockwise_moves_the_view_right_and_down_and_keeps_the_centre():
    frame = np.zeros((9, 9, 3), np.uint8)
    frame[1, 4] = 255  # at the top
    centre = (4 / 9, 4 / 9)  # the middle of the pixel in the middle
    still = {"zoom": 0, "centre": centre}
    quarter = moved(frame, ZoomSettings(turn=90, **still))
    np.testing.assert_allclose(quarter[4, 7], 255, atol=ROUNDING)
    view = moved(frame, ZoomSettings(pan=(2 / 9, 1 / 9), **still))
    np.testing.assert_allclose(view[0, 2], 255, atol=ROUNDING)
    frame[6, 2] = 100
    near = moved(frame, ZoomSettings(zoom=0.5, centre=(2 / 9, 6 / 9)))
    np.testing.assert_allclose(near[6, 2], 100, atol=ROUNDING)


def test_no_motion_is_the_picture_itself_and_one_pixel_is_enough():
    for height, width in ((1, 1), (1, 5), (5, 1), (6, 7)):
        frame = picture(height, width)
        np.testing.assert_array_equal(moved(frame, ZoomSettings(zoom=0)), frame)
        assert np.isfinite(moved(frame, ZoomSettings(zoom=-0.9, turn=33, pan=(1, -1)))).all()


def test_a_large_picture_moves_in_bands_as_in_one(monkeypatch):
    frame, settings = picture(23, 17), ZoomSettings(zoom=0.1, turn=5)
    whole = moved(frame, settings)
    monkeypatch.setattr(motion, "WORKED_ON", 1 << 22)  # so that a band has no more than a row
    np.testing.assert_array_equal(moved(frame, settings), whole)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frames": 0}, "frames must be 1 to 1000000, not 0"),
        ({"zoom": -1.0}, "zoom must be -0.9 to 0.9, not -1.0"),
        ({"zoom": float("nan")}, "zoom must be -0.9 to 0.9, not nan"),
        ({"pan": (0.1,)}, "pan must be two numbers such as 0.5,0.5, not 1"),
        ({"centre": (0.1, 0.2, 0.3)}, "centre must be two numbers such as 0.5,0.5, not 3"),
        ({"centre": (1.1, 0.5)}, "centre must be 0 to 1, not 1.1"),
        ({"frames": 5, "loop": 5}, "loop must be less than frames, not 5 of 5"),
        ({"fps": 0.0}, "fps must be 0.1 to 1000, not 0.0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(DreamError) as raised:
        ZoomSettings(**settings)
    assert str(raised.value) == message


def test_the_order_of_frames():
    assert list(ZoomSettings(frames=4).order(4)) == [1, 2, 3, 4]
    assert list(ZoomSettings(frames=4, reverse=True).order(4)) == [4, 3, 2, 1]
    # The first two lead into the loop, and the last two are drawn towards them.
    looped = ZoomSettings(frames=4, loop=2)
    assert looped.dreamt == 6
    assert list(looped.order(6)) == [3, 4, 5, 6]
    assert list(looped.order(5)) == [1, 2, 3, 4, 5]  # not closed yet
