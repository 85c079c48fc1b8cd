"""A layer by its name, from Python: without PyTorch, and the same as the command's."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from ort_deepdream import DreamError, load_layer, load_model
from ort_deepdream.weights.builtin import shipped_file

LAYER = "inception_3a/output"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ORT_DEEPDREAM_CACHE", str(tmp_path))
    return tmp_path


def gradient(model) -> np.ndarray:
    image = np.random.default_rng(0).uniform(-100, 100, (1, 3, 32, 48)).astype(np.float32)
    return model.gradient(image)[1]


def test_a_shipped_layer_is_its_file():
    model = load_layer(LAYER, backend="cpu", threads=1)
    assert model.info.layers == (LAYER,)
    assert model.threads == 1
    assert np.array_equal(gradient(model), gradient(load_model(shipped_file(LAYER, "cpu"), "cpu")))


@pytest.mark.parametrize(
    ("layer", "weights", "layers"),
    [
        (f"{LAYER}:3", "builtin", (f"{LAYER}:3",)),
        ([f"{LAYER}:3", f"{LAYER}:9=0.5"], "builtin", (f"{LAYER}:3", f"{LAYER}:9=0.5")),
        (LAYER, "seeded:0", (LAYER,)),
        ("inception3a", "seeded:0:torchvision", (LAYER,)),
    ],
)
def test_channels_and_weights(layer, weights, layers):
    model = load_layer(layer, weights, "cpu")
    assert model.info.layers == layers
    assert np.isfinite(gradient(model)).all()


REFUSALS = {
    "inception_4c/outptu": "did you mean inception_4c/output",
    f"{LAYER}:256": "its channels are 0 to 255",
    f"{LAYER}=nan": "finite number",
    "inception_4d/3x3": "is not shipped: did you mean .*`dream export` makes a file",
    "": "no layer",
}


@pytest.mark.parametrize("layer", REFUSALS)
def test_refusals(layer):
    with pytest.raises(DreamError, match=REFUSALS[layer]):
        load_layer(layer, backend="cpu")


def test_several_layers_and_none_are_not_shipped():
    with pytest.raises(DreamError, match="is not shipped"):
        load_layer([LAYER, "conv2/3x3"], backend="cpu")
    with pytest.raises(DreamError, match="name a layer"):
        load_layer([], backend="cpu")


def test_unknown_weights_name_the_nearest():
    with pytest.raises(DreamError, match="did you mean torchvision"):
        load_layer(LAYER, "torchvison", "cpu")


def test_it_needs_nothing_of_the_extras():
    code = (
        "import sys\n"
        "heavy = ('torch', 'onnx', 'onnx_ir', 'safetensors', 'typer', 'rich', 'pydantic')\n"
        "sys.modules.update(dict.fromkeys(heavy))\n"
        "from ort_deepdream import load_layer\n"
        f"load_layer('{LAYER}:3', backend='cpu')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
