"""A result of the page's own bench passes without pictures; a forgery does not pass as one."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ort_deepdream.measure.analysis import analyse
from ort_deepdream.measure.result import read_result
from ort_deepdream.report.board.rows import UNPROVED, Board
from ort_deepdream.report.runs import Run
from scripts.check_result import check_file, main

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / "examples"
OF_PAGE = Path(__file__).with_name("page-bench.json")  # saved by the page, in Chromium
OF_BENCH = ROOT / "docs" / "report" / "epyc-2-cores.json"
NOW = datetime(2027, 1, 1, tzinfo=UTC)

Data = dict[str, Any]


@pytest.fixture
def data() -> Data:
    found: Data = json.loads(OF_PAGE.read_text("utf-8"))
    return found


def found(folder: Path, data: Data) -> list[str]:
    path = folder / "result.json"
    path.write_text(json.dumps(data), "utf-8")
    return check_file(path, PHOTOS, NOW)


def test_what_a_page_saved_passes_and_what_is_not_proved_is_said(capsys):
    main([str(OF_PAGE)])
    said = capsys.readouterr().out
    assert said.startswith(f"{OF_PAGE}: nothing wrong, as far as a page's file tells: ")
    assert "no pictures" in said
    assert said.count("\n") == 1


def test_the_board_says_that_no_picture_proves_it():
    board = Board()
    for path in (OF_PAGE, OF_BENCH):
        board.add(Run(path.name, "", b"", analyse(read_result(path))), path.name)
    assert {row.address: row.note for row in board.rows} == {
        OF_PAGE.name: UNPROVED,
        OF_BENCH.name: "",
    }


@pytest.mark.parametrize("python", ["3.12.3", "none"])
def test_a_bench_without_its_pictures_is_refused_whatever_it_says(tmp_path, python):
    stripped = json.loads(OF_BENCH.read_text("utf-8"))
    stripped["machine"]["python"] = python
    stripped["images"] = []
    assert "the photograph is not in it" in found(tmp_path, stripped)


# Where a value is set, what to, and what has to be said of it.
IMAGE = {"contender": None, "size": {"width": 1, "height": 1}, "png": "aaaa"}
WORK = {"size": {"width": 182, "height": 158}, "flop": 1e9, "bytes": None}
FORGERIES: dict[str, tuple[str, object, str]] = {
    "a picture": ("images", [IMAGE], "images: a page has none"),
    "work": ("work", [WORK], "work: a page has none"),
    "a commit": ("machine.commit", "1838ea5d51ed", "machine.commit: no browser tells it"),
    "a package": ("machine.packages.numpy", "2.4.6", "a page does not use numpy"),
    "a one-off dream": ("series.1.kind", "cold", "a page times no one-off dreams"),
    "memory": ("series.0.samples.0.peak_memory", 10**9, "no browser tells memory"),
    "a dream compared": ("checks.0.equal", True, "a page compares gradients"),
    "markup": ("machine.system", "<b>Linux", "machine.system: has markup"),
    "another photograph": ("photo.sha256", "0" * 64, "is none of the photographs"),
    "another gradient file": ("model.files.cpu", "0" * 64, "is not the shipped one"),
    "a wrong gradient": ("checks.0.gradient_error", 0.5, "do not pass"),
    "no check": ("checks", [], "nothing was compared with it"),
    "more threads": ("contenders.1.threads", 64, "64 threads on 2 cores"),
    "a step beyond arithmetic": ("series.0.samples.0.seconds", 1e-5, "its arithmetic takes"),
    "a part beyond its dream": ("series.1.samples.0.parts.steps", 0.1, "the parts of a sample"),
    "a spread that is denied": ("series.3.stable", True, "says stable = True"),
}


@pytest.mark.parametrize("kind", FORGERIES)
def test_a_forgery_of_it_is_refused(data, tmp_path, kind):
    where, value, said = FORGERIES[kind]
    *path, last = [int(word) if word.isdecimal() else word for word in where.split(".")]
    at: Any = data
    for word in path:
        at = at[word]
    at[last] = value
    wrong = found(tmp_path, data)
    assert [sentence for sentence in wrong if said in sentence], wrong


def test_samples_that_are_copied_are_refused(data, tmp_path):
    steps = [series for series in data["series"] if series["kind"] == "step"]
    steps[1]["samples"] = copy.deepcopy(steps[0]["samples"])
    assert any("has samples of" in sentence for sentence in found(tmp_path, data))
    steps[1]["samples"] *= 2
    assert any("more than once" in sentence for sentence in found(tmp_path, data))


def test_equal_samples_of_a_coarse_clock_are_honest(data, tmp_path):
    """Safari tells milliseconds: of two steady contenders all samples may be the same."""
    for series in data["series"]:
        seconds = 0.1 if series["kind"] == "step" else 2.5
        for sample in series["samples"]:
            sample["seconds"] = seconds
            sample["parts"] = {"steps": seconds} if sample["parts"] else {}
        series["stable"] = True
    assert found(tmp_path, data) == []


def test_a_contender_alone_has_nothing_to_be_compared_with(data, tmp_path):
    """Where the page is not isolated from others, it has one thread."""
    data["contenders"] = data["contenders"][:1]
    data["series"] = [one for one in data["series"] if one["contender"] == "wasm, 1 thread"]
    data["checks"] = []
    assert found(tmp_path, data) == []
