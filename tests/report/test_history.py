"""asv's results folder is read as asv wrote it."""

from __future__ import annotations

import json
import math
import os
import re
import time
from pathlib import Path

import pytest

from ort_deepdream.errors import DreamError
from ort_deepdream.measure.json_files import MOST_VALUES
from ort_deepdream.report.charts.asv import read_history
from ort_deepdream.report.charts.history import history_chart

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


def put(column: str, value: object):
    """Change one column of the row of steps."""

    def change(data) -> None:
        (row,) = (r for name, r in data["results"].items() if "Step" in name)
        row[data["result_columns"].index(column)] = value

    return change


NESTED = json.loads("[" * 500 + "]" * 500)
DAMAGES = {
    "version": (lambda data: data.update(version=1), "version 1 of asv's results, not 2"),
    "no version": (lambda data: data.update(version=NESTED), "version unknown of asv's results"),
    "no results": (lambda data: data.pop("results"), "is not a result of asv's"),
    "results": (lambda data: data.update(results=[1]), "list where dict belongs"),
    "rows": (lambda data: data.update(results={"a": 1}), "int where list belongs"),
    "date": (lambda data: data.update(date="yesterday"), "str where int belongs"),
    "infinite date": (lambda data: data.update(date=math.inf), "float where int belongs"),
    "date that is none": (lambda data: data.update(date=math.nan), "float where int belongs"),
    "nested commit": (lambda data: data.update(commit_hash=NESTED), "list where str belongs"),
    "nested environment": (lambda data: data.update(env_name=NESTED), "list where str belongs"),
    "columns": (lambda data: data.update(result_columns=7), "int where list belongs"),
    "nested parameters": (put("params", [NESTED]), "list where str belongs"),
    "parameters": (put("params", 7), "int where list belongs"),
    "too many": (put("params", [["x"] * 1000] * 6), "not 1000000000000000000 values"),
    "another count": (put("result", [1.0]), "not 4 values"),
    "huge": (put("result", [10**400] * 4), "a value above 1e+30"),
    "hugely negative": (put("result", [-1e300] * 4), "a value above 1e+30"),
    "a huge interval": (put("stats_ci_99_a", [1e300] * 4), "a value above 1e+30"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_file_is_named(folder, what):
    change, words = DAMAGES[what]
    with pytest.raises(DreamError, match=re.escape(words)) as raised:
        read_history(damaged(folder, change))
    assert "aaaaaaaa" in str(raised.value)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("described", [NESTED, 7, {"unit": NESTED}, {"unit": 7}], ids=str)
def test_damaged_descriptions_are_named(folder, described):
    path = folder / "benchmarks.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"steps.Step.time_step": described}))
    with pytest.raises(DreamError, match="belongs"):
        read_history(folder)


def test_very_many_combinations_of_which_none_was_measured_take_no_time(folder):
    def change(data) -> None:
        put("params", [[str(n) for n in range(1000)]] * 6)(data)
        put("result", None)(data)
        data["results"] |= {
            f"{name}{n}": row for name, row in data["results"].items() for n in range(99)
        }

    started = time.monotonic()
    found = read_history(damaged(folder, change))
    assert time.monotonic() - started < 5
    assert {v.commit for v in found if "Step" in v.benchmark} == {"b" * 8}


NO_JSON = {
    "half": (lambda content: content[:100], "is not JSON, or not all of it"),
    "empty": (lambda content: b"", "is empty; name what asv writes"),
    "deep": (lambda content: b"[" * 100_000, "is nested too deeply"),
    "deep objects": (lambda content: b'{"a":' * 100_000, "is nested too deeply"),
    "wide": (lambda content: b"[" + b"0," * MOST_VALUES + b"0]", "has more values"),
    "a list": (lambda content: b"[]", "is not a file of asv's"),
    "no text": (lambda content: b"\xff\x00\x1b[2J", "is not JSON, or not all of it"),
    "digits": (lambda content: b'{"version": ' + b"9" * 10_000 + b"}", "is not JSON"),
}


@pytest.mark.parametrize("name", ["synthetic/aaaaaaaa-venv.json", "benchmarks.json"])
@pytest.mark.parametrize("what", NO_JSON)
def test_what_is_no_json_is_named(folder, name, what):
    path = folder / name
    change, words = NO_JSON[what]
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DreamError, match=words) as raised:
        read_history(folder)
    assert str(raised.value).startswith(f"{path}: ")
    assert str(raised.value).isprintable()


@pytest.mark.skipif(os.name == "nt", reason="devices and pipes of Unix")
def test_what_may_never_end_is_not_read(folder):
    os.mkfifo(folder / "synthetic" / "pipe.json")
    with pytest.raises(DreamError, match="is a device or a pipe"):
        read_history(folder)
    (folder / "synthetic" / "pipe.json").unlink()
    (folder / "synthetic" / "zero.json").symlink_to("/dev/zero")
    with pytest.raises(DreamError, match="is a device or a pipe"):
        read_history(folder)


def test_what_is_odd_and_valid_is_drawn(folder):
    """Dates beyond the calendar, names with escapes, values below zero."""

    def change(data) -> None:
        data.update(date=10**30, commit_hash="\x1b[2J" * 9)
        put("result", [-1.0, 0, 1e30, None])(data)

    chart = history_chart(read_history(damaged(folder, change)))
    assert chart is not None
    cells = [cell for row in chart.table.rows for cell in row]
    assert all(cell.isprintable() for cell in cells)
    assert "–" in cells


def test_no_folder_and_an_empty_one(tmp_path):
    with pytest.raises(DreamError, match="no such folder"):
        read_history(tmp_path / "nothere")
    with pytest.raises(DreamError, match="no results of asv"):
        read_history(tmp_path)
