"""The frames of a zoom, against the notebook's own loop, and what changes while it goes on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gradient_files import write_gradient_file
from scipy import ndimage

from ort_deepdream import DreamError, Model, Settings, ZoomSettings, dream, load_model, zoom
from ort_deepdream.film.motion import moved
from ort_deepdream.film.schedule import Change, layers_by_frame, read_change
from ort_deepdream.film.zooming import pull

QUICK = Settings(iterations=2, octaves=1, jitter=2, seed=3)
SHORT = ZoomSettings(frames=4, zoom=0.1)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Model:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    return load_model(write_gradient_file(path), "cpu", threads=1)


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Model:
    path = tmp_path_factory.mktemp("other") / "other.onnx"
    matrix = np.array([[0.0, 1.0, -2.0]], np.float32)
    return load_model(write_gradient_file(path, matrix), "cpu", threads=1)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 24, 3)).astype(np.float32)


def frames_of(*arguments, **named) -> list[np.ndarray]:
    return list(zoom(*arguments, **named))


def same(found: list[np.ndarray], wanted: list[np.ndarray]) -> bool:
    return len(found) == len(wanted) and all(map(np.array_equal, found, wanted))


def test_it_is_the_notebooks_loop(model, photo):
    frame, s = photo, 0.1
    height, width = photo.shape[:2]
    wanted = []
    for number in range(4):
        dreamt = dream(model, frame, replace(QUICK, seed=QUICK.seed + number)).rgb
        wanted.append(np.clip(np.rint(dreamt), 0, 255).astype(np.uint8))
        frame = ndimage.affine_transform(
            wanted[-1].astype(np.float64),
            [1 - s, 1 - s, 1],
            [height * s / 2, width * s / 2, 0],
            order=1,
        ).astype(np.float32)
    found = frames_of(model, photo, QUICK, SHORT)
    assert all(frame.dtype == np.uint8 for frame in found)
    # The last bit of a resampled value may round a level otherwise.
    assert np.abs(np.array(found, int) - np.array(wanted, int)).max() <= 1


@pytest.mark.parametrize("there", [1, 3, 5, 6])
def test_it_goes_on_after_any_frame_bit_for_bit(model, photo, there):
    motion = ZoomSettings(frames=4, loop=2, turn=5)
    whole = frames_of(model, photo, QUICK, motion)
    assert len(whole) == 6
    assert same(frames_of(model, photo, QUICK, motion, done=whole[:there]), whole[there:])


def test_a_loop_closes(model, photo):
    motion = ZoomSettings(frames=8, loop=5, zoom=0.02)
    frames = [frame.astype(float) for frame in frames_of(model, photo, QUICK, motion)]
    # What would follow the last frame, were it the fifth, is the sixth, which the loop begins with.
    after = dream(model, moved(frames[-1].astype(np.uint8), motion), replace(QUICK, seed=3 + 5)).rgb

    def apart(one: np.ndarray, two: np.ndarray) -> float:
        return float(np.abs(one - two).mean())

    jump = apart(frames[7], frames[4])  # from the last frame that is not drawn
    assert apart(after, frames[5]) < 0.25 * jump
    assert apart(frames[-1], frames[4]) < 0.25 * jump


def test_a_loop_fades_over_evenly_from_one_end_to_the_other():
    left = np.cumprod([1 - pull(number, 9) for number in range(1, 11)])
    np.testing.assert_allclose(left[:-1] + left[-2::-1], 1)  # as slowly at its end as at its begin
    assert (np.diff([1, *left]) < 0).all()
    assert left[0] > 0.95
    assert left[-1] == pytest.approx(0)


def test_settings_the_motion_and_the_model_change_from_a_frame_on(model, other, photo):
    plain = frames_of(model, photo, QUICK, SHORT)
    changes = {3: {"step": 4.0, "zoom": 0.3, "model": other}}
    changed = frames_of(model, photo, QUICK, SHORT, changes)
    assert same(changed[:2], plain[:2])
    third = moved(changed[1], replace(SHORT, zoom=0.3))
    wanted = dream(other, third, replace(QUICK, step=4.0, seed=QUICK.seed + 2)).rgb
    np.testing.assert_array_equal(changed[2], np.clip(np.rint(wanted), 0, 255))
    # Until another change, and each on top of those before.
    again = frames_of(model, photo, QUICK, SHORT, {**changes, 4: {"model": model}})
    assert same(again[:3], changed[:3])
    assert not np.array_equal(again[3], changed[3])


def test_it_ends_where_on_step_says_so_without_half_a_frame(model, photo):
    heard: list[tuple[int, int]] = []

    def on_step(number, progress) -> bool:
        heard.append((number, progress.iteration))
        return (number, progress.iteration) != (3, 1)

    found = frames_of(model, photo, QUICK, SHORT, on_step=on_step)
    assert same(found, frames_of(model, photo, QUICK, SHORT)[:2])
    assert heard == [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1)]


def test_a_mask_stays_where_it_is_in_the_frame(model, photo):
    mask = np.zeros(photo.shape[:2], np.float32)
    mask[:, 12:] = 1
    first, second = frames_of(model, photo, QUICK, replace(SHORT, frames=2), mask=mask)
    np.testing.assert_array_equal(first[:, :12], photo[:, :12])
    np.testing.assert_array_equal(second[:, :12], np.rint(moved(first, SHORT))[:, :12])
    assert not np.array_equal(first[:, 12:], photo[:, 12:])


def test_what_cannot_be_is_one_line(model, photo):
    with pytest.raises(DreamError, match="from frame 2 on: there is no setting stp: did you mean"):
        frames_of(model, photo, QUICK, SHORT, {2: {"stp": 1.0}})
    with pytest.raises(DreamError, match="step must be -255 to 255, not 999"):
        frames_of(model, photo, QUICK, SHORT, {2: {"step": 999}})
    with pytest.raises(DreamError, match=r"^the picture is 3x20 pixels, too small"):
        frames_of(model, photo[:, :3], QUICK, SHORT)


def test_a_later_layer_that_is_too_deep_is_refused_before_the_first_frame(model, photo, tmp_path):
    deep = load_model(write_gradient_file(tmp_path / "deep.onnx", stride="32"), "cpu", threads=1)
    with pytest.raises(DreamError, match=r"^frame 3: the picture is 24x20 pixels, too small"):
        next(zoom(model, photo, QUICK, SHORT, {3: {"model": deep}}))


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("50:step=2.5", Change(50, "step", 2.5)),
        ("2:iterations=4", Change(2, "iterations", 4)),
        ("2:keep-colours=yes", Change(2, "keep_colours", True)),
        ("2:octave-sizes=50,100", Change(2, "octave_sizes", (50, 100))),
        ("9:pan=0.1,-0.5", Change(9, "pan", (0.1, -0.5))),
        ("9:turn=-3", Change(9, "turn", -3.0)),
        ("50:inception_3b/output", Change(50, "", "inception_3b/output")),
        ("50:inception_3b/output:7=0.5", Change(50, "", "inception_3b/output:7=0.5")),
        ("50:layer4=2", Change(50, "", "layer4=2")),
    ],
)
def test_an_entry_is_read_and_written_alike(text, change):
    assert read_change(text) == change
    assert read_change(str(change)) == change


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step=2", "--at step=2: write FRAME:LAYER or FRAME:SETTING=VALUE, such as 50:step=2.5"),
        ("50:", "--at 50:: write FRAME:LAYER or FRAME:SETTING=VALUE, such as 50:step=2.5"),
        ("-3:step=2", "--at -3:step=2: write FRAME:LAYER or FRAME:SETTING=VALUE, such as"),
        ("0:step=2", "--at 0:step=2: the first frame is 1, the last 1000000"),
        ("5:stpe=x", "--at 5:stpe=x: there is no setting stpe: did you mean step?"),
        ("5:stpe=1", "--at 5:stpe=1: there is no setting stpe: did you mean step?"),
        ("5:fps=9", "--at 5:fps=9: fps is the whole film's; use --fps"),
        ("5:iterations=2.5", "--at 5:iterations=2.5: iterations takes a whole number"),
        ("5:step=", "--at 5:step=: step takes a number"),
        ("5:keep-colours=1", "--at 5:keep-colours=1: keep-colours takes yes or no"),
        ("5:pan=a,b", "--at 5:pan=a,b: pan takes numbers with commas between"),
    ],
)
def test_an_entry_that_is_none_is_one_line(text, message):
    with pytest.raises(DreamError) as raised:
        read_change(text)
    assert str(raised.value).startswith(message)


def test_layers_of_one_frame_belong_together():
    entries = map(read_change, ("5:a", "9:b", "5:c:3", "7:step=2"))
    assert layers_by_frame(entries) == {5: ("a", "c:3"), 9: ("b",)}
