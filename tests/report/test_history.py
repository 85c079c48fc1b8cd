"""asv's results folder is read as asv wrote it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from ort_deepdream.errors import DreamError
from ort_deepdream.report.history import history_chart, read_history

MACHINE = {"machine": "synthetic", "version": 1}
DAY = 24 * 3600 * 1000
BENCHMARKS = [
    {
        "name": "steps.Step.time_step",
        "unit": "seconds",
        "type": "time",
        "version": "1",
        "params": [["'cpu'", "'cuda'"], ["182", "640"]],
        "param_names": ["backend", "width"],
    },
    {
        "name": "memory.peakmem_dream",
        "unit": "bytes",
        "type": "peakmemory",
        "version": "1",
        "params": [],
        "param_names": [],
    },
]
NAN = math.nan  # how asv keeps what was skipped


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two commits, written by asv itself."""
    asv = pytest.importorskip("asv.results")
    (tmp_path / "synthetic").mkdir()
    (tmp_path / "synthetic" / "machine.json").write_text(json.dumps(MACHINE))
    described = {one["name"]: one for one in BENCHMARKS}
    (tmp_path / "benchmarks.json").write_text(json.dumps({**described, "version": 2}))
    for day, (commit, times) in enumerate(
        {"b" * 40: [0.04, 0.4, NAN, NAN], "a" * 40: [0.03, 0.3, None, NAN]}.items()
    ):
        made = asv.Results({"machine": "synthetic"}, {}, commit, day * DAY, "3.11", "venv", {})
        add(made, BENCHMARKS[0], times)
        add(made, BENCHMARKS[1], [3e8 + day])
        made.save(str(tmp_path))
    return tmp_path


def add(made, benchmark, values) -> None:
    runner = pytest.importorskip("asv.runner")
    samples = [[value] * 10 if value and not math.isnan(value) else None for value in values]
    counts = [None if one is None else 1 for one in samples]
    result = runner.BenchmarkResult(values, samples, counts, 0, "", None)
    made.add_result(benchmark, result, record_samples=True)


def test_values_are_read_with_their_parameters(folder):
    found = {(v.benchmark, v.parameters, v.commit): v.value for v in read_history(folder)}
    assert found == {
        ("steps.Step.time_step", "cpu, 182", "b" * 8): 0.04,
        ("steps.Step.time_step", "cpu, 640", "b" * 8): 0.4,
        ("steps.Step.time_step", "cpu, 182", "a" * 8): 0.03,
        ("steps.Step.time_step", "cpu, 640", "a" * 8): 0.3,
        ("memory.peakmem_dream", "", "b" * 8): 3e8,
        ("memory.peakmem_dream", "", "a" * 8): 3e8 + 1,
    }


def test_the_chart_goes_by_date_with_one_view_for_each_benchmark(folder):
    chart = history_chart(read_history(folder))
    assert chart is not None
    memory, steps = chart.views
    assert [name for _, name in steps.x.ticks] == ["b" * 8, "a" * 8]
    assert [curve.label for curve in steps.curves] == ["synthetic, cpu, 182", "synthetic, cpu, 640"]
    assert [(x, y) for x, y, *_ in steps.curves[0].points] == [(0, 0.04), (1, 0.03)]
    assert memory.y.unit == "B"
    row = ("1970-01-01", "b" * 8, "memory.peakmem_dream", "synthetic", "300 MB")
    assert row in chart.table.rows


def test_no_values_no_chart():
    assert history_chart([]) is None


def test_environments_are_told_apart_only_where_there_are_several(folder):
    first = next(folder.glob("synthetic/b*.json"))
    other = json.loads(first.read_text()) | {"env_name": "other"}
    first.with_name("bbbbbbbb-other.json").write_text(json.dumps(other))
    assert "synthetic, cpu, 182, other" in {value.series for value in read_history(folder)}


def damaged(folder: Path, change) -> Path:
    path = next(folder.glob("synthetic/a*.json"))
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    return folder


def too_many(data) -> None:
    (row,) = (r for name, r in data["results"].items() if "Step" in name)
    row[data["result_columns"].index("params")] = [list(range(1000))] * 6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.update(version=1), "version 1 of asv's results, not 2"),
        (lambda data: data.pop("results"), "is not a result of asv's"),
        (lambda data: data.update(date="yesterday"), "is not a result of asv's"),
        (too_many, "is not a result of asv's"),
    ],
)
def test_a_damaged_file_is_named(folder, change, words):
    with pytest.raises(DreamError, match=words) as raised:
        read_history(damaged(folder, change))
    assert "aaaaaaaa" in str(raised.value)


def test_half_a_file_is_named(folder):
    path = next(folder.glob("synthetic/a*.json"))
    path.write_text(path.read_text()[:100])
    with pytest.raises(DreamError, match="cannot be read as asv's JSON"):
        read_history(folder)


def test_no_folder_and_an_empty_one(tmp_path):
    with pytest.raises(DreamError, match="no such folder"):
        read_history(tmp_path / "nothere")
    with pytest.raises(DreamError, match="no results of asv"):
        read_history(tmp_path)
