"""`dream compare` of a contender that became wrong: its times say nothing, and it is a failure."""

from __future__ import annotations

import pytest
from synthetic_results import check, result, written


@pytest.fixture
def files(tmp_path):
    """Both right; the GPU wrong."""
    wrong = result(("cpu", "cuda"), checks=(check("cpu"), check("cuda", passed=False)))
    right = result(("cpu", "cuda"))
    return written(tmp_path, right, "right.json"), written(tmp_path, wrong, "wrong.json")


def test_what_became_wrong_is_a_failure(dream, files):
    right, wrong = files
    outcome = dream("compare", right, wrong)
    assert outcome.exit_code == 1
    last = outcome.stdout.splitlines()[-1]
    assert last == f"FAIL: cuda failed its check in {wrong}, so its times say nothing"
    lines = [line.strip() for line in outcome.stdout.splitlines()]
    rows = [line for line in lines if line.startswith(("cpu ", "cuda "))]
    assert ["WRONG" in row for row in rows] == [row.startswith("cuda") for row in rows]
    assert len(rows) == 18


def test_what_was_wrong_before_is_marked_and_no_new_failure(dream, files):
    right, wrong = files
    for after in (right, wrong):
        outcome = dream("compare", wrong, after)
        assert outcome.exit_code == 0
        assert "WRONG" in outcome.stdout
        assert "FAIL" not in outcome.stdout
