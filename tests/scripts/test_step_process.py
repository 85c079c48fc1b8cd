"""Steps in processes of their own: timed there, and what ends them is told here."""

from __future__ import annotations

import os
from contextlib import closing
from functools import partial

import numpy as np
import pytest

from scripts.compare_torch import alone
from scripts.step_process import StepError, StepProcess


def test_a_step_is_made_and_taken_there(gradient_file):
    image = np.random.default_rng(0).uniform(-100, 100, (1, 3, 33, 40)).astype(np.float32)
    here = alone(gradient_file, image, 1)()
    with closing(StepProcess(partial(alone, gradient_file, image, 1))) as process:
        assert process.seconds_to_first > 0
        assert process.turn(3) > 0
        np.testing.assert_array_equal(process.gradient(), here)
        number = process.process.pid
    assert number != os.getpid()
    assert not process.process.is_alive()


def test_a_step_that_cannot_be_made():
    with pytest.raises(StepError, match="ValueError: invalid literal"):
        StepProcess(partial(int, "x"))


def test_a_process_that_ends():
    with pytest.raises(StepError, match="its process ended with code 3"):
        StepProcess(partial(os._exit, 3))
