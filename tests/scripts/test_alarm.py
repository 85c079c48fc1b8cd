"""The alarm on pull requests: what it calls slower, and how seldom it is wrong.

`alarm_series.json` was measured by `python -m scripts.alarm --starts 24 --size 182x158 --samples`
on two cores of an AMD EPYC on which a dozen other processes ran: milliseconds of CPU time of a
step, base and head in each round of each start, both the same commit.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from scripts import alarm
from scripts.alarm_verdict import Comparison, compare, resampled, sign_flips, summary

SERIES = json.loads(Path(__file__).with_name("alarm_series.json").read_text("utf-8"))


def verdicts(tries: int, starts: int, plant: float) -> list[str]:
    draw = random.Random(starts)
    return [
        compare("182x158", resampled(SERIES, starts, plant, draw)).verdict for _ in range(tries)
    ]


def test_of_200_pairs_that_are_the_same_at_most_2_per_cent_are_called_different():
    assert verdicts(200, alarm.STARTS, 1.0).count("no difference shown") >= 196


@pytest.mark.parametrize(("plant", "verdict"), [(1.05, "slower"), (1 / 1.05, "faster")])
def test_five_per_cent_are_found_in_at_least_45_of_50_tries(plant, verdict):
    assert verdicts(50, alarm.STARTS, plant).count(verdict) >= 45


def test_a_clear_difference_too_small_for_a_word_is_none():
    starts = [[(1.0, 1.01)] * 3] * 12
    found = compare("182x158", starts)
    assert found.p < 0.001
    assert found.verdict == "no difference shown"


def test_sign_flips_are_counted_one_by_one_and_drawn_where_they_are_many():
    values = [0.3, -0.1, 0.2, 0.5, 0.1]
    sums = [
        abs(sum(sign * value for sign, value in zip(signs, values, strict=True)))
        for signs in itertools.product((-1, 1), repeat=5)
    ]
    assert sign_flips(values) == np.mean([one >= 1.0 - 1e-9 for one in sums])
    many = np.random.default_rng(0).normal(0.4, 1, 30)
    expected = scipy.stats.ttest_1samp(many, 0).pvalue
    assert sign_flips(many) == pytest.approx(expected, rel=0.3)


def test_the_ratio_and_its_interval_are_students_of_the_logarithms():
    starts = [[(1.0, ratio)] for ratio in (1.0, 1.1, 1.05, 1.2, 1.1, 1.15, 1.0, 1.1)]
    found = compare("182x158", starts).ratio
    logarithms = [math.log(head) for ((_, head),) in starts]
    low, high = scipy.stats.t.interval(0.95, 7, np.mean(logarithms), scipy.stats.sem(logarithms))
    assert found.value == pytest.approx(math.exp(np.mean(logarithms)))
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)), rel=1e-3)


def test_the_summary_has_a_row_for_each_size_and_says_the_worst():
    found = [
        compare("182x158", [[(0.03, 0.03)]] * 12),
        compare("512x512", [[(0.3, 0.33 + 0.001 * n)] for n in range(12)]),
    ]
    lines = summary(found, "main", "a change").splitlines()
    assert lines[0] == "### A step of a change against main"
    assert lines[2] == "**Slower**: a step at 512x512 takes 1.118 times as long."
    assert "| 182x158 | 30.0 ms | 30.0 ms | 1.000 | 1.000 to 1.000 | 1 | no difference shown |" in (
        lines
    )
    assert alarm.exit_code(found) == 1
    assert alarm.exit_code(found[:1]) == 0
    assert isinstance(found[0], Comparison)


def test_a_side_that_cannot_start_is_told_in_one_line(tmp_path, capsys):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no such package' >&2\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(SystemExit) as ended:
        alarm.main(["--head", str(broken), "--size", "64x64"])
    assert ended.value.code == 2
    assert f"{broken} ended with 3: no such package" in capsys.readouterr().err


@pytest.mark.nightly
def test_it_times_two_sides_in_turns_and_writes_what_it_found(tmp_path, capsys):
    output, samples = tmp_path / "summary.md", tmp_path / "samples.json"
    words = ["--size", "48x48", "--starts", "8", "--rounds", "1", "--plant", "3"]
    words += ["-o", str(output), "--samples", str(samples), "--names", "main", "mine"]
    with pytest.raises(SystemExit) as ended:
        alarm.main(words)
    assert ended.value.code == 1  # three times as long is seen by anything
    assert output.read_text("utf-8") in capsys.readouterr().out
    assert "**Slower**: a step at 48x48 takes " in output.read_text("utf-8")
    (starts,) = json.loads(samples.read_text("utf-8")).values()
    assert [len(start) for start in starts] == [1] * 8


@pytest.mark.nightly
@pytest.mark.parametrize(("plant", "code"), [("1.0", 0), ("1.05", 1)])
def test_on_this_machine(plant, code):
    with pytest.raises(SystemExit) as ended:
        alarm.main(["--head", sys.executable, "--size", "182x158", "--plant", plant])
    assert ended.value.code == code
