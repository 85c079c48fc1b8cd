"""Optical flow against motions that are known, and cuts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from clips import noise
from scipy import ndimage

from ort_deepdream.film.flow import motion, one_thread, ramp
from ort_deepdream.film.shots import is_cut

HEIGHT, WIDTH = 96, 128
INSIDE = np.s_[16:-16, 16:-16]


def shifted(picture: np.ndarray, down: float, across: float) -> np.ndarray:
    """Return a picture moved, by scipy's own resampling."""
    moved = ndimage.shift(picture.astype(float), (down, across, 0), order=3, mode="nearest")
    return np.clip(np.rint(moved), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("down", "across"), [(0, 0), (0, 4), (-3, 2), (0.5, -0.25), (5, 6)])
def test_the_flow_of_a_pan(down, across):
    before = noise(HEIGHT, WIDTH)
    moved = motion(before, shifted(before, down, across))
    assert np.abs(moved.back[INSIDE] - [-across, -down]).mean() < 0.15
    assert moved.sure[INSIDE].mean() > 0.97
    assert not is_cut(moved)
    spot = np.zeros((HEIGHT, WIDTH), np.float32)
    spot[40:50, 60:70] = 1
    wanted = ndimage.shift(spot, (down, across), order=1)
    assert np.abs(moved.carry(spot) - wanted).mean() < 0.005


def test_nothing_moves_in_the_same_frame_twice():
    frame = noise(HEIGHT, WIDTH)
    moved = motion(frame, frame)
    assert not moved.length.any()
    assert (moved.sure == 1).all()


def test_what_was_hidden_and_what_was_outside_is_not_sure():
    ground, thing = noise(HEIGHT, WIDTH, 1), noise(40, 40, 2)
    frames = []
    for left in (30, 42):
        frame = ground.copy()
        frame[30:70, left : left + 40] = thing
        frames.append(frame)
    moved = motion(*frames)
    assert moved.sure[34:66, 33:40].mean() < 0.3  # was behind the thing
    assert moved.sure[34:66, 46:78].mean() > 0.8  # the thing itself
    assert moved.sure[:20].mean() > 0.97
    panned = motion(ground, shifted(ground, 0, 12))
    assert panned.sure[:, :8].mean() < 0.2


@pytest.mark.parametrize(("one", "other"), [(1, 2), (3, 4), (5, 6)])
def test_another_picture_is_a_cut(one, other):
    assert is_cut(motion(noise(HEIGHT, WIDTH, one), noise(HEIGHT, WIDTH, other)))


def test_a_picture_after_black_is_a_cut_and_black_after_black_is_none():
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    assert is_cut(motion(black, noise(HEIGHT, WIDTH)))
    assert not is_cut(motion(black, black))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (8, 8), (11, 300)])
def test_frames_of_any_size_have_a_flow(height, width):
    frame = np.full((height, width, 3), 90, np.uint8)
    assert motion(frame, frame).back.shape == (height, width, 2)


def test_the_flow_does_not_depend_on_threads():
    frames = noise(HEIGHT, WIDTH), shifted(noise(HEIGHT, WIDTH), 2, 3)
    made = []
    before = cv2.getNumThreads()
    try:
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            made.append(motion(*frames).back)
            assert cv2.getNumThreads() == threads
    finally:
        cv2.setNumThreads(before)
    np.testing.assert_array_equal(*made)


def test_opencv_has_its_threads_again_after_an_error():
    before = cv2.getNumThreads()
    with pytest.raises(ZeroDivisionError), one_thread():
        raise ZeroDivisionError
    assert cv2.getNumThreads() == before


def test_ramp():
    values = np.array([-1, 2, 3, 4, 9], np.float32)
    np.testing.assert_allclose(ramp(values, 2, 4), [0, 0, 0.5, 1, 1])
