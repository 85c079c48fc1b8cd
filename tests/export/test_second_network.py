"""What is not GoogLeNet works by its registry entry alone: nothing else has heard of it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from second_network import SMALL
from weights_files import layer_files, new_caffemodel, onnx_file, our_safetensors

from ort_deepdream import load_model
from ort_deepdream.errors import DreamError
from ort_deepdream.export.googlenet import GoogLeNet
from ort_deepdream.export.model_file import export_gradient, save
from ort_deepdream.export.network import new_network
from ort_deepdream.export.targets import TARGETS
from ort_deepdream.export.verify import verify
from ort_deepdream.export.weights import load_weights
from ort_deepdream.weights import architectures
from ort_deepdream.weights.joining import join
from ort_deepdream.weights.prepared import prepare
from ort_deepdream.weights.readers import read_weights
from ort_deepdream.weights.terms import parse_term

ROOT = Path(__file__).parents[2]
SEEDED = "seeded:0:small"


@pytest.fixture(autouse=True)
def _entry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(architectures.ARCHITECTURES, SMALL.name, SMALL)
    monkeypatch.setenv("ORT_DEEPDREAM_CACHE", str(tmp_path / "cache"))


def exported(folder: Path, target: str, *layers: str, channels: bool = False) -> Path:
    path = folder / f"{target}.onnx"
    model = export_gradient(load_weights(SEEDED), layers, TARGETS[target], channels=channels)
    save(model, path, seal=False)
    return path


def test_the_entry_is_what_the_network_is() -> None:
    network = new_network(SMALL)
    shapes = {n: tuple(p.shape) for n, p in network.convolutions.named_parameters()}
    assert shapes == SMALL.parameters
    side = 64
    found = {
        n: (x.shape[1], side // x.shape[2]) for n, x in network.layers(torch.zeros(1, 3, 64, 64))
    }
    assert found == {name: (s.channels, s.stride) for name, s in SMALL.layers.items()}


@pytest.mark.parametrize("target", TARGETS)
def test_its_gradient_is_right(target: str, tmp_path: Path) -> None:
    path = exported(tmp_path, target, "conv2:1=0.5", "relu2", "relu1")
    model = load_model(path, "cpu")
    assert (model.info.architecture, model.info.stride) == ("small", 2)
    rows = list(verify(path, model.gradient, sizes=((33, 40),)))
    assert rows
    assert all(row.passed for row in rows)


def test_its_weights_are_told_by_their_shapes(tmp_path: Path) -> None:
    tensors = load_weights(SEEDED).tensors
    path = tmp_path / "w"
    unnamed = our_safetensors(tensors, None)
    for content in (onnx_file(tensors), new_caffemodel(tensors), unnamed):
        path.write_bytes(content)
        read = read_weights(path)
        assert read.architecture is SMALL
        assert all(np.array_equal(read.tensors[n], t.numpy()) for n, t in tensors.items())
    folder = layer_files(tensors, tmp_path / "folder")
    assert read_weights(folder).architecture is SMALL


def test_its_file_is_joined_with_other_weights_and_channels(tmp_path: Path) -> None:
    plain = exported(tmp_path, "cpu", "relu2", channels=True)
    weights = prepare("seeded:3:small")
    # The prepared file has every tensor that the graph does: it is pointed at those.
    joined = join(plain, weights, [parse_term("relu2:4", SMALL)])
    assert load_model(joined, "cpu").info.layers == ("relu2:4",)


def test_its_layers_and_their_librarys_names() -> None:
    assert parse_term("features.3:5", SMALL).layer == "conv2"
    with pytest.raises(DreamError, match="small has no layer 'relu3': did you mean relu"):
        parse_term("relu3", SMALL)


def test_another_networks_entry_is_refused() -> None:
    with pytest.raises(TypeError, match="small is no GoogLeNet"):
        GoogLeNet(SMALL)


def test_only_a_networks_own_files_import_it() -> None:
    """Its entry and its reader, what export builds, and the list of all entries."""
    package = ROOT / "src" / "ort_deepdream"
    rooms = [package, *(path.resolve() for path in package.iterdir() if path.is_dir())]
    files = [path for room in rooms for path in room.rglob("*.py")]
    importing = re.compile(r"^\s*(from|import) .*googlenet", re.MULTILINE | re.IGNORECASE)
    found = {str(p.relative_to(ROOT)) for p in files if importing.search(p.read_text("utf-8"))}
    assert found == {
        "export/googlenet.py",
        "weights/architectures.py",
        "weights/readers/torchvision.py",
    }
