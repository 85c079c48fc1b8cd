"""`dream report`: a page, or one line that says why there is none."""

from __future__ import annotations

import json
import os
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
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "sparse.json").touch()
    os.truncate(tmp_path / "sparse.json", 100 * 2**30)
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "other.json").write_text('{"schema": "something else"}')
    (tmp_path / "older.json").write_text(json.dumps(data | {"version": 0}))
    (tmp_path / "newer.json").write_text(json.dumps(data | {"version": 2}))
    (tmp_path / "damaged.json").write_text(json.dumps(data | {"series": "none"}))
    (tmp_path / "asv").mkdir()
    return tmp_path


def test_it_writes_a_page(dream, folder):
    outcome = dream("report", "result.json")
    assert outcome.exit_code == 0, outcome.stderr
    assert re.fullmatch(r"report.html: \d\d\d kB, open it in any browser\n", outcome.stdout)
    assert outcome.stderr == ""
    assert (folder / "report.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_of_several_files_under_another_name(dream, folder):
    outcome = dream("report", "result.json", "result.json", "-o", "both.html")
    assert outcome.exit_code == 0, outcome.stderr
    assert "A · Synthetic Processor" in (folder / "both.html").read_text("utf-8")


def test_as_markdown(dream, folder):
    outcome = dream("report", "result.json", "result.json", "--markdown")
    assert outcome.exit_code == 0, outcome.stderr
    assert re.fullmatch(r"report.md: \d+ lines of Markdown\n", outcome.stdout)
    text = (folder / "report.md").read_text("utf-8")
    assert text.startswith("# How fast is DeepDream on these machines?\n")
    assert not (folder / "report.html").exists()


def written_when(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in folder.iterdir()}


REFUSALS = {
    "absent.json": (
        "absent.json",
        "there is no such file; name a result file that `dream bench`",
    ),
    ".": (".: is a folder; name a result file that `dream bench` wrote in it",),
    "cut.json": ("cut.json", "is not JSON, or not all of it"),
    "empty.json": ("empty.json", "is empty; name a result file"),
    "deep.json": ("deep.json", "is nested too deeply"),
    "sparse.json": ("sparse.json", "107,374,182,400 bytes are too many"),
    "pipe.json": ("pipe.json", "is a device or a pipe"),
    "/dev/zero": ("/dev/zero", "is a device or a pipe"),
    "result.json /dev/zero": ("/dev/zero", "is a device or a pipe"),
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
    "result.json --asv asv --markdown": ("--asv adds charts", "leave --markdown out"),
    "cut.json --markdown": ("cut.json", "is not JSON, or not all of it"),
}


@pytest.mark.parametrize("words", REFUSALS)
def test_refusal(dream, folder, words):
    before = written_when(folder)
    error = dream("report", *words.split()).error
    for expected in REFUSALS[words]:
        assert expected in error
    assert written_when(folder) == before


def test_a_page_that_was_there_stays_when_there_is_no_other(dream, folder):
    (folder / "report.html").write_text("precious")
    assert dream("report", "cut.json").error
    assert (folder / "report.html").read_text() == "precious"


def test_a_full_disk_is_told(dream, folder):
    before = sorted(folder.iterdir())
    assert "/dev/full: the disk is full" in dream("report", "result.json", "-o", "/dev/full").error
    assert sorted(folder.iterdir()) == before
