"""Tiles: where they lie, what their units see, and that their gradient is the whole picture's."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from gradient_files import write_gradient_file
from hypothesis import given
from hypothesis import strategies as st

from ort_deepdream import DreamError, Settings, dream, load_layer, load_model
from ort_deepdream.engine.ascent import make_ascent
from ort_deepdream.engine.machine import mapped
from ort_deepdream.engine.machine.mapped import Store
from ort_deepdream.engine.machine.memory import Room
from ort_deepdream.engine.tiles import tiling
from ort_deepdream.engine.tiles.ascent import TiledAscent, UnfinishedStepError
from ort_deepdream.engine.tiles.geometry import Field, divide, own_units
from ort_deepdream.engine.tiles.tiling import Tiling, field_of, tiling_for
from ort_deepdream.weights.googlenet import BVLC
from ort_deepdream.weights.receptive_field import reach, side, stride

LAYERS = ("conv2/3x3", "inception_3b/output", "inception_4c/output")
FIELDS = {layer: Field((BVLC.layers[layer].windows,)) for layer in (*LAYERS, "inception_5b/output")}
FIELDS["two layers"] = Field(tuple(BVLC.layers[layer].windows for layer in LAYERS[1:]))


@pytest.fixture(scope="module", params=LAYERS)
def model(request):
    return load_layer(request.param, backend="cpu", threads=1)


@pytest.fixture(scope="module")
def shallow():
    return load_layer("conv2/3x3", backend="cpu", threads=1)


def picture(height, width):
    """Noise with some flat parts, where pools have ties."""
    rgb = np.random.default_rng([height, width]).uniform(0, 255, (height, width, 3))
    rgb[height // 2 :, : width // 3] = 90
    return rgb.astype(np.float32)


# --- where they lie -------------------------------------------------------------------------------


@given(st.sampled_from(sorted(FIELDS)), st.integers(32, 3000), st.integers(1, 900))
def test_each_unit_is_owned_once_and_sees_what_it_sees_in_the_whole(name, length, tile):
    field = FIELDS[name]
    axis = divide(length, tile, field)
    assert (axis.length - axis.side) % field.stride == 0
    for windows in field.layers:
        step, (before, after) = stride(windows), reach(windows)
        counted = np.zeros(side(windows, length), int)
        for span in axis.spans:
            assert span.crop % field.stride == 0
            assert 0 <= span.crop <= axis.length - axis.side
            (own,) = own_units(Field((windows,)), (axis, span), (axis, span))
            units = np.flatnonzero(own[0, 0].any(axis=0)) + span.crop // step
            counted[units] += 1
            for unit in units[[0, -1]] if len(units) else ():
                first, last = max(unit * step - before, 0), min(unit * step + after, length - 1)
                assert span.crop <= first
                assert last < span.crop + axis.side
        assert (counted == 1).all()
    assert axis.spans[0].begin == 0
    assert axis.spans[-1].end == length
    assert all(one.end == other.begin for one, other in pairwise(axis.spans))
    assert all(span.end - span.begin <= max(tile, field.stride) for span in axis.spans[:-1])


def test_a_smaller_halo_makes_smaller_crops():
    field = FIELDS["inception_4c/output"]
    sides = [divide(3000, 512, field, halo).side for halo in (0, 64, 148, None, 1000)]
    assert sides[0] < sides[1] < sides[2] == sides[3] == sides[4]


# --- what units see -------------------------------------------------------------------------------


def test_a_unit_sees_its_field_and_no_pixel_more(model):
    """Pixels are changed around the field of one unit, and on its edges."""
    field = field_of(model)
    (windows,) = field.layers
    step, (before, after) = field.stride, reach(windows)
    middle = -(-before // step)
    size = (middle + 1) * step + after
    inside = slice(middle * step - before, middle * step + after + 1)
    session = model.session(size, size, own_units=True).run
    own = np.zeros((1, 1, side(windows, size), side(windows, size)), np.float32)
    own[..., middle, middle] = 1

    def answer(image):
        return session.run(["objective", "gradient"], {"image": image, "own": own})

    image = model.preprocess(picture(size, size))
    objective, gradient = answer(image)
    assert objective > 0
    changed = np.roll(image, 7, axis=3)
    changed[..., inside, inside] = image[..., inside, inside]
    other, same = answer(changed)
    assert other == objective
    np.testing.assert_array_equal(same, gradient)
    gradient[..., inside, inside] = 0
    assert not gradient.any()
    for edge in (inside.start, inside.stop - 1):
        for axis in (2, 3):
            changed = image.copy()
            line = [slice(None), slice(None), inside, inside]
            line[axis] = edge
            changed[tuple(line)] *= -8
            assert answer(changed)[0] != objective


# --- the gradient ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(115, 162), (48, 421)])
def test_the_gradient_of_tiles_is_the_whole_pictures(model, size):
    image = model.preprocess(picture(*size))
    objective, whole = model.gradient(image)
    for tile in (32, 64):
        ascent = TiledAscent(model, *size, Tiling(tile, field_of(model)))
        ascent.put(image)
        assert ascent.count > 1 or size[1] < 200
        assert math.isclose(ascent.add_up(), objective, rel_tol=1e-5)
        assert np.abs(ascent.gradient - whole).max() < 1e-5 * np.abs(whole).max()


def test_a_halo_that_is_too_small_is_not_exact(shallow):
    image = shallow.preprocess(picture(90, 90))
    _, whole = shallow.gradient(image)
    errors = []
    for halo in (0, 4, 8):
        ascent = TiledAscent(shallow, 90, 90, Tiling(32, field_of(shallow), halo))
        ascent.put(image)
        ascent.add_up()
        errors.append(np.linalg.norm(ascent.gradient - whole) / np.linalg.norm(whole))
    assert errors[0] > 2 * errors[1] > 0.002
    assert errors[2] < 1e-6


def test_a_step_in_tiles_is_a_step(shallow):
    """The rolled picture is divided, and its seam is an edge."""
    image = shallow.preprocess(picture(75, 118))
    whole = make_ascent(shallow, 75, 118)
    tiles = TiledAscent(shallow, 75, 118, Tiling(40, field_of(shallow)))
    whole.put(image, 5, -90)
    tiles.put(image.copy(), 5, -90)
    for ours, theirs in zip(tiles.step(1.5, 3, 4), whole.step(1.5, 3, 4), strict=True):
        assert math.isclose(ours, theirs, rel_tol=1e-5)
    np.testing.assert_allclose(tiles.take(), whole.take(), atol=2e-3)


def test_a_gradient_that_is_not_finite_changes_nothing(shallow):
    image = shallow.preprocess(picture(75, 80))
    image[0, 0, 3, 3] = math.nan
    ascent = TiledAscent(shallow, 75, 80, Tiling(40, field_of(shallow)))
    ascent.put(image.copy())
    assert math.isnan(ascent.step(1.5)[1])
    np.testing.assert_allclose(ascent.take(), image, atol=1e-4)


# --- dreams ---------------------------------------------------------------------------------------

SETTINGS = Settings(seed=3, iterations=2, octaves=3)


@pytest.fixture
def in_files(monkeypatch, tmp_path):
    """Whole pictures are kept in files in this folder, and worked on row by row or so."""
    monkeypatch.setenv("ORT_DEEPDREAM_CACHE", str(tmp_path))
    monkeypatch.setattr(tiling, "IN_MEMORY", 0)
    monkeypatch.setattr(mapped, "BAND", 5000)
    return tmp_path


def test_a_dream_in_tiles_and_in_files(shallow, in_files, monkeypatch):
    rgb = picture(98, 140)
    made = dream(shallow, rgb, SETTINGS, tile=48, keep_octaves=True)
    assert list(in_files.glob("**/*")) == [in_files / "pictures"]  # the files have no names
    assert made.tiling.tile == 48
    monkeypatch.setattr(tiling, "IN_MEMORY", math.inf)
    monkeypatch.setattr(mapped, "BAND", 1 << 24)
    inside = dream(shallow, rgb, SETTINGS, tile=48, keep_octaves=True)
    np.testing.assert_array_equal(made.rgb, inside.rgb)
    for ours, theirs in zip(made.octaves, inside.octaves, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    whole = dream(shallow, rgb, SETTINGS, tile="off")
    assert whole.tiling is None
    np.testing.assert_allclose(made.objectives[0], whole.objectives[0], rtol=1e-4)
    assert np.abs(made.rgb - whole.rgb).mean() < 0.1  # a rounding may turn a pool's choice


def test_tiles_are_told_and_can_stop(shallow):
    rgb, seen = picture(98, 140), []

    def count(at):
        seen.append(at)
        return at.octave < 3 or at.tile < 2

    made = dream(shallow, rgb, SETTINGS, tile=48, on_tile=count)
    assert made.stopped
    assert [len(values) for values in made.objectives] == [2, 2, 0]
    fractions = [at.fraction for at in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] < 1
    assert all(1 <= at.tile <= at.tiles for at in seen)
    complete = dream(shallow, rgb, Settings(seed=3, iterations=2, octaves=3), tile=48)
    assert made.objectives[:2] == complete.objectives[:2]


def test_an_unfinished_step_leaves_the_picture(shallow):
    image = shallow.preprocess(picture(75, 80))
    field = field_of(shallow)
    ascent = TiledAscent(shallow, 75, 80, Tiling(40, field), on_tile=lambda *_: False)
    ascent.put(image.copy())
    with pytest.raises(UnfinishedStepError):
        ascent.step(1.5)
    np.testing.assert_array_equal(ascent.take(), image)
    assert not ascent.gradient.any()


def test_a_mask_with_tiles(shallow):
    rgb, mask = picture(98, 140), np.ones((98, 140), np.float32)
    mask[:, 70:] = 0
    made = dream(shallow, rgb, SETTINGS, tile=48, mask=mask)
    np.testing.assert_array_equal(made.rgb[:, 70:], rgb[:, 70:])
    assert np.abs(made.rgb[:, :70] - rgb[:, :70]).mean() > 1


# --- how large ------------------------------------------------------------------------------------


def room(monkeypatch, free):
    monkeypatch.setattr(tiling, "available", lambda: Room(free, "free here"))


def test_auto_takes_tiles_where_the_whole_does_not_fit(shallow, monkeypatch):
    room(monkeypatch, 10**10)
    assert tiling_for(shallow, 4000, 4000) is None
    room(monkeypatch, 2 * 10**9)
    large = tiling_for(shallow, 4000, 4000)
    room(monkeypatch, 5 * 10**8)
    small = tiling_for(shallow, 4000, 4000)
    assert large.tile > small.tile
    for found, most in ((large, tiling.MOST_FOR_A_TILE), (small, 25 * 10**7)):
        height, width = found.crop(4000, 4000)
        assert height * width * 400 <= most
    assert tiling_for(shallow, 4000, 4000, "off") is None


@pytest.mark.parametrize(
    ("free", "arguments", "words"),
    [
        (10**9, (3,), "too small for conv2/3x3: choose 4 or more"),
        (10**9, (3000,), r"take about 1\.6 GB of memory with their halo"),
        (10**7, ("auto",), "the smallest tiles"),
        (10**9, ("off", 8), "tiles, which are off"),
        (10**9, ("some",), "auto, off or a number"),
    ],
)
def test_what_does_not_fit_is_said(shallow, monkeypatch, free, arguments, words):
    room(monkeypatch, free)
    with pytest.raises(DreamError, match=words):
        tiling_for(shallow, 4000, 4000, *arguments)


def test_a_full_disk_is_said_before_it_begins(shallow, monkeypatch, in_files):
    monkeypatch.setattr(tiling, "_free_disk", lambda folder: 10**5)
    with pytest.raises(DreamError, match=r"takes 0\.00 GB of .*pictures, where 0\.00 GB are free"):
        dream(shallow, picture(98, 140), SETTINGS, tile=48)


def test_a_disk_without_room_for_an_array(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mapped.os, "posix_fallocate", full)
    with pytest.raises(DreamError, match="the disk is full"):
        Store(tmp_path).empty(1, 3, 10, 10)


def test_a_layer_whose_field_is_not_known(tmp_path):
    model = load_model(write_gradient_file(tmp_path / "a.onnx"), "cpu")
    with pytest.raises(DreamError, match="it is not known how far"):
        tiling_for(model, 4000, 4000, 64)
    assert tiling_for(model, 10**6, 10**6) is None  # where the whole picture is refused


def test_what_shapes_a_gradient_is_refused(shallow):
    settings = Settings(seed=1, iterations=1, octaves=1, laplacian=1.0)
    with pytest.raises(DreamError, match="--laplacian"):
        dream(shallow, picture(98, 140), settings, tile=48)
