"""Steps that leave the picture on the device, against numpy; the fragment that makes them."""

from __future__ import annotations

import dataclasses
import functools
import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from gradient_files import MATRIX, write_gradient_file, write_hungry
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ort_deepdream import BACKENDS, DreamError, Model, load_model
from ort_deepdream.engine.ascent import Ascent, StaticAscent, make_ascent, roll_into
from ort_deepdream.export.ascent import ENDS, ascent_model
from ort_deepdream.step import (
    ADDED_INPUTS,
    PACKED,
    PACKED_INPUTS,
    limits_feed,
    move_feed,
    packed,
    rolled_indices,
)
from scripts.write_ascent import GRAPHS, contents

Array = NDArray[np.float32]
SHIFTS = st.integers(-200, 200)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("model") / "tiny.onnx"
    return load_model(write_gradient_file(path), "cpu", threads=1)


def image(height: int, width: int, scale: float = 60.0) -> Array:
    random = np.random.default_rng([height, width])
    return random.normal(0, scale, (1, 3, height, width)).astype(np.float32)


def ascended(model: Model, picture: Array, length: float) -> Array:
    """One step in float64."""
    gradient = np.einsum("kc,kd,ndhw->nchw", MATRIX, MATRIX, picture.astype(np.float64))
    low, high = model.limits()
    return np.clip(picture + length / np.abs(gradient).mean() * gradient, low, high)


KINDS = pytest.mark.parametrize("kind", [Ascent, StaticAscent])


@KINDS
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (8, 1), (29, 37)])
def test_steps_are_numpys(model, shape, kind):
    expected = image(*shape).astype(np.float64)
    ascent = kind(model, *shape)
    ascent.put(image(*shape), 3, -5)
    for shift in ((11, 2), (0, 0), (-40, 4), (5, 5)):
        objective, mean = ascent.step(1.5, *shift)
        gradient = np.einsum("kc,kd,ndhw->nchw", MATRIX, MATRIX, expected)
        assert mean == pytest.approx(np.abs(gradient).mean(), rel=1e-5)
        assert objective == pytest.approx(0.5 * (gradient * expected).sum(), rel=1e-4)
        expected = ascended(model, expected, 1.5)
        np.testing.assert_allclose(ascent.take(), expected, atol=1e-3)


@KINDS
def test_one_ascent_serves_many_pictures(model, kind):
    ascent = kind(model, 9, 11)
    for scale in (1.0, 30.0, 5.0):
        picture = image(9, 11, scale)
        ascent.put(picture)
        ascent.step(2.0, 4, 4)
        np.testing.assert_allclose(ascent.take(), ascended(model, picture, 2.0), atol=1e-3)


@KINDS
def test_the_callers_picture_is_not_changed(model, kind):
    picture = image(9, 11)
    before = picture.copy()
    ascent = kind(model, 9, 11)
    ascent.put(picture)
    for _ in range(3):
        ascent.step(20.0)
    assert (picture == before).all()


@KINDS
def test_buffers_are_reused(model, kind):
    """After the first step, two buffers take turns."""
    ascent = kind(model, 9, 11)
    ascent.put(image(9, 11))
    seen = []
    for _ in range(6):
        ascent.step(1.0)
        seen.append(ascent.picture.data_ptr())
    assert len(set(seen)) == 2
    assert seen[0] == seen[2] == seen[4] != seen[1] == seen[3] == seen[5]


@pytest.fixture
def on_cuda_targets_steps(tmp_path: Path) -> Model:
    """Steps that take and give blocks, in place, on the real CPU provider."""
    backend = dataclasses.replace(BACKENDS["cpu"], target="cuda")
    return load_model(write_gradient_file(tmp_path / "tiny.onnx"), backend)


@KINDS
@pytest.mark.parametrize("in_place", [False, True])
def test_steps_that_take_blocks_are_numpys(monkeypatch, on_cuda_targets_steps, kind, in_place):
    monkeypatch.setattr(StaticAscent, "_in_place", in_place)
    model, shape = on_cuda_targets_steps, (29, 37)
    expected = image(*shape).astype(np.float64)
    ascent = kind(model, *shape)
    ascent.put(image(*shape), 3, -5)
    for shift in ((11, 2), (0, 0), (-40, 4), (5, 5)):
        objective, mean = ascent.step(1.5, *shift)
        gradient = np.einsum("kc,kd,ndhw->nchw", MATRIX, MATRIX, expected)
        assert mean == pytest.approx(np.abs(gradient).mean(), rel=1e-5)
        assert objective == pytest.approx(0.5 * (gradient * expected).sum(), rel=1e-4)
        expected = ascended(model, expected, 1.5)
        np.testing.assert_allclose(ascent.take(), expected, atol=1e-3)
    value, found = model.gradient(image(*shape))
    np.testing.assert_allclose(
        found, np.einsum("kc,kd,ndhw->nchw", MATRIX, MATRIX, image(*shape)), rtol=1e-4, atol=1e-3
    )
    assert value > 0


@KINDS
def test_a_failure_of_onnx_runtimes_is_one_line(tmp_path, kind):
    ascent = kind(load_model(write_hungry(tmp_path / "hungry.onnx"), "cpu"), 9, 11)
    ascent.put(image(9, 11))
    with pytest.raises(DreamError, match=r"^backend cpu failed on a picture of 11x9 pixels \(.*"):
        ascent.step(1.0)
    with pytest.raises(DreamError, match="Failed to allocate memory"):
        load_model(tmp_path / "hungry.onnx", "cpu").gradient(image(9, 11))


def test_a_static_ascent_never_moves_a_buffer(model):
    """Which is what a CUDA graph needs; capturing itself needs a GPU."""
    ascent = StaticAscent(model, 9, 11)
    everything = [*ascent.inputs.values(), *ascent.scalars.values(), *ascent.pictures]
    before = [value.data_ptr() for value in everything]
    assert len(set(before)) == len(before)
    for _ in range(2):
        ascent.put(image(9, 11))
        ascent.step(1.0, 1, 2)
        ascent.step(1.0, 3, 4)
    assert [value.data_ptr() for value in everything] == before


@pytest.mark.parametrize(("value", "captured"), [("1", True), ("True", True), ("0", False)])
def test_cuda_graphs_are_asked_for_by_a_provider_option(tmp_path, value, captured):
    model = load_model(write_gradient_file(tmp_path / "tiny.onnx"), "cpu")
    options = {"enable_cuda_graph": value}
    model.backend = dataclasses.replace(model.backend, provider_options=options, fixed_sizes=True)
    ascent = make_ascent(model, 5, 5)
    assert type(ascent) is StaticAscent
    # A second dream must not give a captured graph other buffers.
    assert (make_ascent(model, 5, 5) is ascent) == captured
    assert make_ascent(model, 6, 5) is not ascent


def test_elsewhere_onnx_runtime_allocates(tmp_path):
    model = load_model(write_gradient_file(tmp_path / "tiny.onnx"), "cpu")
    model.backend = dataclasses.replace(model.backend, provider="OtherExecutionProvider")
    assert type(make_ascent(model, 5, 5)) is Ascent


@pytest.mark.parametrize("factor", [0.0, math.nan, math.inf, 1e-37])
def test_a_useless_gradient_changes_nothing(tmp_path, factor):
    useless = load_model(write_gradient_file(tmp_path / "tiny.onnx", factor=factor), "cpu")
    picture = image(9, 11, 1.0)
    ascent = Ascent(useless, 9, 11)
    ascent.put(picture, 1, 2)
    ascent.step(1.5, 3, 4)
    assert (ascent.take() == picture).all()


@pytest.mark.parametrize("in_blocks", [False, True])
def test_what_is_fed_is_what_is_declared(in_blocks):
    height, width = 3, 5
    move = move_feed(height, width)
    feed = {
        **limits_feed(*np.zeros((2, 3, 1, 1), np.float32)),
        **(packed(move) if in_blocks else move),
    }
    types = {"float32": "float", "int64": "int64"}
    found = {}
    for name, value in feed.items():
        sides = str(list(value.shape)).replace("[]", "")
        found[name] = f"{types[value.dtype.name]}{sides}"
    declared = {
        name: kind.replace("height", "3").replace("width", "5").replace("moves", "9")
        for name, kind in (PACKED_INPUTS if in_blocks else ADDED_INPUTS).items()
    }
    assert found == declared


def test_a_step_without_a_length_leads_nowhere(model):
    picture = image(9, 11, 1.0)
    ascent = Ascent(model, 9, 11)
    ascent.put(picture)
    ascent.step(0.0)
    assert (ascent.take() == picture).all()


@functools.cache
def ascent_session(target: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(ascent_model(target).SerializeToString())


@pytest.mark.parametrize("target", ENDS)
@settings(deadline=None)  # the first example makes the session
@given(st.integers(1, 9), st.integers(1, 9), SHIFTS, SHIFTS)
def test_every_targets_fragment_is_numpys_step(target, height, width, down, across):
    session = ascent_session(target)
    is_packed = target in PACKED
    move = {
        "length": np.array(1.5, np.float32),
        "rows": rolled_indices(height, down),
        "columns": rolled_indices(width, across),
    }
    given = {**packed(move), "objective": np.array(7, np.float32)} if is_packed else move
    picture, gradient = image(height, width), image(height, width, 0.1)[..., ::-1]
    low = np.full((1, 3, 1, 1), -50, np.float32)
    high = np.array([40, 50, 60], np.float32).reshape(1, 3, 1, 1)
    found, following = session.run(
        ["report" if is_packed else "mean", "next"],
        {
            "image": picture,
            "gradient": gradient,
            "low": low,
            "high": high,
            **given,
        },
    )
    *objective, mean = found if is_packed else [found]
    assert objective == ([7] if is_packed else [])
    assert mean == pytest.approx(np.abs(gradient).mean(), rel=1e-5)
    expected = np.clip(picture + 1.5 / np.abs(gradient).mean() * gradient, low, high)
    np.testing.assert_allclose(following, np.roll(expected, (down, across), (2, 3)), atol=1e-3)


def test_the_committed_fragments_are_todays():
    assert {path.name: path.read_bytes() for path in GRAPHS.iterdir()} == contents()


def test_a_fragment_makes_a_valid_model_of_a_gradient_file(tmp_path):
    path = write_gradient_file(tmp_path / "tiny.onnx")
    for target in ENDS:
        whole = path.read_bytes() + (GRAPHS / f"ascent.{target}.pb").read_bytes()
        onnx.checker.check_model(onnx.load_from_string(whole), full_check=True)


@pytest.mark.parametrize("target", ["portable", "cuda"])
def test_the_shipped_files_have_no_name_of_the_fragments(target):
    fragment = ascent_model(target).graph
    names = {name for node in fragment.node for name in node.output} - {"mean", "report", "next"}
    assert all(name.startswith("ascent/") for name in names)
    shipped = list((Path(__file__).parents[2] / "weights" / "builtin").glob("*.onnx"))
    assert shipped
    for path in shipped:
        graph = onnx.load(path, load_external_data=False).graph
        taken = {name for node in graph.node for name in node.output}
        taken |= {value.name for value in graph.initializer}
        assert not taken & {value.name for value in (*fragment.input, *fragment.output)} - {
            *("image", "objective", "gradient")
        }


@given(st.integers(1, 9), SHIFTS)
def test_rolled_indices_are_numpys_roll(count, shift):
    values = np.arange(count)
    assert (values[rolled_indices(count, shift)] == np.roll(values, shift)).all()


@given(st.integers(1, 9), st.integers(1, 9), SHIFTS, SHIFTS)
def test_roll_into_is_numpys_roll(height, width, down, across):
    source = np.arange(2 * height * width, dtype=np.float32).reshape(1, 2, height, width)
    target = np.full_like(source, np.nan)
    roll_into(target, source, down, across)
    assert (target == np.roll(source, (down, across), (-2, -1))).all()


@pytest.mark.parametrize("target", sorted(ENDS))
def test_the_ends_of_a_step_for_each_target_make_the_same_picture(tmp_path, target):
    """At the limits too; and a gradient of nothing changes nothing."""
    path = write_gradient_file(tmp_path / "tiny.onnx")

    def picture(name: str, image: NDArray[np.float32]) -> NDArray[np.float32]:
        backend = dataclasses.replace(BACKENDS["cpu"], target=name, fixed_sizes=True)
        ascent = make_ascent(load_model(path, backend), *image.shape[2:])
        ascent.put(image)
        for down, across in ((2, -3), (0, 1)):
            ascent.step(40.0, down, across)
        return ascent.take()

    image = np.random.default_rng(5).uniform(-100, 100, (1, 3, 6, 9)).astype(np.float32)
    assert np.allclose(picture(target, image), picture("portable", image), rtol=1e-6, atol=1e-4)
    nothing = np.zeros_like(image)
    assert np.array_equal(picture(target, nothing), nothing)
