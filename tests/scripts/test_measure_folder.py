"""What `dream folder` adds to each picture is measured, and at night it is under 10 ms."""

from __future__ import annotations

import re
import sys

import pytest

from scripts import measure_folder


def measured(capsys, monkeypatch, few: int, many: int) -> dict[str, float]:
    """Milliseconds of each run, by its name."""
    words = ["measure_folder", "--few", str(few), "--many", str(many), "--workers", "2"]
    monkeypatch.setattr(sys, "argv", words)
    measure_folder.main()
    rows = re.findall(rf"(\w+) +{many} +(-?[\d.]+) +\d+", capsys.readouterr().out)
    return {name: float(milliseconds) for name, milliseconds in rows}


@pytest.mark.slow
def test_both_runs_are_measured(capsys, monkeypatch):
    assert set(measured(capsys, monkeypatch, 2, 6)) == {"first", "again"}


@pytest.mark.nightly
def test_a_picture_takes_less_than_10_ms_more(capsys, monkeypatch):
    assert measured(capsys, monkeypatch, 100, 1100)["first"] < 10
