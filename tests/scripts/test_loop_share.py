"""The loop's share: what counts as the loop, and the whole of a small measurement."""

from __future__ import annotations

import json

import pytest

from ort_deepdream import load_model
from ort_deepdream.measure.pictures import noise, parse_size
from scripts import loop_share


def event(name: str, microseconds: int, operator: str = "") -> dict[str, object]:
    cat = "Node" if operator else "Session"
    return {"cat": cat, "name": name, "dur": microseconds, "args": {"op_name": operator}}


def test_runs_and_the_kernels_that_are_the_ascents():
    events = [
        event("session_initialization", 900_000),
        event("model_run", 5000),
        event("conv_1_kernel_time", 4000, "Conv"),
        event("ascent/Mul_scaled_kernel_time", 30, "Mul"),
        event("node_Identity_1_kernel_time", 7, "Identity"),
        event("model_run", 6000),
        event("ascent/Mul_scaled_kernel_time", 40, "Mul"),
    ]
    runs, ascent = loop_share.run_times(events)
    assert runs == pytest.approx(11e-3)
    assert ascent == pytest.approx(77e-6)


def test_a_profiled_dream_has_a_run_for_each_step_and_each_kernel_of_the_ascent(gradient_file):
    model = load_model(gradient_file, "cpu", 1)
    rgb = model.deprocess(noise(model, parse_size("40x33")))
    seconds, events = loop_share.profiled_dream(model, rgb)
    runs = [event for event in events if event["name"] == "model_run"]
    assert len(runs) % loop_share.SETTINGS.iterations == 0
    assert len(runs) >= loop_share.SETTINGS.iterations
    for kernel in ("Abs_magnitude", "Where_change", "Min_clipped", "Concat_next"):
        seen = [event for event in events if event["name"] == f"ascent/{kernel}_kernel_time"]
        assert len(seen) == len(runs)
    assert 0 < loop_share.run_times(events)[1] < loop_share.run_times(events)[0] < seconds


def test_the_table_fits_80_columns_and_the_json_is_complete(
    gradient_file, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    path = tmp_path / "result.json"
    words = ["--size", "40x33", "--dreams", "2", "--threads", "1", "-o", path]
    loop_share.main([str(word) for word in (gradient_file, *words)])
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    result = json.loads(path.read_text())
    assert result["environment"]["processor"]
    (loop,) = result["loop"]
    assert len(loop["samples_s"]) == 2
    assert 0 < loop["share"]["low"] <= loop["share"]["median"] <= loop["share"]["high"]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SystemExit, match=r"loop_share: .*none\.onnx"):
        loop_share.main([str(tmp_path / "none.onnx")])
