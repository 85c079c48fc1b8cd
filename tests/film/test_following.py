"""What is carried from frame to frame: still parts stay still, nothing drifts, a cut begins anew.

The dream is a stand-in that does what dreams do: it adds waves and makes everything brighter.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from clips import noise
from gradient_files import write_gradient_file

from ort_deepdream import FilmSettings, Settings, dream, dream_film, load_layer, load_model
from ort_deepdream.errors import DreamError
from ort_deepdream.film.dreaming import followed
from ort_deepdream.film.following import Beginning
from scripts.make_clip import frames
from scripts.measure_film import LAYER, Way, cpu_seconds, dreamt, moving, still

HEIGHT, WIDTH = 48, 64
BRIGHTER = 3.0


def waves(number: int, beginning: Beginning) -> np.ndarray:
    """Dream: waves that lie elsewhere in each frame, and everything brighter."""
    phase = np.arange(beginning.rgb.shape[1])[:, None] / 3 + number
    made = beginning.rgb + BRIGHTER + 8 * np.sin(phase)
    if beginning.mask is None:
        return made.astype(np.float32)
    share = beginning.mask[..., None]
    return (beginning.rgb + share * (made - beginning.rgb)).astype(np.float32)


def added(frames: list[np.ndarray], blend: float = 0.7, **more) -> np.ndarray:
    """Return what the dreams of frames add to them, [frames, H, W, 3]."""
    dreams = list(followed(frames, waves, blend, **more))
    return np.array(dreams, float) - np.array(frames, float)


def thing_moves(count: int, pixels: int = 3) -> Iterator[np.ndarray]:
    """Yield frames where a thing crosses the lower part of a still ground."""
    ground, thing = noise(HEIGHT, WIDTH, 1), noise(16, 16, 2)
    for number in range(count):
        frame = ground.copy()
        left = 2 + pixels * number
        frame[28:44, left : left + 16] = thing
        yield frame


def test_what_stands_still_stays_still():
    found = added(list(thing_moves(10)))
    still = found[:, :16]
    assert np.ptp(still, axis=0).max() == 0
    assert np.abs(still).mean() > 3  # and dreams
    thing = [np.abs(found[n, 30:42, 4 + 3 * n : 16 + 3 * n]).mean() for n in range(10)]
    assert min(thing) > 2  # moves, and dreams on


def test_noise_and_a_slow_change_of_light_pass_as_the_camera_saw_them():
    random = np.random.default_rng(0)
    ground = noise(HEIGHT, WIDTH).astype(float) / 2 + 60
    frames = [
        np.rint(ground + 0.2 * number + random.normal(size=ground.shape)).astype(np.uint8)
        for number in range(12)
    ]
    found = added(frames)
    assert np.abs(found - found[0]).mean() < 0.2
    assert abs(found[-1].mean() - found[0].mean()) < 0.2


@pytest.mark.parametrize("blend", [0.0, 0.5, 0.95])
def test_what_moves_grows_neither_brighter_nor_stronger(blend):
    wide = noise(HEIGHT, WIDTH + 60)
    found = added([wide[:, left : left + WIDTH] for left in range(0, 60, 4)], blend)
    means = found.mean(axis=(1, 2, 3))
    assert np.abs(means - BRIGHTER).max() < 1
    assert np.abs(found[-1]).mean() < 1.2 * np.abs(found[0]).mean()


def test_more_of_the_last_dream_is_calmer():
    wide = noise(HEIGHT, WIDTH + 60)
    frames = [wide[:, left : left + WIDTH] for left in range(0, 40, 4)]

    def restless(blend: float) -> float:
        found = added(frames, blend)
        return float(np.abs(found[1:, :, :-4] - found[:-1, :, 4:]).mean())

    assert restless(0.9) < 0.6 * restless(0.5) < 0.6 * restless(0.0)


def test_a_cut_leaves_nothing_of_what_was_before():
    frames = [noise(HEIGHT, WIDTH, seed) for seed in (1, 1, 2, 2)]
    seen: list[Beginning] = []

    def watched(number: int, beginning: Beginning) -> np.ndarray:
        seen.append(beginning)
        return waves(number, beginning)

    dreams = list(followed(frames, watched, 0.7))
    assert [one.cut for one in seen] == [True, True]  # the second and fourth have nothing to dream
    np.testing.assert_array_equal(seen[1].rgb, frames[2])
    np.testing.assert_array_equal(dreams[0], dreams[1])
    np.testing.assert_array_equal(dreams[2], dreams[3])


def test_what_comes_to_light_gets_some_frames_to_settle():
    """Else each strip of it would be dreamt once, by itself, and stand for ever."""
    ground, thing = noise(HEIGHT, WIDTH, 1), noise(16, 16, 2)
    hidden = ground.copy()
    hidden[16:32, 16:32] = thing
    masks = []

    def watched(number: int, beginning: Beginning) -> np.ndarray:
        masks.append(beginning.mask)
        return waves(number, beginning)

    list(followed([hidden, *[ground] * 16], watched, 0.7))
    shares = [float(mask[20:28, 20:28].mean()) for mask in masks[1:]]
    assert shares[0] > 0.9
    assert shares == sorted(shares, reverse=True)
    assert len(shares) < 14  # then it is still, too
    assert max(mask[:8].mean() for mask in masks[1:]) < 0.01


def test_a_thing_that_changes_where_it_is_dreams_anew():
    frame = noise(HEIGHT, WIDTH)
    light = frame.copy()
    light[10:30, 10:30] = 255 - light[10:30, 10:30]
    masks = []

    def watched(number: int, beginning: Beginning) -> np.ndarray:
        masks.append(beginning.mask)
        return waves(number, beginning)

    list(followed([frame, light], watched, 0.7))
    assert masks[1][14:26, 14:26].min() > 0.25
    assert masks[1][40:].mean() < 0.01


def test_only_the_mask_dreams():
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[:, :30] = 1
    found = added(list(thing_moves(5)), mask=mask)
    assert not found[:, :, 30:].any()
    assert np.abs(found[:, :, :30]).mean() > 2


def test_a_film_goes_on_as_if_it_had_not_been_interrupted():
    frames = list(thing_moves(8))
    whole = list(followed(frames, waves, 0.7))
    for done in (1, 4, 8):
        rest = list(followed(frames, waves, 0.7, done=whole[:done]))
        assert len(rest) == 8 - done
        assert all(map(np.array_equal, rest, whole[done:]))


@pytest.mark.nightly
def test_300_frames_that_stand_still_do_not_drift():
    random = np.random.default_rng(0)
    ground = noise(HEIGHT, WIDTH).astype(float) / 2 + 60
    for spread in (0, 2):
        frames = [
            np.rint(ground + random.normal(0, spread, ground.shape)).astype(np.uint8)
            for _ in range(300)
        ]
        found = added(frames)
        means = found.mean(axis=(1, 2))
        assert np.abs(means - means[0]).max() < 1
        assert np.abs(np.diff(found, axis=0)).mean() < 0.1


@pytest.mark.nightly
def test_a_dreamt_clip_is_calm_and_its_flow_costs_little():
    model, settings = load_layer(LAYER, backend="cpu", threads=1), Settings(seed=1)
    clip = list(frames(200, 150, 5))
    film, alone = (
        list(dreamt(model, clip, Way(name, blend, True), settings))
        for name, blend in (("blend", 0.7), ("each by itself", 0.0))
    )
    assert still(film, 5) == 0 < 5 < still(alone, 5)
    assert moving(film, clip, 5) < 0.4 * moving(alone, clip, 5)
    flow, whole = cpu_seconds(model, settings)
    assert flow < 0.15 * (flow + whole)


# --- with a model ---------------------------------------------------------------------------------

QUICK = Settings(octaves=1, iterations=2, jitter=2, seed=3)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_model(write_gradient_file(tmp_path_factory.mktemp("m") / "m.onnx"), "cpu", 1)


def test_the_first_frame_is_what_dream_makes_of_it(model):
    frames = list(thing_moves(2))
    made = list(dream_film(model, frames, QUICK))
    wanted = dream(model, frames[0].astype(np.float32), QUICK).rgb
    np.testing.assert_array_equal(made[0], np.clip(np.rint(wanted), 0, 255).astype(np.uint8))
    assert made[1].dtype == np.uint8
    assert (made[1][:16] == made[0][:16]).all()


def test_a_film_ends_where_on_step_says_so(model):
    heard = []

    def stop(number, progress):
        heard.append(number)
        return number < 3

    made = list(dream_film(model, thing_moves(5), QUICK, FilmSettings(blend=0.5), on_step=stop))
    assert len(made) == 2
    assert sorted(set(heard)) == [1, 2, 3]


def test_frames_of_different_sizes_are_refused(model):
    frames = [noise(20, 24), noise(24, 20)]
    with pytest.raises(DreamError, match=r"one size, and \[24, 20, 3\] comes after \[20, 24, 3\]"):
        list(dream_film(model, frames, QUICK))


def test_what_is_wrong_with_a_frame_is_said(model):
    with pytest.raises(DreamError, match=r"^the picture is 3x2 pixels, too small"):
        list(dream_film(model, [noise(2, 3)], QUICK))
