"""measure/graphs is what the script writes, and its graphs compute what they are timed for."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from ort_deepdream import find_backend
from ort_deepdream.measure import limits
from scripts import write_limits


def test_the_files_are_the_scripts():
    found = {path.name: path.read_bytes() for path in write_limits.GRAPHS.iterdir()}
    assert found == write_limits.contents()


def test_the_graphs_compute_a_product_and_a_negation():
    def run(name, **inputs):
        content = write_limits.contents()[name]
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        (found,) = session.run(None, inputs)
        return found

    a, b = np.random.default_rng(0).random((2, 5, 5), np.float32)
    np.testing.assert_allclose(run("product.onnx", a=a, b=b), a @ b, rtol=1e-6)
    np.testing.assert_array_equal(run("copy.onnx", a=a[0]), -a[0])


@pytest.mark.nightly
def test_the_rates_are_of_this_world():
    cpu = find_backend("cpu")
    assert 1e9 < limits.product_rate(limits.onnx_product(cpu, 1)) < 1e13
    assert 1e8 < limits.copy_rate(limits.onnx_copy(cpu, 1)) < 1e12
