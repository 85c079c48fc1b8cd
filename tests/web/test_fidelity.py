"""The page computes what the command computes: each function bit for bit, against Python's own."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import shlex
from io import BytesIO

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.external_data_helper import ExternalDataInfo
from PIL import Image
from weights_files import new_caffemodel, our_safetensors, random_tensors

from ort_deepdream.cli.machine import Machine
from ort_deepdream.cli.record import record
from ort_deepdream.cli.sources import Request
from ort_deepdream.cli.subject import Subject
from ort_deepdream.engine.ascent import roll_into
from ort_deepdream.engine.image import read_metadata
from ort_deepdream.engine.loading import load_model
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.octaves import octave_sizes, resize
from ort_deepdream.engine.sessions.gradient_file import read_gradient_file
from ort_deepdream.engine.settings import Settings
from ort_deepdream.measure.agreement import MOST_ERROR
from ort_deepdream.measure.analysis import analyse
from ort_deepdream.measure.result import VERSION as RESULT_VERSION
from ort_deepdream.measure.result import read_result
from ort_deepdream.measure.statistics import why_unstable
from ort_deepdream.report.board.rows import Board
from ort_deepdream.report.page.page import page
from ort_deepdream.report.runs import read_runs
from ort_deepdream.step import rolled_indices
from ort_deepdream.version import VERSION
from ort_deepdream.web.graphs import TARGET
from ort_deepdream.web.site import site_files
from ort_deepdream.weights.builtin import shipped_file
from ort_deepdream.weights.positions import guide_rows

SIDES = st.integers(1, 40)
RANDOM = st.integers(0, 2**32 - 1)
LAYER = "conv2/3x3"
FILES = {
    name: read_gradient_file(shipped_file(LAYER, TARGET, name)) for name in ("bvlc", "torchvision")
}

asked = settings(deadline=None)  # another process answers, when it has the processor


def planes(seed: int, height: int, width: int, levels: float = 300) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, levels, (3, height, width)).astype(np.float32)


def picture(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)


def as_planes(array: np.ndarray) -> dict[str, object]:
    return {"data": array, "height": array.shape[-2], "width": array.shape[-1]}


def as_picture(rgba: np.ndarray) -> dict[str, object]:
    return {"rgba": rgba, "height": rgba.shape[0], "width": rgba.shape[1]}


def from_planes(answer: dict[str, object]) -> np.ndarray:
    shape = (3, answer["height"], answer["width"])
    return np.frombuffer(base64.b64decode(answer["data"]), np.float32).reshape(shape)


def model_of(name: str) -> Model:
    """A model that only knows its file: no session is needed to bring pictures into its units."""
    model = Model.__new__(Model)
    model.file = FILES[name]
    return model


def units(name: str) -> dict[str, object]:
    info = FILES[name].info
    return {
        "order": list(info.order),
        "mean": info.mean.ravel().tolist(),
        "scale": info.scale.ravel().tolist(),
    }


architectures = pytest.mark.parametrize("name", FILES)


@asked
@given(
    st.integers(0, 2**200),
    st.lists(st.tuples(st.integers(1, 20), st.integers(0, 100_000)), min_size=1, max_size=4),
)
def test_a_seed_gives_numpys_shifts(javascript, seed, draws):
    random = np.random.default_rng(seed)
    wanted = [random.integers(-most, most + 1, (count, 2)).tolist() for count, most in draws]
    assert javascript.ask("shifts", {"big": str(seed)}, draws) == wanted


@asked
@given(
    st.integers(1, 3000),
    st.integers(1, 3000),
    st.integers(1, 20),
    st.floats(1.001, 10),
    st.sampled_from([4, 8, 16, 32]),
)
def test_octaves_have_the_same_sizes(javascript, height, width, octaves, scale, least):
    wanted = [list(size) for size in octave_sizes(height, width, octaves, scale, least)]
    assert javascript.ask("octaveSizes", height, width, octaves, scale, least) == wanted


@asked
@given(RANDOM, SIDES, SIDES, SIDES, SIDES)
def test_resizing_is_bit_for_bit_the_same(javascript, seed, height, width, new_height, new_width):
    image = planes(seed, height, width)
    answer = from_planes(javascript.ask("resize", as_planes(image), new_height, new_width))
    np.testing.assert_array_equal(answer, resize(image, new_height, new_width))


@asked
@given(RANDOM, SIDES, SIDES, st.integers(-99, 99), st.integers(-99, 99))
def test_rolling_is_the_same(javascript, seed, height, width, down, across):
    image = planes(seed, height, width)
    wanted = np.empty_like(image)
    roll_into(wanted, image, down, across)
    answer = javascript.ask("roll", as_planes(image), down, across)
    np.testing.assert_array_equal(from_planes(answer), wanted)


@asked
@given(st.integers(1, 400), st.integers(-99_999, 99_999))
def test_a_step_is_told_the_same_roll(javascript, count, shift):
    answer = base64.b64decode(javascript.ask("rolledIndices", count, shift))
    np.testing.assert_array_equal(np.frombuffer(answer, np.int64), rolled_indices(count, shift))


@architectures
@asked
@given(seed=RANDOM, height=SIDES, width=SIDES)
def test_a_picture_comes_into_the_networks_units_the_same(javascript, name, seed, height, width):
    rgba = picture(seed, height, width)
    answer = from_planes(javascript.ask("preprocess", as_picture(rgba), units(name)))
    np.testing.assert_array_equal(answer, model_of(name).preprocess(rgba[..., :3])[0])


@architectures
@asked
@given(seed=RANDOM, height=SIDES, width=SIDES)
def test_and_out_of_them_rounded_the_same(javascript, name, seed, height, width):
    model = model_of(name)
    image = planes(seed, height, width) * model.info.scale
    answer = base64.b64decode(javascript.ask("deprocess", as_planes(image), units(name)))
    rgb = model.deprocess(image[np.newaxis])
    wanted = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
    found = np.frombuffer(answer, np.uint8).reshape(height, width, 4)
    np.testing.assert_array_equal(found[..., :3], wanted)
    assert (found[..., 3] == 255).all()


@architectures
def test_black_and_white_and_the_length_of_a_step_are_the_same(javascript, name):
    model = model_of(name)
    answers = [base64.b64decode(one) for one in javascript.ask("limits", units(name))]
    for answer, wanted in zip(answers, model.limits(), strict=True):
        np.testing.assert_array_equal(np.frombuffer(answer, np.float32), wanted.ravel())
    assert javascript.ask("meanScale", units(name)) == float(model.info.scale.mean())


# --- A guide --------------------------------------------------------------------------------------


@asked
@given(RANDOM, st.integers(1, 5), SIDES, SIDES, st.integers(1, 16))
def test_a_guides_features_are_the_same_rows(javascript, seed, channels, height, width, parts):
    features = np.random.default_rng(seed).normal(0, 9, (1, channels, height, width))
    features = features.astype(np.float32)
    rows, numbers = guide_rows(features, parts)
    answer = javascript.ask("guideRows", features, channels, parts)
    for name, wanted in {"rows": rows, "numbers": numbers}.items():
        found = np.frombuffer(base64.b64decode(answer[name]), np.float32)
        np.testing.assert_array_equal(found.reshape(wanted.shape), wanted)


# --- A bench --------------------------------------------------------------------------------------

PHONE = {"userAgent": "Mozilla/5.0 (Android 15; Mobile) Firefox/153.0", "platform": "Linux armv8l"}


def page_result(javascript, release, tmp_path, adapter, error, browser=PHONE):
    """What the page's bench would save, read as any other result."""
    first, samples = [0.3, 0.2, 0.1], [0.1, 0.11, 0.1, 0.1, 0.1]
    opened = {"isolated": True}
    dream = {"session": 0.25, "first steps": 1.5, "steps": 2.0, "write": 0.25}
    found = {"opened": opened, "first": first, "samples": samples}
    found |= {"dreamt": {**dream, "first steps": 3.5}, "dreams": [dream] * 3}
    wasm = {"name": "wasm, 1 thread", "backend": "wasm", "threads": 1, **found}
    webgpu = {"name": "webgpu-browser", "backend": "webgpu", "threads": None, **found}
    webgpu |= {"adapter": adapter, "error": error} if adapter else {"missing": "there is none"}
    chosen = {"iterations": 10, "octaves": 4, "octave_scale": 1.4, "step": 1.5, "jitter": 32}
    settings = {**chosen, "seed": 0}
    photo = {"name": "example.jpg", "width": 451, "height": 300}
    rest = {"size": {"width": 182, "height": 158}, "most": MOST_ERROR, "photo": photo}
    answer = javascript.ask("resultOf", release, browser, [wasm, webgpu], settings, rest)
    path = tmp_path / "page-bench.json"
    path.write_text(json.dumps(answer))
    return read_result(path)


@pytest.mark.parametrize(
    ("adapter", "is_gpu"),
    [
        ({"name": "google swiftshader", "fallback": True}, False),
        ({"name": "", "fallback": True}, False),
        ({"name": "qualcomm adreno", "fallback": False}, True),
        (None, False),
    ],
)
def test_what_the_page_measured_is_a_result(javascript, release, tmp_path, adapter, is_gpu):
    result = page_result(javascript, release, tmp_path, adapter, 1e-6)
    assert (result.version, result.machine.project) == (RESULT_VERSION, VERSION)
    assert result.machine.gpu == ("qualcomm adreno" if is_gpu else None)
    assert {one.browser for one in result.contenders} == {"Firefox 153.0"}
    assert (
        result.model.files["portable"]
        == hashlib.sha256(shipped_file("inception_4c/output", "portable").read_bytes()).hexdigest()
    )
    analysis = analyse(result)
    assert bool(analysis.accelerators) == is_gpu
    assert analysis.failures == ()
    (run,) = read_runs([tmp_path / "page-bench.json"])
    assert "webgpu-browser" in page([run], [])
    board = Board()
    board.add(run, "")
    names = [one.name for one in result.contenders if not one.missing]
    assert [(row.contender, row.times[0].value) for row in board.rows] == [(n, 4.0) for n in names]
    dreams = [one for one in result.series if one.kind == "warm"]
    assert [(one.first, one.stable, len(one.samples)) for one in dreams] == [
        ((6.0,), True, 3) for _ in names
    ]


def test_a_gradient_that_is_wrong_is_a_failure_there_too(javascript, release, tmp_path):
    adapter = {"name": "qualcomm adreno", "fallback": False}
    result = page_result(javascript, release, tmp_path, adapter, 2 * MOST_ERROR)
    assert [one.contender for one in analyse(result).failures] == ["webgpu-browser"]


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("X11; Linux) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36", "Chromium 156.0.0.0"),
        ("Windows) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.1.2", "Edge 156.0.1.2"),
        ("iPhone) AppleWebKit/605.1 Version/19.0 Mobile/15E148 Safari/604.1", "Safari 19.0"),
        ("something else", "a browser without a name"),
    ],
)
def test_a_browser_is_told_by_what_it_says_of_itself(javascript, release, tmp_path, agent, name):
    browser = {"userAgent": agent, "platform": ""}
    result = page_result(javascript, release, tmp_path, None, None, browser)
    assert result.contenders[0].browser == name
    assert "a system without a name" in result.machine.processor


@asked
@given(st.lists(st.floats(0.01, 10), min_size=3, max_size=12))
def test_samples_are_settled_for_the_page_when_they_are_for_the_bench(javascript, samples):
    found, wanted = javascript.ask("whyUnstable", samples), why_unstable(samples)
    assert (found is None) == (wanted is None)


# --- Weights of one's own -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["safetensors", "caffemodel"])
def test_a_graph_finds_each_tensor_where_it_lies_in_the_file(javascript, kind):
    graph = onnx.load(FILES["bvlc"].path, load_external_data=False).graph.initializer
    names = [tensor.name for tensor in graph if tensor.external_data]
    tensors = {name: one for name, one in random_tensors().items() if name in names}
    write = our_safetensors if kind == "safetensors" else new_caffemodel
    weights = np.frombuffer(write(tensors), np.uint8)
    shipped = np.frombuffer(FILES["bvlc"].content, np.uint8)
    answer = base64.b64decode(javascript.ask("pointAt", shipped, kind, weights, "mine"))
    found = onnx.load_from_string(answer)
    seen = 0
    for tensor in found.graph.initializer:
        if tensor.external_data:
            place = ExternalDataInfo(tensor)
            raw = weights[place.offset : place.offset + place.length].view("<f4")
            assert (place.location, tensor.data_type) == ("mine", onnx.TensorProto.FLOAT)
            np.testing.assert_array_equal(raw.reshape(tensor.dims), tensors[tensor.name])
            seen += 1
    assert seen == len(names) > 4
    wanted = onnx.load_from_string(FILES["bvlc"].content)
    for model in (found, wanted):
        for tensor in model.graph.initializer:
            if tensor.external_data:
                tensor.ClearField("external_data")
                tensor.data_type = onnx.TensorProto.FLOAT
    assert found == wanted  # in all else


# --- What is saved --------------------------------------------------------------------------------


@asked
@given(RANDOM, SIDES, SIDES, st.booleans())
def test_a_png_holds_every_pixel_and_every_word(javascript, tmp_path_factory, seed, h, w, opaque):
    rgba = picture(seed, h, w)
    if opaque:
        rgba[..., 3] = 255
    text = {"Software": "ort-deepdream", "deepdream.source": "Träume – 夢.jpg"}
    content = base64.b64decode(javascript.ask("encodePng", as_picture(rgba), text))
    image = Image.open(BytesIO(content))
    assert image.mode == ("RGBA" if (rgba[..., 3] < 255).any() else "RGB")
    np.testing.assert_array_equal(np.asarray(image.convert("RGBA")), rgba)
    path = tmp_path_factory.mktemp("png") / "dream.png"
    path.write_bytes(content)
    assert read_metadata(path) == text


@pytest.fixture(scope="session")
def release(runtime):
    script = site_files(runtime, offline=True)["release.js"].decode()
    return json.loads(script.partition("self.RELEASE = ")[2].partition(";\nself")[0])


def page_record(javascript, release, source="photo.png", **changed):
    chosen = {"iterations": 10, "octaves": 4, "octave_scale": 1.4, "step": 1.5, "jitter": 32}
    file = FILES["bvlc"]
    info = {
        "architecture": file.info.architecture,
        "weights": file.info.weights,
        "weightsSha256": file.info.weights_sha256,
        "target": file.info.target,
        "precision": file.info.precision,
    }
    origin = ["--weights", "builtin", f"--layer={LAYER}"]
    sha256 = release["files"]["models/conv2-3x3.onnx"]["sha256"]
    given = {"source": source, "origin": origin, "layers": [LAYER], "sha256": sha256}
    given |= {"info": info, "threads": 2, "backend": "wasm", "guides": []}
    settings = {**chosen, "seed": {"big": "7"}, **changed}
    return javascript.ask("record", release, {**given, "settings": settings})


def test_a_dream_says_of_itself_what_the_commands_says(javascript, release, tmp_path):
    model = load_model(FILES["bvlc"].path, "cpu", 2)
    machine = Machine("cpu", 2)
    photo, request = Subject(tmp_path / "photo.png"), Request(None, "builtin", (LAYER,))
    wanted = record(photo, request, model, Settings(seed=7), machine, None)
    del wanted["deepdream.numpy"]
    found = page_record(javascript, release)
    assert list(found) == list(wanted)
    different = {name for name in wanted if found[name] != wanted[name]}
    ran = {"backend", "placement", "onnxruntime", "command"}
    assert different == {f"deepdream.{name}" for name in ran}
    own = wanted["deepdream.command"].replace(" --threads 2", "")
    assert found["deepdream.command"] == own
    assert found["Software"] == f"ort-deepdream {VERSION}"


@asked
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_shell_reads_the_photographs_name_as_it_is(javascript, release, name):
    line = page_record(javascript, release, source=name)["deepdream.command"]
    assert shlex.split(line)[2] == name


@asked
@given(st.floats(1.01, 50), st.integers(-255, 255) | st.floats(-255, 255))
def test_a_number_is_written_so_that_it_is_read_as_it_was(javascript, release, scale, step):
    found = page_record(javascript, release, octave_scale=scale, step=step)
    assert float(found["deepdream.octave_scale"]) == scale
    assert math.isclose(float(found["deepdream.step"]), step, abs_tol=0)
