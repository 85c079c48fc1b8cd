"""docs/performance.md's tables are what the samples beside it say, read and computed anew."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from ort_deepdream.measure.libraries import OURS
from ort_deepdream.measure.pictures import parse_size
from ort_deepdream.measure.statistics import Interval, ratio
from scripts.loop_share import Sample, summary

DOCS = Path(__file__).parents[1] / "docs"
DOCUMENT = (DOCS / "performance.md").read_text("utf-8")
SAMPLES = DOCS / "performance"
KINDS = ("step", "torchvision", "command", "loop")
ONE_SIZE, ANY_SIZE = f"{OURS}, one size", f"{OURS}, any size"  # what a file is for
SIZES = ("182x158", "512x512", "1024x1024")
Results = dict[str, list[float]]  # samples by contender


def read(kind: str) -> dict[str, Any]:
    return json.loads((SAMPLES / f"{kind}-epyc-2-cores.json").read_text("utf-8"))


def steps(kind: str) -> dict[str, Results]:
    return {f"{step['width']}x{step['height']}": samples(step) for step in read(kind)["steps"]}


def samples(found: dict[str, Any]) -> Results:
    return {name: row["samples_s"] for name, row in found["results"].items()}


def rows(heading: str) -> dict[str, list[str]]:
    """The cells of the table under a heading, by the first of each row, without links."""
    found = re.search(rf"^\| {re.escape(heading)}.*\n\|[ -|]*\n((?:\|.*\n)+)", DOCUMENT, re.M)
    assert found, heading
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|`", r"\1", found[1])
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in plain.splitlines()]
    return {name: values for name, *values in cells}


STEPS, REQUIRED = rows("one step"), rows("| required")


def test_the_files_are_those_that_are_read_here():
    kept = {path.name for path in SAMPLES.iterdir()}
    assert kept == {f"{kind}-epyc-2-cores.json" for kind in KINDS}
    assert set(re.findall(r"\(performance/([^)]*)\)", DOCUMENT)) == kept


def shown(found: Interval) -> str:
    return f"{found.value:.2f} ({found.low:.2f}-{found.high:.2f})"


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.1f}" if seconds < 0.1 else f"{seconds * 1e3:.0f}"


def test_every_step_has_its_median_and_ratio():
    for number, size in enumerate(SIZES):
        results = steps("step")[size]
        named = {name.removeprefix("torch."): cells for name, cells in STEPS.items()}
        assert list(named) == list(results)
        for name, times in results.items():
            over = "" if name == ONE_SIZE else shown(ratio(results[ONE_SIZE], times))
            expected = [milliseconds(median(times)), over]
            assert named[name][2 * number : 2 * number + 2] == expected, (name, size)


def fastest(results: Results, of: str) -> Sequence[float]:
    """The samples of the fastest contender whose name begins so."""
    return min((times for name, times in results.items() if name.startswith(of)), key=median)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("row", "of"), [("eager", "eager"), ("torch.compile", "compile")])
def test_what_is_required_of_a_step(size, row, of):
    assert REQUIRED[f"{row}, {size}"][-1] == over_fastest(steps("step")[size], of)


def test_what_is_required_of_torchvision():
    (results,) = steps("torchvision").values()
    assert REQUIRED["eager, torchvision, 512x512"][-1] == over_fastest(results, "eager")


def over_fastest(results: Results, of: str) -> str:
    """Ours over PyTorch's fastest: the file for one size, and in brackets the file for any."""
    theirs = median(fastest(results, of))
    one, other = (median(results[name]) / theirs for name in (ONE_SIZE, ANY_SIZE))
    return f"{one:.2f} ({other:.2f})"


def test_what_is_required_of_a_command():
    command = read("command")["command"]
    results = samples(command)
    own = {name: times for name, times in results.items() if name.endswith("own LRN")}
    for row, theirs in (("PyTorch's own LRN", own), ("the faster LRN", results)):
        found = ratio(results[OURS], fastest(theirs, "eager"))
        assert REQUIRED[f"whole command, 182x158, {row} (any size; 95%)"][-1] == shown(found)
    first = median(results[f"{OURS}, first start"]) / median(fastest(results, "eager"))
    assert REQUIRED["the same, its first start with a model"][-1] == f"{first:.3f}"
    peaks = {name: median(bytes_) for name, bytes_ in command["peak_bytes_1024"].items()}
    least = min(peak for name, peak in peaks.items() if name.startswith("eager"))
    (memory,) = (cells for name, cells in REQUIRED.items() if name.startswith("peak memory"))
    assert memory[-1] == f"{peaks[OURS] / least:.2f}"


def test_what_is_required_of_the_loop():
    for found in read("loop")["loop"]:
        size = f"{found['width']}x{found['height']}"
        again = summary(parse_size(size), [Sample(**sample) for sample in found["samples_s"]])
        share = {name: f"{value:.1%}" for name, value in again["share"].items()}
        cell = REQUIRED[f"loop's share, {size} (any size; 10-90%, of the last run least-most)"][-1]
        assert cell == "{median} ({low}-{high})".format(**share)


def test_what_is_required_is_reached():
    """By every run: its samples or not, the first number of each cell."""
    for name, (required, *found) in REQUIRED.items():
        if required:
            limit = float(required.rstrip("%"))
            reached = [float(re.match(r"[\d.]+", cell)[0]) for cell in found]
            assert max(reached) <= limit, name
