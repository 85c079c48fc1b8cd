"""Several runs beside one another: times as fast as the first, of what passed its checks only."""

from __future__ import annotations

import re

import pytest
from synthetic_results import SEED_SIZE, check, contender, machine, result, series

from ort_deepdream.measure.result import Result
from ort_deepdream.report.tables.compared import compared


def one(name: str = "cpu", factor: float = 1.0, count: int = 7, **changes: object) -> Result:
    """A run of one contender, whose noise is the same in each."""
    noise = [factor * (1 + n / 100) for n in range(count)]
    times = series("cpu", SEED_SIZE, "warm", noise=noise).model_copy(update={"contender": name})
    return result((), contenders=(contender(name),), series=(times,), **changes)


def test_a_quicker_run_is_so_many_times_as_fast(runs):
    table = compared(runs(one(), one(factor=0.5), one(factor=2)))
    assert table.headings[-2:] == ("times as fast", "95 % interval")
    assert [row[3] for row in table.rows] == ["A", "B", "C"]
    assert [row[5] for row in table.rows] == ["1×", "2.00×", "0.500×"]
    low, high = (float(bound) for bound in re.findall(r"([\d.]+)×", table.rows[1][6]))
    assert 1.9 < low < 2 < high < 2.1


@pytest.mark.parametrize("wrong", [0, 1])
def test_what_failed_its_check_gives_no_ratio(runs, wrong):
    made = [one(checks=(check("cpu", passed=number != wrong),)) for number in range(2)]
    rows = compared(runs(*made)).rows
    assert rows[1][5:] == ("–", "–")
    assert [row[0] for row in rows].count("cpu (check failed)") == 1


def test_one_sample_has_no_interval(runs):
    for counts in ((1, 7), (7, 1)):
        row = compared(runs(*(one(count=count) for count in counts))).rows[1]
        assert row[5] != "–"
        assert row[6] == "–"


def test_all_cores_are_the_same_by_whatever_name(runs):
    made = one(machine=machine(cores=4)), one("cpu, 4 threads", machine=machine(cores=4))
    assert [row[0] for row in compared(runs(*made)).rows] == ["cpu", "cpu, 4 threads"]
    more = one("cpu, 4 threads", machine=machine(cores=8))
    assert compared(runs(one(), more)).rows == ()
    assert compared(runs(one())).rows == ()
