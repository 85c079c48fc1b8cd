"""The charts hold the numbers of the result file, and their tables the same ones."""

from __future__ import annotations

import json
from statistics import median

import pytest
from synthetic_results import (
    NOISE,
    SEED_SIZE,
    SHARES,
    SIZES,
    check,
    images,
    pixels,
    result,
    seconds,
    start,
)

from ort_deepdream.measure.copies import COPIES
from ort_deepdream.measure.result import Operator, Size, Work
from ort_deepdream.report.charts.drawing import Chart, View, pixel_axis
from ort_deepdream.report.charts.operators import MOST_OPERATORS
from ort_deepdream.report.charts.roofline import roofline_chart
from ort_deepdream.report.charts.timed import timing_charts

NAMES = ("cpu", "cpu, 1 thread", "cuda")


def charts(found_runs) -> dict[str, Chart]:
    return {chart.name: chart for chart in timing_charts(found_runs)}


def view(chart: Chart, name: str) -> View:
    return next(view for view in chart.views if view.name == name)


def test_all_charts_are_there(runs):
    assert list(charts(runs(result()))) == ["speedup", "time", "parts", "operators", "memory"]


def test_without_a_gpu_there_is_no_speedup(runs):
    assert "speedup" not in charts(runs(result(("cpu",))))


def test_nothing_measured_draws_nothing(runs):
    found = runs(result(("cpu",), series=(), operators=()))
    assert charts(found) == {}
    assert roofline_chart(found) is None


@pytest.mark.parametrize("kind", ["step", "warm", "cold"])
def test_times_are_the_medians(runs, kind):
    chart = charts(runs(result()))["time"]
    names = {"step": "single step", "warm": "further dream", "cold": "one-off dream"}
    shown = view(chart, names[kind])
    assert [curve.label for curve in shown.curves] == list(NAMES)
    for curve in shown.curves:
        for size, (x, y, low, high, text) in zip(SIZES, curve.points, strict=True):
            assert x == pixels(size)
            assert y == pytest.approx(seconds(curve.label, size, kind) * median(NOISE))
            assert low < y < high
            assert f"{curve.label}, {size.width}×{size.height}" in text
    assert len(chart.table.rows) == len(NAMES) * len(SIZES) * 3


def test_speedups_are_ratios_with_a_line_at_one(runs):
    chart = charts(runs(result()))["speedup"]
    curve, even = view(chart, "further dream").curves
    for size, (x, y, low, high, _) in zip(SIZES, curve.points, strict=True):
        ratio = seconds("cpu", size, "warm") / seconds("cuda", size, "warm")
        assert x == pixels(size)
        assert y == pytest.approx(ratio)
        assert low <= y <= high
    assert {point[1] for point in even.points} == {1.0}
    assert even.bare


def test_the_parts_of_a_one_off_dream(runs):
    chart = charts(runs(result()))["parts"]
    assert chart.views[chart.first].name == "182×158"
    shown = view(chart, "182×158")
    assert shown.categories == NAMES
    bars = {bar.label: bar for bar in shown.bars}
    assert bars["session"].values[2] == pytest.approx(start("cuda")["session"])
    assert bars["further dream"].values[0] == pytest.approx(seconds("cpu", SEED_SIZE, "warm"))
    stacked = [bar for bar in shown.bars if bar.stack == "one-off dream"]
    for place, name in enumerate(NAMES):
        whole = sum(bar.values[place] or 0.0 for bar in stacked)
        assert whole == pytest.approx(seconds(name, SEED_SIZE, "cold"), rel=1e-6)


def test_what_no_part_accounts_for_is_other(runs):
    made = result(("cpu",), kinds=("cold",))
    cut = [
        one.model_copy(
            update={
                "samples": tuple(
                    s.model_copy(update={"parts": {"steps": s.seconds / 4}}) for s in one.samples
                )
            }
        )
        for one in made.series
    ]
    chart = charts(runs(made.model_copy(update={"series": tuple(cut)})))["parts"]
    bars = {bar.label: bar.values[0] for bar in chart.views[0].bars}
    assert bars["other"] == pytest.approx(3 * (bars["steps"] or 0))


def test_operators_add_up(runs):
    (shown,) = charts(runs(result()))["operators"].views
    assert [bar.label for bar in shown.bars] == list(SHARES)
    assert sum(bar.values[0] or 0 for bar in shown.bars) == pytest.approx(1)


def test_copies_are_shown_apart_however_small(runs):
    kinds = [*(f"kernel {number}" for number in range(9)), COPIES["MemcpyToHost"]]
    made = tuple(
        Operator(contender="cpu", size=SEED_SIZE, operator=kind, share=share, nodes=1)
        for kind, share in zip(kinds, [0.11] * 9 + [0.01], strict=True)
    )
    (shown,) = charts(runs(result(operators=made)))["operators"].views
    labels = [bar.label for bar in shown.bars]
    assert labels[-2:] == ["copy from the device", "all others"]
    assert len(labels) == MOST_OPERATORS + 1


def test_memory_of_process_and_gpu(runs):
    process, gpu = charts(runs(result()))["memory"].views
    assert len(process.curves) == len(NAMES)
    (curve,) = gpu.curves
    assert curve.label == "cuda"
    assert curve.points[0][1] == 400_000_000 + 90 * pixels(SEED_SIZE)


def test_a_failed_contender_is_drawn_dashed_and_marked(runs):
    checks = (check("cpu"), check("cpu, 1 thread"), check("cuda", passed=False))
    found = charts(runs(result(checks=checks)))
    assert "speedup" not in found
    assert [curve.dashed for curve in found["time"].views[0].curves] == [False, False, True]
    assert any(row[0] == "cuda (check failed)" for row in found["time"].table.rows)


def test_colours_are_the_contenders_own(runs):
    found = charts(runs(result(), result(("cpu",))))
    colours = {curve.label: curve.colour for view in found["time"].views for curve in view.curves}
    labels = ["A · cpu", "A · cpu, 1 thread", "A · cuda", "B · cpu"]
    assert colours == {label: number for number, label in enumerate(labels)}
    (gpu,) = (curve for curve in found["speedup"].views[0].curves if not curve.bare)
    assert gpu.colour == colours["A · cuda"]


# --- The limit -----------------------------------------------------------------------------------


def test_the_share_of_the_limit(runs):
    chart = roofline_chart(runs(result()))
    assert chart is not None
    share, _ = chart.views
    rate = 9e4 * pixels(SEED_SIZE) / seconds("cpu", SEED_SIZE, "step")
    assert share.curves[0].points[0][1] == pytest.approx(rate / 1.5e11)
    # 9e4 / 3e3 operations for each byte, 2e10 bytes a second: fed for more than the peak
    assert chart.table.rows[0][5] == "30.0 flop/B"


def test_memory_is_the_limit_where_it_feeds_too_little(runs):
    work = tuple(Work(size=size, flop=3e3, bytes=3e3) for size in SIZES)
    chart = roofline_chart(runs(result(("cpu",), work=work)))
    assert chart is not None
    rate = 3e3 / seconds("cpu", SEED_SIZE, "step")
    assert chart.views[0].curves[0].points[0][1] == pytest.approx(rate / 2e10)


def test_without_counted_traffic_the_peak_is_the_limit(runs):
    work = tuple(Work(size=size, flop=9e4 * pixels(size), bytes=None) for size in SIZES)
    chart = roofline_chart(runs(result(("cpu",), work=work)))
    assert chart is not None
    assert [view.name for view in chart.views] == ["share of the limit"]


def test_the_roof_bends_at_the_ridge(runs):
    chart = roofline_chart(runs(result(("cpu",))))
    assert chart is not None
    roof = chart.views[1].curves[1]
    for x, y, *_ in roof.points:
        assert y == pytest.approx(min(1.5e11, 2e10 * x))
    assert 1.5e11 / 2e10 in [point[0] for point in roof.points]


def test_equal_limits_are_drawn_once(runs):
    chart = roofline_chart(runs(result()))
    assert chart is not None
    assert [curve.label for curve in chart.views[1].curves if curve.bare] == [
        "limit of cpu and cpu, 1 thread",
        "limit of cuda",
    ]


# --- What JavaScript gets ------------------------------------------------------------------------


def test_only_what_can_be_drawn_is_handed_on(runs):
    for chart in timing_charts(runs(result(images=images(())))):
        for shown in chart.views:
            text = json.dumps(shown.as_json(), allow_nan=False)
            assert json.loads(text)["name"] == shown.name


@pytest.mark.parametrize(
    ("sides", "labels"),
    [
        ([(182, 158)], ["128×128", "182×158", "256×256"]),
        ([(182, 158), (512, 512)], ["182×158", "256×256", "512×512"]),
        ([(500, 500), (512, 512)], ["256×256", "500×500", "512×512", "1024×1024"]),
        ([(9, 9), (90, 90), (900, 900)], ["9×9", "90×90", "900×900"]),
    ],
)
def test_an_axis_of_sizes_has_three_labels_that_lie_apart(sides, labels):
    axis = pixel_axis(Size(width=width, height=height) for width, height in sides)
    assert [label for _, label in axis.ticks] == labels
