"""The charts of what was timed: speed-up, time, its parts, its operators, memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ort_deepdream.measure.analysis import TimedContender
from ort_deepdream.report.charts.drawing import Chart
from ort_deepdream.report.charts.memory import memory_chart
from ort_deepdream.report.charts.operators import operators_chart
from ort_deepdream.report.charts.parts import parts_chart
from ort_deepdream.report.charts.speedup import speedup_chart
from ort_deepdream.report.charts.times import time_chart
from ort_deepdream.report.runs import Run, all_contenders


def timing_charts(runs: Sequence[Run]) -> list[Chart]:
    """Return those that there are numbers for."""
    contenders = all_contenders(runs)
    makers: tuple[Callable[[Sequence[TimedContender]], Chart | None], ...] = (
        time_chart,
        parts_chart,
        operators_chart,
        memory_chart,
    )
    charts = [speedup_chart(runs), *(make(contenders) for make in makers)]
    return [chart for chart in charts if chart is not None]
