"""Contenders in a browser: planned, refused, and measured as all others are."""

from __future__ import annotations

import importlib.util
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import synthetic_results
from PIL import Image
from settled_dream import LAYER, photograph
from small_bench import plan

from ort_deepdream import Settings
from ort_deepdream.engine.image import read_picture
from ort_deepdream.errors import DreamError
from ort_deepdream.measure.analysis import analyse, computes_on_processor
from ort_deepdream.measure.bench import Bench
from ort_deepdream.measure.browser_files import external_files
from ort_deepdream.measure.browser_plan import plan_browser
from ort_deepdream.measure.browsers import find_program
from ort_deepdream.measure.libraries import WEB
from ort_deepdream.measure.process import ContenderProcess
from ort_deepdream.measure.result import read_result
from ort_deepdream.web.runtime import VERSION, fetch_runtime
from ort_deepdream.web.server import Server
from ort_deepdream.web.site import site_files
from ort_deepdream.weights.builtin import WEIGHTS_FILE, shipped_file
from scripts.screenshot_report import find_chromium

SETTINGS = Settings(iterations=2, octaves=2, seed=0)
needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="no Chromium here")


def shipped(target: str) -> Path:
    return shipped_file(LAYER, target)


# --- Planned and refused ----------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "my-firefox"
    path.write_text("")
    return path


def planned(program: Path, *threads: int, settings: Settings = SETTINGS):
    return plan_browser(str(program), "http://127.0.0.1:1/", threads, shipped, settings)


def test_webassembly_has_the_threads_that_were_asked_for_and_webgpu_its_own_graph(program):
    found = planned(program, 1, 2, 1)
    assert [one.name for one in found] == ["wasm, 1 thread", "wasm, 2 threads", "webgpu-browser"]
    assert [one.record.target for one in found] == ["cpu", "cpu", "portable"]
    assert {one.record.library for one in found} == {WEB}
    assert {one.record.browser for one in found} == {"my-firefox"}  # without its folder
    assert {one.kinds for one in found} == {("step", "warm")}
    assert next(one.name for one in planned(program)) == "wasm, 1 thread"


def test_a_program_is_told_by_its_name(program, tmp_path):
    assert find_program(str(program)).kind == "firefox"
    other = program.rename(tmp_path / "brave")
    assert find_program(str(other)).kind == "chromium"


def test_what_is_no_browser_is_refused_in_one_line(tmp_path):
    with pytest.raises(DreamError, match="--browser opera: is neither chromium nor firefox"):
        find_program("opera")


def test_a_setting_that_the_page_lacks_is_refused(program):
    with pytest.raises(DreamError, match="the page, which has no --smooth; leave one of"):
        planned(program, settings=replace(SETTINGS, smooth=1.0))


def test_without_playwright_its_extra_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DreamError, match=r"pip install 'ort-deepdream\[browser\]'"):
        find_program("chromium")


def test_the_files_beside_a_gradient_file_are_named_once():
    assert external_files(shipped("cpu").read_bytes()) == [WEIGHTS_FILE.name]
    assert external_files(b"") == []


@pytest.mark.parametrize(
    ("device", "on_processor"),
    [
        ("google swiftshader (software)", True),
        ("an adapter (software)", True),
        ("nvidia ampere", False),
        (None, False),
    ],
)
def test_a_fallback_adapter_is_no_gpu(program, device, on_processor):
    record = planned(program)[-1].record.model_copy(update={"device": device})
    assert computes_on_processor(record, synthetic_results.result().machine) == on_processor


# --- Measured ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page():
    try:
        runtime = fetch_runtime()
    except DreamError as error:
        pytest.skip(str(error))
    with Server(site_files(runtime, offline=False)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.address
        server.shutdown()


@pytest.fixture
def picture(tmp_path) -> Path:
    path = tmp_path / "photo.png"
    photograph().save(path)
    return path


@pytest.mark.slow
@needs_chromium
def test_its_gradient_and_dream_are_the_cpus_and_it_ends_with_its_process(page, picture, tmp_path):
    spec = plan_browser("chromium", page, [1], shipped, SETTINGS)[0].spec
    process = ContenderProcess(spec)
    mine = psutil.Process(process.child.pid).children(recursive=True)
    assert any("chrom" in one.name() for one in mine)
    about = process.ask("about", photo=str(picture))
    assert (about["threads"], about["isolated"]) == (1, True)
    assert about["browser"].startswith("Chromium 1")
    assert about["options"] == {"onnxruntime-web": VERSION}
    assert 0 < process.ask("step", photo=str(picture), count=3) < 60
    from ort_deepdream.engine.deepdream import dream
    from ort_deepdream.engine.loading import load_model

    model, rgb = load_model(shipped("cpu"), "cpu", 1), read_picture(picture).rgb
    gradient = tmp_path / "gradient.npy"
    process.ask("gradient", photo=str(picture), output=str(gradient))
    wanted = model.gradient(model.preprocess(rgb))[1]
    found = np.load(gradient)
    assert np.linalg.norm(found - wanted) < 1e-4 * np.linalg.norm(wanted)
    output = tmp_path / "dream.png"
    parts = process.ask("dream", photo=str(picture), output=str(output))
    assert set(parts) == {"session", "first steps", "steps", "write"}
    made = dream(model, rgb, SETTINGS).rgb
    with Image.open(output) as image:
        assert np.abs(np.asarray(image) - np.clip(np.rint(made), 0, 255)).max() <= 1
    process.close()
    assert psutil.wait_procs(mine, timeout=30)[1] == []


@pytest.mark.nightly
@needs_chromium
def test_a_bench_with_webgpu_in_software_has_no_gpu_in_it(page, picture, tmp_path):
    browser = tmp_path / "chromium-in-software"
    browser.write_text('#!/bin/sh\nexec chromium --use-webgpu-adapter=swiftshader "$@"\n')
    browser.chmod(0o755)
    asked = plan(picture, shipped("cpu"), backends=("cpu",), sizes=("40x32",), budget=900.0)
    found = plan_browser(str(browser), page, (), shipped, SETTINGS)
    output = tmp_path / "result.json"
    Bench(replace(asked, contenders=(*asked.contenders, *found)), output).run()
    result = read_result(output)
    web = [one for one in result.contenders if one.library == WEB]
    assert [one.missing for one in web] == [None] * len(web)
    assert web[-1].device.endswith("swiftshader (software)")
    assert all(one.browser.startswith("Chromium 1") and one.isolated for one in web)
    analysis = analyse(result)
    assert analysis.accelerators == ()
    assert analysis.failures == ()
    assert {check.contender for check in result.checks} >= {one.name for one in web}
