"""The profile of a step: kinds of kernels, their operations, the table."""

from __future__ import annotations

import pytest

from ort_deepdream.measure.operators import classify, kernels
from ort_deepdream.weights.builtin import shipped_file
from scripts import profile_step

from .conftest import LAYER


@pytest.mark.parametrize(
    ("operator", "inputs", "output", "kind", "flop"),
    [
        ("Mul", [[1, 8, 4, 4], [1, 8, 4, 4]], [1, 8, 4, 4], "Mul", 0),
        # Each of the outputs sums 3 * 7 * 7 products.
        ("Conv", [[1, 3, 8, 8], [64, 3, 7, 7], [64]], [1, 64, 4, 4], "Conv 7x7", 2 * 1024 * 147),
        ("Conv", [[1, 8, 4, 4], [16, 8, 1, 1]], [1, 16, 4, 4], "Conv 1x1", 2 * 256 * 8),
        ("Conv", [[1, 8, 4, 4], [8, 1, 3, 1]], [1, 8, 4, 4], "depthwise 3x1", 2 * 128 * 3),
        ("Conv", [[1, 8, 4, 4], []], [1, 16, 4, 4], "Conv", 0),  # the provider's own form
        ("Conv", [[1, 8, 4, 4], [8, 4, 1, 1]], [1, 8, 4, 4], "grouped 1x1", 2 * 128 * 4),
        (
            "Conv",
            [[1, 8, 4, 4], [8, 8, 3, 3], [8], [1, 8, 4, 4]],
            [1, 8, 4, 4],
            "Conv 3x3 + sum",
            2 * 128 * 72,
        ),
        (
            "ConvTranspose",
            [[1, 64, 4, 4], [64, 3, 7, 7]],
            [1, 3, 8, 8],
            "ConvTranspose 7x7",
            2 * 1024 * 147,
        ),
        ("ConvTranspose", [[1, 64, 4, 4]], [1, 3, 8, 8], "ConvTranspose", 0),  # packed, likewise
        ("MemcpyFromHost", [[1, 3, 8, 8]], [1, 3, 8, 8], "copy to the device", 0),
        ("MemcpyToHost", [[1, 3, 8, 8]], [1, 3, 8, 8], "copy from the device", 0),
    ],
)
def test_kinds_and_operations(operator, inputs, output, kind, flop):
    assert classify(operator, inputs, [output]) == (kind, flop)


def test_the_first_run_of_a_node_is_left_out():
    arguments = {
        "node_index": "3",
        "op_name": "Mul",
        "input_type_shape": [{"float": [2, 2]}, {"float": []}],
        "output_type_shape": [{"float": [2, 2]}],
        "activation_size": "20",
        "parameter_size": "0",
        "output_size": "16",
    }
    events = [
        {"cat": "Node", "name": "Mul_kernel_time", "dur": duration, "args": arguments}
        for duration in (900, 10, 30, 20)
    ]
    events.append({"cat": "Session", "name": "model_run", "dur": 5000})
    (kernel,) = kernels(events)
    assert kernel.seconds == pytest.approx(20e-6)
    assert (kernel.kind, kernel.moved) == ("Mul", 36)


def test_a_profile_in_80_columns(gradient_file, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    profile_step.main([str(gradient_file), "--size", "40x33", "--steps", "2", "--threads", "1"])
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert LAYER in text
    for kind in ("Conv 3x3", "depthwise", "ReorderOutput", "HardSigmoid", "all"):
        assert kind in text
    assert "100.0%" in text


def test_convolutions_that_are_not_counted_are_named(tmp_path, capsys, monkeypatch):
    """A portable file, as another network's is, has weights that ONNX Runtime packs."""
    monkeypatch.setenv("COLUMNS", "80")
    path = shipped_file("conv2/3x3", "portable")
    profile_step.main([str(path), "--size", "24x24", "--steps", "2", "--threads", "1"])
    text = " ".join(capsys.readouterr().out.split())
    assert "ConvTranspose: ONNX Runtime has packed its weights" in text
    assert "Conv 7x7" in text
    assert "Conv:" not in text


def test_a_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="there is no such file; name a model file"):
        profile_step.main([str(tmp_path / "none.onnx")])
