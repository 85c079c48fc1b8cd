"""The cost of shaping: every way of it is measured beside plain steps."""

from __future__ import annotations

import re

from scripts import shaping_cost


def test_each_way_has_a_line(capsys):
    words = ["--layer", "conv2/3x3", "--size", "24x20", "--seconds", "0"]
    shaping_cost.main(words)
    lines = capsys.readouterr().out.splitlines()
    cells = [re.split(r"\s{2,}", line.strip()) for line in lines]
    rows = {name: numbers for name, *numbers in cells}
    assert {*shaping_cost.SHAPINGS} <= rows.keys()
    for name in shaping_cost.SHAPINGS:
        milliseconds, least, times, interval = rows[name]
        assert float(milliseconds) >= float(least) > 0
        low, high = map(float, interval.split("-"))
        assert low <= float(times) <= high
