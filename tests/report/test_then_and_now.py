"""The seed's table: what was measured in 2019 beside what was measured now, and nothing else."""

from __future__ import annotations

import pytest
from synthetic_results import NOISE, SEED_SIZE, check, result, seconds, series

from ort_deepdream.report.sentences.answer import answer
from ort_deepdream.report.tables.then_and_now import same_dream, then_and_now


def test_the_trials_are_the_first_five_in_order(runs):
    table = then_and_now(runs(result()))
    assert table.headings == ("", "2019, Caffe, CPU", "2019, Caffe, K80", "now, cpu", "now, cuda")
    assert [row[0] for row in table.rows] == [
        *(f"trial {number}" for number in range(1, 6)),
        "further trials",
        "median of all",
        "CPU / GPU",
    ]
    base = seconds("cpu", SEED_SIZE, "warm")
    assert [row[3] for row in table.rows[:5]] == [f"{base * n * 1000:.0f} ms" for n in NOISE[:5]]
    assert [row[1] for row in table.rows[:2]] == ["11.6 s", "11.0 s"]
    assert table.rows[-1][2] == "6.79×"
    assert table.rows[-1][4] == "23.6×"
    assert [row[1:] for row in table.rows[5:6]] == [("–", "–", "2 more", "2 more")]


def test_the_table_and_the_headline_have_the_same_figures(runs):
    """The first five of these six are not what all are."""
    cpu, gpu = (1.0, 1.0, 1.0, 1.1, 1.2, 1.3), (1.3, 1.2, 1.1, 1.0, 1.0, 1.0)
    times = [
        series(name, SEED_SIZE, "warm", noise=noise)
        for name, noise in (("cpu", cpu), ("cuda", gpu))
    ]
    (run,) = runs(result(("cpu", "cuda"), series=tuple(times)))
    found, table = answer(run.analysis), then_and_now([run])
    assert table.rows[-1][4] == found.headline
    median, ratio = (row[3:] for row in table.rows[-2:])
    for name, cell in zip(("cpu", "cuda"), median, strict=True):
        assert cell in found.sentence, name
    assert ratio == ("", found.headline)


def test_what_was_not_measured_is_a_dash(runs):
    few = series("cpu", SEED_SIZE, "warm", noise=(1.0, 1.0))
    table = then_and_now(runs(result(("cpu",), series=(few,))))
    assert [row[3] for row in table.rows[2:5]] == ["–"] * 3
    assert [row[4] for row in table.rows] == ["–"] * 7
    assert [row[0] for row in table.rows[5:]] == ["median of all", "CPU / GPU"]


def test_a_failed_gpu_is_not_in_it(runs):
    checks = (check("cpu"), check("cuda", passed=False))
    table = then_and_now(runs(result(("cpu", "cuda"), checks=checks)))
    assert {row[4] for row in table.rows} == {"–"}


def test_every_run_has_its_columns(runs):
    table = then_and_now(runs(result(), result(("cpu",))))
    assert table.headings[3:] == ("A · now, CPU", "A · now, GPU", "B · now, CPU", "B · now, GPU")


def test_the_same_dream_is_to_be_compared(runs):
    (run,) = runs(result())
    assert same_dream(run).endswith("The network, the layer and the steps are those of 2019.")


@pytest.mark.parametrize("other", [{"octaves": 1}, {"octave_scale": 1.2}, {"iterations": 9}])
def test_another_dream_is_not_to_be_compared(runs, other):
    (run,) = runs(result(settings=result().settings.model_copy(update=other)))
    said = same_dream(run)
    assert said.endswith("not to be compared with it.")
    assert ("1 octave of 10 steps" in said) == ("octaves" in other)
