"""What a step with a guide asks of CUDA: nothing is left to the CPU, and it is captured."""

from __future__ import annotations

import shutil

import pytest

from ort_deepdream.weights.builtin import WEIGHTS_FILE, shipped_file
from ort_deepdream.weights.googlenet import BVLC
from ort_deepdream.weights.guiding import guided
from ort_deepdream.weights.terms import Term
from scripts.cuda_counts import CAPTURED, PLAIN, measured


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Writes a shipped layer's file with a guide, beside the weights."""
    folder = tmp_path_factory.mktemp("guided")
    shutil.copy(WEIGHTS_FILE, folder)

    def write(layer, target):
        path = folder / f"{layer.replace('/', '-')}.{target}.onnx"
        content = shipped_file(layer, target).read_bytes()
        path.write_bytes(guided(content, Term(layer), BVLC.layers[layer]))
        return path

    return write


@pytest.mark.parametrize(
    ("layer", "target"),
    [("inception_3b/output", "cuda"), ("inception_3b/output", "portable"), ("conv2/3x3", "cuda")],
)
def test_a_led_step_is_captured_and_all_of_it_is_on_the_device(cuda, files, layer, target):
    path = files(layer, target)
    captured = measured(cuda, path, CAPTURED)
    assert {*captured["placement"]} == {"CUDAExecutionProvider"}
    assert captured["steps"][-1]["graph_launches"] == 1
    led = measured(cuda, path, PLAIN)["steps"][-1]
    plain = measured(cuda, shipped_file(layer, target), PLAIN)["steps"][-1]
    # For each part of the guide's positions a product, its largest, and where that is.
    parts = 16 if layer == "conv2/3x3" else 4
    assert led["launches"] - plain["launches"] <= 11 * parts
    assert led["copies_in"] == plain["copies_in"]
    assert led["copies_out"] == plain["copies_out"]
