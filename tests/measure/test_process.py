"""Contenders in processes of their own: what they answer, and what ends them is told here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from small_bench import plan

from ort_deepdream import load_model, read_picture
from ort_deepdream.measure.contenders.process import ContenderError, ContenderProcess


@pytest.fixture(scope="module")
def spec(photo, tiny_model):
    return plan(photo, tiny_model, backends=("cpu",), threads=(2,)).contenders[0].spec


@pytest.fixture(scope="module")
def process(spec):
    with closing(ContenderProcess(spec)) as process:
        yield process
    assert process.child.poll() is not None


def test_a_process_that_dies_says_how(spec):
    with closing(ContenderProcess(spec)) as process:
        with pytest.raises(ContenderError, match="AttributeError"):
            process.ask("fly")
        os.kill(process.child.pid, signal.SIGKILL)
        with pytest.raises(ContenderError, match="its process ended with code -9"):
            process.ask("limits")


def test_a_contender_with_no_such_model_cannot_start(spec, tmp_path):
    with pytest.raises(ContenderError, match="there is no such file; name a model file"):
        ContenderProcess(replace(spec, model=str(tmp_path / "none.onnx")))


def test_workers_wait_without_working(process, photo):
    process.ask("warm", photo=str(photo))
    time.sleep(0.3)
    before = process.busy()
    time.sleep(1.0)
    assert process.busy() - before < 0.05


def test_a_step_and_a_gradient_take_time_there(process, photo):
    assert process.child.pid != os.getpid()
    assert process.ask("step", photo=str(photo), count=3) > 0
    assert process.ask("gradients", photo=str(photo), count=3) > 0


@pytest.mark.parametrize("default_session", [False, True])
def test_the_gradient_of_a_process_is_the_models(
    spec, photo, tiny_model, tmp_path, default_session
):
    output = tmp_path / "gradient.npy"
    with closing(ContenderProcess(replace(spec, default_session=default_session))) as process:
        process.ask("gradient", photo=str(photo), output=str(output))
    model = load_model(tiny_model, "cpu", 1)
    expected = model.gradient(model.preprocess(read_picture(photo).rgb))[1]
    np.testing.assert_allclose(np.load(output), expected, rtol=1e-5)
    assert default_session or (np.load(output) == expected).all()


def test_a_process_that_measures_onnx_runtime_has_no_pytorch_in_it():
    """Nor the onnx package: it has what a dream has."""
    contenders = "ort_deepdream.measure.contenders"
    code = f"import sys, {contenders}.worker, {contenders}.onnx_runtime; "
    code += "print({'torch', 'onnx', 'onnx_ir'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
