"""How often the alarm was wrong, in earnest: `alarm_tries.json` is what docs/benchmark.md tells.

It was written by `python -m scripts.try_alarm --pairs 200 --slowed 50`, on two cores of an AMD EPYC
that tests and other programs kept busy.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from scripts import alarm, try_alarm

TRIES = Path(__file__).with_name("alarm_tries.json")
DOCS = Path(__file__).parents[2] / "docs" / "benchmark.md"


def test_what_was_found_is_what_the_documentation_tells():
    counts = try_alarm.verdicts(json.loads(TRIES.read_text("utf-8")))
    same, slowed = counts[try_alarm.SAME], counts[try_alarm.SLOWED]
    assert same.total() - same["no difference shown"] <= 0.02 * same.total()
    assert slowed["slower"] >= 0.9 * slowed.total()
    told = re.sub(r"\s+", " ", DOCS.read_text("utf-8"))
    different = same.total() - same["no difference shown"]
    assert f"of {same.total()} pairs that are the same, {different} were called different" in told
    assert f"of {slowed.total()} slowed by 5%, {slowed['slower']} were called slower" in told


def test_what_is_planted_is_always_in_the_same_order():
    every = try_alarm.plants(200, 50)
    assert every == try_alarm.plants(200, 50)
    assert (every.count(try_alarm.SAME), every.count(try_alarm.SLOWED)) == (200, 50)
    assert set(every[:20]) == {try_alarm.SAME, try_alarm.SLOWED}


def test_a_file_of_another_size_is_refused(tmp_path):
    path = tmp_path / "tries.json"
    path.write_text(json.dumps(try_alarm.known(path, "64x64")))
    with pytest.raises(SystemExit, match=r"tries\.json: is of 64x64; name another file"):
        try_alarm.main(["--size", "48x48", "-o", str(path)])


@pytest.mark.nightly
def test_it_goes_on_where_it_ended(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(alarm, "STARTS", 8)
    path = tmp_path / "tries.json"
    for pairs in (1, 2):
        try_alarm.main(["--pairs", str(pairs), "--slowed", "0", "--size", "48x48", "-o", str(path)])
    assert len(json.loads(path.read_text("utf-8"))["tries"]) == 2
    assert "head 1 times as long, 2 tries: " in capsys.readouterr().out
