"""`dream board`: a folder with a page, or one line that says why there is none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from synthetic_results import result, written


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with results, with none, and with what is no board."""
    monkeypatch.chdir(tmp_path)
    for name in ("results", "empty", "mine", "bad"):
        (tmp_path / name).mkdir()
    small = result(("cpu",), images=(), operators=(), limits=(), work=())
    written(tmp_path / "results", small, "laptop.json")
    written(tmp_path / "bad", small, "a.json")
    (tmp_path / "bad" / "b.json").write_text("{")
    (tmp_path / "mine" / "diary.txt").touch()
    return tmp_path


def test_it_writes_a_page_and_reports(dream, folder):
    for _ in range(2):  # the second replaces the first
        outcome = dream("board", "results")
        assert outcome.exit_code == 0, outcome.stderr
        said = r"board/index.html: 1 result, 1 row, \d\d kB, open it in any browser\n"
        assert re.fullmatch(said, outcome.stdout)
    assert (folder / "board" / "reports" / "laptop.html").is_file()


REFUSALS = {
    "nothere": "nothere: there is no such folder; name one with result files",
    "results/laptop.json": "results/laptop.json: there is no such folder; name one with result",
    "empty": "empty: there is no result file in it; `dream bench` writes them",
    "bad": "bad/b.json: is not JSON, or not all of it",
    "results -o mine": "mine: is there, and is no board; name another folder",
    "results -o results/board": "results/board: is not apart from results, which is read",
    "results -o .": ".: is not apart from results, which is read",
    "results -o no/such": "no/such: the folder no does not exist; create it first",
    "results -o ''": "a file has an empty name; name one",
}


@pytest.mark.parametrize("line", REFUSALS)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(dream, folder, line):
    before = sorted(path for path in folder.rglob("*"))
    words = [word.strip("'") for word in line.split()]
    assert dream("board", *words).error.startswith(REFUSALS[line])
    assert sorted(path for path in folder.rglob("*")) == before
