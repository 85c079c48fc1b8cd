"""The answer in words, made from what one result says; every figure beside its noise.

What cannot be said is said so, with its reason. What is decided is decided in measure/analysis.py.
"""

from __future__ import annotations

from dataclasses import replace

from ort_deepdream.measure.analysis import Analysis
from ort_deepdream.report.sentences.alone import nothing_sound, on_the_cpu, without_a_cpu
from ort_deepdream.report.sentences.costs import costs
from ort_deepdream.report.sentences.head import Answer, Point
from ort_deepdream.report.sentences.on_a_gpu import on_a_gpu


def answer(analysis: Analysis) -> Answer:
    """Return what a result says to the question of how much faster a GPU is."""
    found, said = _answer(analysis), costs(analysis)
    point = Point("What does a dream cost beside time?", said)
    return replace(found, points=(*found.points, point)) if said else found


def _answer(analysis: Analysis) -> Answer:
    if analysis.leading is not None:
        return on_a_gpu(analysis, analysis.leading)
    assert analysis.no_speedup is not None  # where no pair leads
    if not analysis.sound:
        return nothing_sound(analysis, analysis.no_speedup)
    if analysis.baseline is not None:
        return on_the_cpu(analysis, analysis.baseline, analysis.no_speedup)
    return without_a_cpu(analysis, analysis.sound[0], analysis.no_speedup)
