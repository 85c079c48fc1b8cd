"""A bench of a tiny model, with all its processes: what it measures, skips, judges and resumes."""

from __future__ import annotations

import base64
import io
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from PIL import Image
from small_bench import plan, write_wrong_model

from ort_deepdream.errors import DreamError
from ort_deepdream.measure.bench import Bench
from ort_deepdream.measure.budget import affordable
from ort_deepdream.measure.contenders.cold import measure_cold
from ort_deepdream.measure.machine import this_machine
from ort_deepdream.measure.result import Measurement, Sample, Size, read_result, write_result
from ort_deepdream.measure.resume import resumable

CPU = ("cpu, 1 thread", "cpu, 2 threads")


def test_every_kind_is_measured_for_every_contender(bench):
    assert bench.complete
    measured = {(series.contender, series.kind): series for series in bench.series}
    assert set(measured) == {(name, kind) for name in CPU for kind in ("cold", "warm", "step")}
    for series in bench.series:
        assert str(series.size) == "24x16"
        assert 2 <= len(series.samples) <= 3


def test_the_parts_of_a_dream_add_up(bench):
    for series in bench.series:
        for sample in series.samples:
            if series.kind == "cold":
                assert set(sample.parts) > {"start", "import", "session", "first steps", "write"}
                assert 20e6 < sample.peak_memory < 2e9
            if series.kind != "step":
                assert sum(sample.parts.values()) == pytest.approx(sample.seconds)
                assert min(sample.parts.values()) >= 0


def test_a_cold_dream_takes_longer_than_a_warm_one_and_that_than_a_step(bench):
    fastest = {(s.contender, s.kind): min(x.seconds for x in s.samples) for s in bench.series}
    for name in CPU:
        assert fastest[name, "cold"] > fastest[name, "warm"] > fastest[name, "step"] > 0


def test_contenders_say_what_they_are(bench):
    one, two, cuda = bench.contenders
    assert (one.name, two.name, cuda.name) == (*CPU, "cuda")
    assert one.placement["CPUExecutionProvider"] > 3
    assert (one.threads, two.threads, one.precision) == (1, 2, "float32")
    assert cuda.missing
    assert {skipped.reason for skipped in bench.skipped} == {cuda.missing}
    assert {skipped.kind for skipped in bench.skipped} == {"cold", "warm", "step"}


@pytest.mark.parametrize(
    ("seconds", "slowed", "goes_on"),
    [
        ([1.0, 1.01, 0.99, 1.0, 1.02], (), False),
        ([1.0, 1.01, 0.99, 1.0, 1.6], (), True),  # five lie too far apart
        ([3.0, 1.01, 0.99, 1.0, 1.02], (), True),  # the first is a warm-up: four are left
        ([1.0, 1.01, 0.99, 1.0, 1.02], (4,), True),
        ([1.0, 1.01, 0.99, 1.0, 1.02, 1.0], (4,), False),
    ],
)
def test_what_counts_is_as_much_as_was_asked_for(
    photo, tiny_model, tmp_path, seconds, slowed, goes_on
):
    running = Bench(plan(photo, tiny_model, trials=5, most_trials=9), tmp_path / "result.json")
    warm = Measurement("cpu", Size(width=24, height=16), "warm")
    running.samples[warm] = [
        Sample(
            seconds=took,
            parts={},
            peak_memory=None,
            device_memory=None,
            load=None,
            slowed=("too hot",) if number in slowed else (),
        )
        for number, took in enumerate(seconds)
    ]
    assert running.is_unsettled(warm) is goes_on


def test_what_explains_the_figures_is_there(bench):
    assert {operator.contender for operator in bench.operators} == set(CPU)
    shares = [o.share for o in bench.operators if o.contender == CPU[0]]
    assert sum(shares) == pytest.approx(1)
    (work,) = bench.work
    # Two 1x1 convolutions, from 3 channels to 2 and back, at 24x16 pixels; the CPU's kernels fill
    # their outputs' channels up to a block, of 16 at most.
    asked = 2 * 2 * 24 * 16 * 3 * 2
    assert asked <= work.flop <= asked * 8


def test_what_the_hardware_could_do_is_measured_if_it_is_asked_for(
    bench, photo, tiny_model, tmp_path
):
    assert bench.limits == ()
    asked = plan(photo, tiny_model, backends=("cpu",), threads=(2,), trials=1, most_trials=1)
    (contender,) = asked.contenders
    only_steps = replace(contender, kinds=("step",))
    asked = replace(asked, contenders=(only_steps,), limits=True)
    (limit,) = Bench(asked, tmp_path / "result.json").run().limits
    assert limit.contender == CPU[1]
    assert 1e8 < limit.flops < 1e14
    assert 1e8 < limit.bytes_per_second < 1e13


def test_dreams_are_compared_and_kept(bench):
    (check,) = bench.checks  # PyTorch cannot rebuild this model
    assert (check.contender, check.reference) == (CPU[1], CPU[0])
    assert check.passed
    assert check.gradient_error < 1e-6
    assert any("not compared with PyTorch's autograd" in warning for warning in bench.warnings)
    original, *dreams = bench.images
    assert original.contender is None
    assert {image.contender for image in dreams} == set(CPU)
    for image in bench.images:
        with Image.open(io.BytesIO(base64.b64decode(image.png))) as picture:
            assert picture.size == (24, 16)
    assert len({image.png for image in dreams}) == 1
    assert dreams[0].png != original.png


@pytest.fixture(scope="session")
def wrong_model(tmp_path_factory):
    return write_wrong_model(tmp_path_factory.mktemp("wrong") / "wrong.onnx")


def test_a_wrong_gradient_fails_against_autograd(photo, wrong_model, tmp_path):
    options = {"backends": ("cpu",), "threads": (), "trials": 1, "most_trials": 1, "budget": 1.0}
    found = Bench(plan(photo, wrong_model, **options), tmp_path / "wrong.json").run()
    (check,) = found.checks
    assert check.reference == "PyTorch autograd, float64"
    assert not check.passed
    assert check.gradient_error > 0.3
    assert read_result(tmp_path / "wrong.json") == found


def test_a_one_off_dream_that_does_not_count_fills_the_cache(
    photo, tiny_model, tmp_path, monkeypatch
):
    kept: list[tuple[int, bool]] = []  # iterations, and whether the graph was there beforehand

    def watched(spec, photo, output, cache):
        kept.append((spec.settings.iterations, (cache / "optimised").exists()))
        return measure_cold(spec, photo, output, cache)

    monkeypatch.setattr("ort_deepdream.measure.bench.measure_cold", watched)
    asked = plan(photo, tiny_model, backends=("cpu",), threads=(2,), trials=2, most_trials=2)
    only_cold = tuple(replace(contender, kinds=("cold",)) for contender in asked.contenders)
    found = Bench(replace(asked, contenders=only_cold), tmp_path / "result.json").run()
    assert kept == [(1, False), (2, True), (2, True)]
    assert [len(series.samples) for series in found.series] == [2]


def test_where_time_is_short_the_quickest_that_did_not_settle_go_on():
    large, small = (
        [Measurement(name, Size(width=side, height=side), "step") for name in ("cpu", "cuda")]
        for side in (90, 30)
    )
    cost = {measurement: measurement.size.width / 10 for measurement in (*large, *small)}
    for seconds, expected in ((6, []), (7, small), (24, small), (25, [*small, *large])):
        assert affordable([large, small], cost.__getitem__, seconds) == expected


def test_a_budget_that_is_too_small_skips_and_says_so(photo, tiny_model, tmp_path):
    options = {"backends": ("cpu",), "threads": (1,), "budget": 0.5, "sizes": ("16x16", "512x384")}
    found = Bench(plan(photo, tiny_model, **options), tmp_path / "result.json").run()
    (step,) = found.series
    assert (step.kind, str(step.size)) == ("step", "16x16")
    assert len(found.skipped) == 5
    for skipped in found.skipped:
        assert "beyond the budget of" in skipped.reason
    assert found.complete


SCRIPT = """
import sys
sys.path[:0] = sys.argv[4:]
from pathlib import Path
from small_bench import plan
from ort_deepdream.measure.bench import Bench

photo, model, output = map(Path, sys.argv[1:4])
Bench(plan(photo, model, threads=(1,), trials=500, budget=1e6), output).run()
"""


def test_an_interruption_leaves_a_valid_file_and_can_be_resumed(photo, tiny_model, tmp_path):
    output = tmp_path / "result.json"
    folders = [str(folder) for folder in sys.path if "tests" in str(folder)]
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, photo, tiny_model, output, *folders],
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 120
    while not output.exists() and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert b"KeyboardInterrupt" in errors
    before = read_result(output)
    assert not before.complete
    counts = {len(series.samples) for series in before.series}
    assert counts == {max(counts)}
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]

    here = this_machine()  # a commit made meanwhile would be refused, and rightly
    write_result(output, before.model_copy(update={"machine": here}))
    newer = json.loads(output.read_text("utf-8")) | {"version": "1.9", "novelty": 1}
    newer["series"][0]["novelty"] = 2
    output.write_text(json.dumps(newer), "utf-8")
    more = plan(photo, tiny_model, threads=(1,), trials=max(counts) + 1, most_trials=1)
    after = Bench(more, output, resumable(output, more)).run()
    assert after.complete
    assert after.created == before.created
    for old, new in zip(before.series, after.series, strict=True):
        assert new.samples[: len(old.samples)] == old.samples
        assert len(new.samples) == len(old.samples) + 1
    written = json.loads(output.read_text("utf-8"))  # with what only a newer program knows
    assert (written["version"], written["novelty"]) == ("1.9", 1)
    assert written["series"][0]["novelty"] == 2


def test_another_model_or_setting_is_not_resumed(bench, photo, tiny_model, tmp_path):
    output = tmp_path / "result.json"
    data = bench.model_dump(mode="json", by_alias=True)
    data["settings"]["octaves"] = 3
    data["machine"]["processor"] = "another"
    output.write_text(json.dumps(data))
    with pytest.raises(DreamError) as caught:
        resumable(output, plan(photo, tiny_model))
    assert "machine processor was another and is " in str(caught.value)
    assert "settings octaves was 3 and is 2" in str(caught.value)
    output.write_text(bench.model_dump_json(by_alias=True))
    with pytest.raises(DreamError, match="the contenders were cpu, 1 thread, cpu, 2 threads"):
        resumable(output, plan(photo, tiny_model, threads=(1,)))
