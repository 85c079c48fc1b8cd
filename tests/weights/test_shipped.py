"""The shipped gradient files are what `export` makes today from the shipped weights."""

from __future__ import annotations

import hashlib
import time
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pytest
from sampled import sampled

import ort_deepdream
from ort_deepdream.engine.sessions.gradient_file import read_gradient_file
from ort_deepdream.export.verify import verify
from ort_deepdream.export.weights import Weights
from ort_deepdream.weights.builtin import WEIGHTS_FILE, shipped_file, shipped_model
from ort_deepdream.weights.googlenet import INCEPTION_WIDTHS
from scripts.ship_models import (
    LAYERS,
    SHIPPED_LAYERS,
    SHIPPED_TARGETS,
    make_graph,
    trace,
    weights_for,
)

WeightsFiles = dict[str, tuple[Weights, Path]]

DEFAULT = "inception_4c/output"
EVERY_INCEPTION_OUTPUT = {f"inception_{block}/output" for block in INCEPTION_WIDTHS}


def read(path: Path) -> onnx.ModelProto:
    """The file without its weights, and without the PyTorch version that traced it."""
    model = onnx.load(path, load_external_data=False)
    kept = [p for p in model.metadata_props if p.key != "deepdream.torch"]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    return model


@pytest.fixture(scope="module")
def weights_files(tmp_path_factory: pytest.TempPathFactory) -> WeightsFiles:
    """For each architecture weights, and a file of them in a folder where graphs may be made."""

    def copied(architecture: str) -> tuple[Weights, Path]:
        folder = tmp_path_factory.mktemp(architecture)
        weights, path = weights_for(architecture, folder)
        copy = folder / path.name
        if copy != path:
            copy.write_bytes(path.read_bytes())
        return weights, copy

    return {architecture: copied(architecture) for architecture in SHIPPED_LAYERS}


def assert_as_exported_today(
    weights_files: WeightsFiles, architecture: str, layer: str, target: str
) -> None:
    weights, file = weights_files[architecture]
    today = read(make_graph(trace(weights, layer), file, layer, target))
    shipped = read(shipped_file(layer, target, architecture))
    assert shipped == today, "run `python -m scripts.ship_models` to make the shipped files again"


@pytest.mark.parametrize("target", SHIPPED_TARGETS)
@pytest.mark.parametrize("architecture", SHIPPED_LAYERS)
def test_the_default_layer_is_as_exported_today(
    architecture: str, target: str, weights_files: WeightsFiles
) -> None:
    assert_as_exported_today(weights_files, architecture, DEFAULT, target)


@pytest.mark.parametrize(
    ("layer", "target"),
    sampled(
        product(sorted({*LAYERS} - {DEFAULT}), SHIPPED_TARGETS),
        lambda layer, _: layer in ("conv2/3x3", "inception_3b/output", "inception_5b/output"),
    ),
)
def test_every_layer_is_as_exported_today(
    layer: str, target: str, weights_files: WeightsFiles
) -> None:
    assert_as_exported_today(weights_files, "bvlc", layer, target)


def test_every_inception_output_is_shipped() -> None:
    assert set(LAYERS) >= EVERY_INCEPTION_OUTPUT
    for architecture, layers in SHIPPED_LAYERS.items():
        for layer in layers:
            for target in SHIPPED_TARGETS:
                assert shipped_model(layer, target, architecture) is not None, (layer, target)


def test_shipped_files_name_the_shipped_weights() -> None:
    sha256 = hashlib.sha256(WEIGHTS_FILE.read_bytes()).hexdigest()
    for layer in LAYERS:
        info = read_gradient_file(shipped_file(layer, "cpu")).info
        assert info.layers == (layer,)
        assert info.weights_sha256 == sha256


def test_what_ships_is_small() -> None:
    folder = WEIGHTS_FILE.parent
    assert sum(path.stat().st_size for path in folder.iterdir()) < 20_000_000


def test_a_shipped_gradient_is_right() -> None:
    """Against float64, through the float16 weights that both sides read from the one file."""
    path = shipped_file("inception_3b/output", "cpu")
    model = ort_deepdream.load_model(path, "cpu")
    rows = list(verify(path, model.gradient, sizes=((63, 41),)))
    assert rows
    assert all(row.passed for row in rows)
    assert min(row.gradient_error for row in rows) < 1e-5


def test_a_session_starts_within_half_a_second() -> None:
    path = shipped_file(DEFAULT, "cpu")
    seconds = []
    for _ in range(5):  # the best of five, in processor time: not how busy the machine is
        start = time.process_time()
        model = ort_deepdream.load_model(path, "cpu", threads=1)
        seconds.append(time.process_time() - start)
    assert np.isfinite(model.gradient(np.ones((1, 3, 32, 32), np.float32))[0])
    assert min(seconds) < 0.5
