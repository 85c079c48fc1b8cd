"""Exported files for dreams with a guide, judged in float64 as `dream verify` does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ort_deepdream import DreamError, load_model
from ort_deepdream.export.model_file import export_gradient, save
from ort_deepdream.export.targets import TARGETS
from ort_deepdream.export.verify import guide_rgb, verify
from ort_deepdream.export.weights import load_weights

# A pool that nothing is shipped for, and a layer before it that is amplified as usual.
LED, AMPLIFIED = "pool2/3x3_s2=0.5", "conv2/3x3:7"


def written(path: Path, target: str, layers: list[str], led: list[str]) -> Path:
    save(export_gradient(load_weights("seeded:0"), layers, TARGETS[target], guided=led), path)
    return path


@pytest.mark.parametrize("target", TARGETS)
def test_the_gradient_with_another_layer_beside(target, tmp_path):
    path = written(tmp_path / "led.onnx", target, [AMPLIFIED], [LED])
    model = load_model(path, "cpu", threads=1)
    assert model.info.layers == (AMPLIFIED, LED)
    assert [layer.name for layer in model.info.guides] == ["pool2/3x3_s2"]
    rows = [*verify(path, model.with_guide(guide_rgb()).gradient, sizes=((45, 38),))]
    assert all(row.passed for row in rows)
    assert np.median([row.gradient_error for row in rows]) < 1e-5


def test_a_file_that_is_led_elsewhere_fails(tmp_path):
    """The check is one: with another guide than the judge's, nothing passes."""
    path = written(tmp_path / "led.onnx", "portable", [], ["conv2/3x3"])
    model = load_model(path, "cpu", threads=1)
    other = model.with_guide(guide_rgb()[::-1, :40] / 3)
    rows = [*verify(path, other.gradient, sizes=((32, 32),))]
    assert not any(row.passed for row in rows)


@pytest.mark.slow
def test_two_layers_are_led(tmp_path):
    path = written(tmp_path / "led.onnx", "cpu", [], ["inception_3b/output", LED])
    model = load_model(path, "cpu", threads=1).with_guide(guide_rgb())
    assert [rows.shape[1] for rows in model.guide.values()] == [480, 1, 192, 1]
    assert all(row.passed for row in verify(path, model.gradient, sizes=((63, 41),)))


@pytest.mark.parametrize(
    ("led", "options", "message"),
    [
        (["conv2/3x3:7"], {}, "conv2/3x3:7: a guide leads a whole layer; leave the channel out"),
        (["conv2/3x3", "conv2/3x3=2"], {}, "a guide leads conv2/3x3 once; name it once"),
        (["conv9"], {}, "has no layer 'conv9'"),
        (["conv2/3x3"], {"size": (64, 64)}, "is of float32 and for pictures of any size"),
        (["conv2/3x3"], {"precision": "float16"}, "is of float32 and for pictures of any size"),
    ],
)
def test_what_is_refused(led, options, message):
    with pytest.raises(DreamError, match=message):
        export_gradient(load_weights("seeded:0"), [], TARGETS["portable"], guided=led, **options)
