"""A result file that the page of `dream web` made: what it cannot have.

A page keeps no pictures, so that none can be made again here. It is told from a file of
`dream bench` by ort_deepdream.report.runs.of_a_page: whoever takes the pictures out of such a file,
and calls the rest a page's, is left with what a page can have.
"""

from __future__ import annotations

from collections.abc import Iterator

from ort_deepdream.measure.result import Result, Sample

PACKAGES = {"onnxruntime-web"}
LISTS = ("images", "operators", "limits", "work", "energy", "throughput")
OF_PYTHON = ("commit", "cpu_quota", "environment", "gpu_memory", "gpu_driver", "gpu_power_limit")
OF_CUDA = ("cuda", "cudnn")

# A browser may tell no finer time than 0.1 ms, of which a median is the mean of two.
COARSE = 5e-5
ROUNDING = 1e-3  # of such a tick


def beyond_a_page(result: Result) -> Iterator[str]:
    """Yield what no page measures, and what no browser tells it."""
    for name in LISTS:
        if getattr(result, name):
            yield f"{name}: a page has none"
    for name in (*OF_PYTHON, *OF_CUDA):
        if getattr(result.machine, name):
            yield f"machine.{name}: no browser tells it"
    for name in sorted(set(result.machine.packages) - PACKAGES):
        yield f"machine.packages: a page does not use {name}"
    for series in result.series:
        if series.kind == "cold":
            yield f"{series.contender}: a page times no one-off dreams"
        if any(map(_has_readings, series.samples)):
            yield f"{series.contender}, {series.kind}: no browser tells memory, load or clocks"
    for check in result.checks:
        if check.equal is not None:
            yield f"{check.contender}: a page compares gradients, and no dreams"


def _has_readings(sample: Sample) -> bool:
    return sample.model_dump(exclude={"seconds", "parts"}) != Sample(
        seconds=sample.seconds, parts={}, peak_memory=None, device_memory=None, load=None
    ).model_dump(exclude={"seconds", "parts"})


def is_clock_coarse(result: Result) -> bool:
    """Tell whether all samples are whole ticks, so coarse that honest ones may be equal."""
    ticks = [sample.seconds / COARSE for one in result.series for sample in one.samples]
    return all(abs(tick - round(tick)) < ROUNDING for tick in ticks)
