"""`dream report`: a page, or one line that says why there is none."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from synthetic_results import result, written


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a result file and what is none."""
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, result(("cpu",), images=()))
    whole = path.read_text("utf-8")
    data = json.loads(whole)
    (tmp_path / "cut.json").write_text(whole[:1000])
    (tmp_path / "empty.json").write_text("")
    (tmp_path / "other.json").write_text('{"schema": "something else"}')
    (tmp_path / "older.json").write_text(json.dumps(data | {"version": 0}))
    (tmp_path / "newer.json").write_text(json.dumps(data | {"version": 2}))
    (tmp_path / "damaged.json").write_text(json.dumps(data | {"series": "none"}))
    (tmp_path / "asv").mkdir()
    return tmp_path


def test_it_writes_a_page(dream, folder):
    outcome = dream("report", "result.json")
    assert outcome.exit_code == 0, outcome.stderr
    assert re.fullmatch(r"report.html: 0.\d MB, open it in any browser\n", outcome.stdout)
    assert outcome.stderr == ""
    assert (folder / "report.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_of_several_files_under_another_name(dream, folder):
    outcome = dream("report", "result.json", "result.json", "-o", "both.html")
    assert outcome.exit_code == 0, outcome.stderr
    assert "A · Synthetic Processor" in (folder / "both.html").read_text("utf-8")


REFUSALS = {
    "nothere.json": ("nothere.json", "cannot be read"),
    ".": ("cannot be read",),
    "cut.json": ("cut.json", "is not JSON, or not all of it"),
    "empty.json": ("empty.json", "is not JSON"),
    "other.json": ("other.json", "not a result file that `dream bench` wrote"),
    "older.json": ("older.json", "version 0", "this program reads 1", "measure again"),
    "newer.json": ("newer.json", "version 2", "update ort-deepdream to read this"),
    "damaged.json": ("damaged.json", "is damaged: series"),
    "result.json damaged.json": ("damaged.json",),
    "result.json -o .": ("is a folder",),
    "result.json -o nowhere/report.html": ("the folder nowhere does not exist",),
    "result.json -o result.json": ("would replace result.json, which this command reads",),
    "result.json --asv nothere": ("nothere", "no such folder"),
    "result.json --asv asv": ("asv", "no results of asv"),
}


@pytest.mark.parametrize("words", REFUSALS)
def test_refusal(dream, folder, words):
    before = {path: path.read_bytes() for path in folder.glob("*.*")}
    error = dream("report", *words.split()).error
    for expected in REFUSALS[words]:
        assert expected in error
    assert {path: path.read_bytes() for path in folder.glob("*.*")} == before


def test_a_page_that_was_there_stays_when_there_is_no_other(dream, folder):
    (folder / "report.html").write_text("precious")
    assert dream("report", "cut.json").error
    assert (folder / "report.html").read_text() == "precious"
