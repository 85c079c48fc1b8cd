"""`dream verify --bisect` on a file, and on one in which a node was changed."""

from __future__ import annotations

import onnx
import pytest

from ort_deepdream.gradient_format import PREFIX


@pytest.fixture
def spoilt(model, tmp_path):
    """The model with the absolute value in the place of one ReLU, and without its seal."""
    loaded = onnx.load(model)
    (seal,) = [entry for entry in loaded.metadata_props if entry.key == f"{PREFIX}sha256"]
    loaded.metadata_props.remove(seal)
    node = next(
        node
        for node in loaded.graph.node
        if node.op_type == "Relu" and node.name.startswith("relu_5")
    )
    node.op_type = "Abs"
    path = tmp_path / "spoilt.onnx"
    onnx.save(loaded, path)
    return path


@pytest.mark.nightly
def test_a_good_file_has_no_node_that_is_off(dream, model):
    outcome = dream("verify", model, "--bisect")
    assert outcome.exit_code == 0, outcome.stderr
    assert "OFF" not in outcome.stdout
    assert f"{model}: none of " in outcome.stdout
    assert "if the whole file fails, it is the fusing" in outcome.stdout


@pytest.mark.slow
def test_a_planted_node_is_named_by_operator_and_layer(dream, spoilt):
    outcome = dream("verify", spoilt, "--bisect")
    assert outcome.exit_code == 1, outcome.stderr
    (told,) = [line for line in outcome.stdout.splitlines() if line.startswith("FIRST OFF")]
    assert told.startswith("FIRST OFF: Abs of inception_3a/")
    assert "on the way there (node relu_5" in told
    assert "judged by a fresh export" in told
    assert outcome.stdout.splitlines()[-1].endswith(" nodes is off on cpu")


@pytest.mark.nightly
def test_a_backend_can_be_the_judge(dream, spoilt):
    outcome = dream("verify", spoilt, "--against", "cpu")
    assert outcome.exit_code == 0  # both run the changed node
    assert "none of " in outcome.stdout
    assert "there is no backend 'nothing'" in dream("verify", spoilt, "--against", "nothing").error
