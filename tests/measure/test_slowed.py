"""Samples that something slowed are left out of figures; energy and price are of further dreams."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path

import pytest
from replayed import FakeNvml, Trace
from small_bench import plan
from synthetic_results import SEED_SIZE, result, series

from ort_deepdream.measure import bench
from ort_deepdream.measure.analysis import analyse
from ort_deepdream.measure.result import Energy, Result, read_result
from ort_deepdream.measure.sensors.nvml import Nvml
from ort_deepdream.report.runs import Run
from ort_deepdream.report.sentences.costs import energy, prices, slowed
from ort_deepdream.report.tables.facts import as_csv

HOT = "the GPU was too hot"
SMALL = {"images": (), "operators": (), "limits": (), "work": ()}


def with_slowed(which: set[int], factor: float = 5.0) -> Result:
    """Of a CPU whose further dreams are slow and marked where `which` says."""
    timed = series("cpu", SEED_SIZE, "warm")
    samples = tuple(
        one.model_copy(update={"slowed": (HOT,), "seconds": one.seconds * factor})
        if number in which
        else one
        for number, one in enumerate(timed.samples)
    )
    changed = timed.model_copy(update={"samples": samples})
    other = series("cuda", SEED_SIZE, "warm")
    return result(("cpu", "cuda"), series=(changed, other), **SMALL)


@pytest.mark.parametrize("which", [{3}, {0, 6}, {2, 3, 4}])
def test_slowed_samples_are_no_part_of_a_figure(which):
    found, clean = (analyse(with_slowed(some)) for some in (which, set()))
    kept = [
        s for n, s in enumerate(clean.contenders[0].seconds("warm", SEED_SIZE)) if n not in which
    ]
    assert list(found.contenders[0].seconds("warm", SEED_SIZE)) == kept
    figure = found.contenders[0].figures["warm", SEED_SIZE]
    assert (figure.count, figure.high) == (len(kept), pytest.approx(max(kept), rel=0.02))
    (told,) = slowed(found)
    assert f"{len(which)} of 7 samples slowed and left out: {HOT}." in told
    assert found.leading is not None
    assert found.leading.headline.value == pytest.approx(clean.leading.headline.value, rel=0.03)


def test_each_slowed_sample_is_marked_in_the_csv_file():
    found = analyse(with_slowed({2, 5}))
    rows = [*csv.DictReader(io.StringIO(as_csv([Run("a.json", "", b"", found)])))]
    marked = [int(row["sample"]) for row in rows if row["slowed"] == HOT]
    assert marked == [3, 6]
    assert len(rows) == 14


def test_where_all_were_slowed_they_are_kept_and_told():
    found = analyse(with_slowed(set(range(7)), 1.0))
    assert len(found.contenders[0].seconds("warm", SEED_SIZE)) == 7
    (told,) = slowed(found)
    assert "7 of 7 samples slowed and kept, for there are no others" in told
    assert list(slowed(analyse(with_slowed(set())))) == []


def test_energy_is_of_one_dream_and_why_there_is_none_is_told_once():
    used = Energy(
        contender="cpu",
        size=SEED_SIZE,
        dreams=40,
        seconds=10.0,
        joules={"GPU 0": 2000.0, "package-0": 400.0},
        missing=None,
    )
    missing = used.model_copy(
        update={"contender": "cuda", "dreams": 0, "joules": {}, "missing": "no counter"}
    )
    found = analyse(result(("cpu", "cuda"), energy=(used, missing), **SMALL))
    assert [one.joules(SEED_SIZE) for one in found.contenders] == [60.0, None]
    assert list(energy(found)) == [
        "A further dream at 182×158 with cpu takes 60.0 J (GPU 0 50.0 J, package-0 10.0 J; of 40 "
        "dreams in 10.0 s, what idles included).",
        "Energy was not measured: no counter.",
    ]


def test_the_price_of_a_thousand_dreams():
    found = analyse(result(("cpu",), sizes=[SEED_SIZE], price_per_hour=3.6, **SMALL))
    median = found.contenders[0].figures["warm", SEED_SIZE].median
    assert found.contenders[0].price(SEED_SIZE) == pytest.approx(median)  # 0.001 for a second
    (told,) = prices(found)
    assert told.startswith("At 3.60 an hour a thousand further dreams with cpu cost")
    assert list(prices(analyse(result(("cpu",), **SMALL)))) == []


@pytest.fixture
def hot(monkeypatch: pytest.MonkeyPatch) -> Trace:
    """A GPU of 100 watts beside this machine, too hot all the time; its counter is a quick one."""
    trace = Trace(gpu=lambda second: 100 * second, reasons=lambda second: 0x40)
    monkeypatch.setattr(trace, "clock", time.perf_counter)
    monkeypatch.setattr(FakeNvml, "RENEWED", 0.001)
    monkeypatch.setattr(Nvml, "update", 0.001)
    monkeypatch.setattr(Trace, "now", property(lambda self: time.perf_counter()), raising=False)
    monkeypatch.setattr(bench, "sensors", lambda: [Nvml(FakeNvml(trace))])
    return trace


@pytest.mark.slow
def test_a_bench_keeps_what_its_sensors_saw(photo: Path, tiny_model: Path, tmp_path: Path, hot):
    output = tmp_path / "result.json"
    bench.Bench(
        plan(photo, tiny_model, backends=("cpu",), threads=(1,), trials=1, most_trials=1), output
    ).run()
    found = read_result(output)
    assert found.sensors == {"NVML": None}
    marks = {sample.slowed for one in found.series for sample in one.samples}
    assert marks == {("the GPU was too hot, by its hardware",)}
    (used,) = found.energy
    assert used.missing is None
    assert used.dreams > 1
    assert used.joules["GPU 0"] / used.seconds == pytest.approx(100, rel=0.01)
