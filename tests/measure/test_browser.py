"""Contenders in a browser: planned, refused, and measured as all others are."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import threading
import time
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
from ort_deepdream.measure.browser_plan import plan_browser, split_backends
from ort_deepdream.measure.budget import Budget
from ort_deepdream.measure.contenders.browser_files import external_files
from ort_deepdream.measure.contenders.browsers import find_program
from ort_deepdream.measure.contenders.process import NO_TIME, ContenderError, ContenderProcess
from ort_deepdream.measure.libraries import WEB
from ort_deepdream.measure.result import read_result
from ort_deepdream.measure.running import Contenders
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


def planned(program: Path, *threads: int, settings: Settings = SETTINGS, names=()):
    return plan_browser(str(program), "http://127.0.0.1:1/", threads, shipped, settings, names)


def test_webassembly_has_the_threads_that_were_asked_for_and_webgpu_its_own_graph(program):
    found = planned(program, 1, 2, 1)
    assert [one.name for one in found] == ["wasm, 1 thread", "wasm, 2 threads", "webgpu-browser"]
    assert [one.record.target for one in found] == ["cpu", "cpu", "portable"]
    assert {one.record.library for one in found} == {WEB}
    assert {one.record.browser for one in found} == {"my-firefox"}  # without its folder
    assert {one.kinds for one in found} == {("step", "warm")}
    assert next(one.name for one in planned(program)) == "wasm, 1 thread"


def test_one_of_them_can_be_named_and_webgpu_is_then_measured_in_software_too(program):
    assert [one.name for one in planned(program, 1, names=["wasm"])] == ["wasm, 1 thread"]
    (named,) = planned(program, names=["webgpu-browser"])
    assert named.spec.software
    assert not any(one.spec.software for one in planned(program))


def test_a_backend_of_a_browser_wants_a_browser():
    backends = ["cpu", "webgpu-browser", "cuda:use_tf32=0", "wasm"]
    found = split_backends(backends, "firefox")
    assert found == (["cpu", "cuda:use_tf32=0"], ["webgpu-browser", "wasm"])
    with pytest.raises(DreamError, match="--backend wasm: runs in a browser; add --browser"):
        split_backends(["wasm"], "")


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


@pytest.mark.parametrize(
    ("adapter", "refused"),
    [
        ({"name": "google swiftshader", "fallback": True}, r"here \(google swiftshader\), "),
        ({"name": "", "fallback": True}, "a software adapter here, which is no GPU; --backend web"),
        ({"name": "nvidia ampere", "fallback": False}, None),
        (None, None),  # there is no WebGPU, which its session says
    ],
)
def test_a_software_adapter_is_refused_by_name(adapter, refused):
    from ort_deepdream.measure.contenders.browser import refuse_software

    if refused is None:
        refuse_software(adapter)
        return
    with pytest.raises(DreamError, match=refused):
        refuse_software(adapter)


# --- Within the budget ------------------------------------------------------------------------


needs_signals = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process is halted")


@needs_signals
def test_what_does_not_answer_in_time_is_stopped_and_stays_so(picture):
    spec = plan(picture, shipped("cpu"), backends=("cpu",)).contenders[0].spec
    process = ContenderProcess(spec)
    os.kill(process.child.pid, signal.SIGSTOP)
    process.ends = time.perf_counter() + 0.3
    for _ in range(2):
        with pytest.raises(ContenderError, match=r"stopped: no answer within 0.\d+ s, which is"):
            process.ask("step", photo=str(picture), count=1)
    assert process.child.wait() != 0
    process.close()
    with pytest.raises(ContenderError, match=NO_TIME):
        ContenderProcess(spec, time.perf_counter() - 1)


@needs_signals
def test_a_browser_that_does_not_answer_costs_a_bench_no_more_than_its_budget(
    program, photo, tiny_model, tmp_path
):
    """Whatever is left for it; the others are measured, and the result says why it is not."""
    asked = plan(photo, tiny_model, backends=("cpu",), threads=(1,))
    contenders = tuple(replace(one, kinds=("step",)) for one in asked.contenders)
    program.write_text("#!/bin/sh\nexec sleep 20\n")
    program.chmod(0o755)
    hanging = planned(program, 1, names=["wasm"])
    asked = replace(asked, contenders=(*contenders, *hanging), budget=5.0)
    found = Bench(asked, tmp_path / "result.json").run()
    assert found.complete
    assert [(one.contender, one.kind) for one in found.series] == [("cpu, 1 thread", "step")]
    missing = found.contenders[-1].missing
    assert missing.startswith("stopped: no answer within") or missing == NO_TIME  # a busy machine
    assert {one.reason for one in found.skipped} == {missing}


def test_everybodys_steps_come_before_anybodys_dreams(program, photo, tiny_model, tmp_path):
    asked = plan(photo, tiny_model, backends=("cpu",), threads=(1,), budget=1800.0)
    asked = replace(asked, contenders=(*asked.contenders, *planned(program, 1, names=["wasm"])))
    bench = Bench(asked, tmp_path / "result.json")
    bench.on_progress, bench.furthest = lambda fraction, what: None, 0.0
    bench.contenders = Contenders(asked, tmp_path)
    names, (size,) = [one.name for one in asked.contenders], asked.sizes
    bench.contenders.seconds_to_start = dict.fromkeys(names, 1.0)
    bench.contenders.processes = dict.fromkeys(names)  # none is asked: their steps are known
    bench.budget = Budget(asked, bench.started, bench.contenders.seconds_to_start)
    bench.budget.step_seconds = {(name, size): 100.0 for name in names}
    bench.warm_up()  # there is time for both steps, or for a step and a dream of the first
    assert bench.measurements == [(name, size, "step") for name in names]
    assert "trials would take" in bench.skipped[names[0], size, "warm"]
    assert bench.budget.too_long(0.0) == "not tried: the budget of 1800 s is spent on the others"


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
    (left_out,) = plan_browser(str(browser), page, (), shipped, SETTINGS)[2:]
    with pytest.raises(ContenderError, match=r"here \(.*swiftshader.*\), which is no"):
        ContenderProcess(left_out.spec)
    names = ["wasm", "webgpu-browser"]
    found = plan_browser(str(browser), page, (), shipped, SETTINGS, names)
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


@pytest.mark.nightly
@needs_chromium
def test_a_browser_that_waits_for_a_page_is_ended_with_all_its_processes(picture):
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # takes connections and says nothing
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        spec = plan_browser("chromium", address, [1], shipped, SETTINGS)[0].spec
        before = psutil.Process().children(recursive=True)
        with pytest.raises(ContenderError, match="stopped: no answer within"):
            ContenderProcess(spec, time.perf_counter() + 15)
        left = [one for one in psutil.Process().children(recursive=True) if one not in before]
        assert psutil.wait_procs(left, timeout=30)[1] == []
