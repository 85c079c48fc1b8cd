"""Taking turns, and processes that are timed and weighed."""

from __future__ import annotations

import functools
import sys

import pytest

from ort_deepdream.errors import DreamError
from ort_deepdream.measure.statistics import ratio
from ort_deepdream.measure.timing import interleave, run_process, take_turn


def test_interleaved_samples_and_their_ratio():
    calls = []
    steps = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    turns = {name: functools.partial(take_turn, step) for name, step in steps.items()}
    samples = interleave(turns, 0, 3)
    assert [len(values) for values in samples.values()] == [3, 3]
    assert calls.count("a") == calls.count("b")
    over = ratio([1.0, 1.1, 0.9, 1.0], [2.0, 2.0, 2.0, 2.0])
    assert over.value == 0.5
    assert over.low <= 0.5 <= over.high


def test_a_process_is_timed_and_weighed():
    small = run_process([sys.executable, "-I", "-S", "-c", "pass"])
    large = run_process([sys.executable, "-I", "-S", "-c", "x = b'1' * 100_000_000"])
    assert 0 < small.seconds < 30
    # Not what this process needs, which has PyTorch loaded.
    assert small.peak_bytes < 50e6
    assert 90e6 < large.peak_bytes - small.peak_bytes < 120e6
    with pytest.raises(DreamError, match="exploded"):
        run_process([sys.executable, "-c", "raise SystemExit('exploded')"])
