"""The warm-up of a series is shown, and left out of every figure."""

from __future__ import annotations

from statistics import median

import pytest
from synthetic_results import NOISE, SEED_SIZE, contender, result, series

from ort_deepdream.report.charts.warming import order_chart, warm_up_table


def with_warm_up(first=(), noise=NOISE):
    one = series("cpu", SEED_SIZE, "step", noise=noise).model_copy(update={"first": first})
    return result((), contenders=(contender("cpu"),), series=(one,), checks=(), images=())


@pytest.mark.parametrize(
    ("first", "noise", "slower"),
    [
        ((0.3, 0.2), NOISE, "2 of 9"),
        ((0.3,), (6.0, *NOISE), "2 of 9"),
        ((), (6.0, 5.0, *NOISE), "2 of 9"),
    ],
)
def test_a_warm_up_is_shown_and_left_out(runs, first, noise, slower):
    (run,) = runs(with_warm_up(first, noise))
    (timed,) = run.contenders
    base = series("cpu", SEED_SIZE, "step", noise=(1.0,)).samples[0].seconds
    assert timed.figures["step", SEED_SIZE].median == pytest.approx(base * median(NOISE))
    assert timed.seconds("step", SEED_SIZE) == pytest.approx([base * one for one in NOISE])
    ((name, _, what, told, took, then, _),) = warm_up_table(run.contenders).rows
    assert (name, what, told, then) == ("cpu", "single step", slower, "29.8 ms")
    assert took.startswith("300 ms" if first else "179 ms")
    (curve,) = order_chart(run.contenders).views[0].curves
    assert curve.hollow == 2
    assert [text.endswith(", warm-up") for *_, text in curve.points] == [True] * 2 + [False] * 7


def test_where_nothing_warms_up_the_table_says_so(runs):
    (run,) = runs(with_warm_up(first=(0.03,)))
    ((told, *_),) = warm_up_table(run.contenders).rows
    assert told == "no series began slower than it went on"


def test_single_samples_have_no_order(runs):
    (run,) = runs(with_warm_up(noise=(1.0,)))
    assert order_chart(run.contenders) is None


def test_of_a_long_series_some_places_have_labels(runs):
    (run,) = runs(with_warm_up(noise=NOISE * 9))
    (view,) = order_chart(run.contenders).views
    assert [label for _, label in view.x.ticks] == ["1", "10", "20", "30", "40", "50", "60"]
