"""The cost of shaping: every way of it is measured beside plain steps."""

from __future__ import annotations

import re

from ort_deepdream.step import STAGES
from scripts import shaping_cost


def test_each_way_has_a_line(capsys):
    shaping_cost.main(["--layer", "conv2/3x3", "--size", "24x20", "--seconds", "0"])
    lines = capsys.readouterr().out.splitlines()
    cells = [re.split(r"\s{2,}", line.strip()) for line in lines]
    rows = {name: numbers for name, *numbers in cells}
    for name in ("plain step", *(f"--{stage.replace('_', '-')}" for stage in STAGES)):
        milliseconds, share = rows[name]
        assert float(milliseconds) > 0
        assert (share == "100.0%") == (name == "plain step")
