"""Remake weights/builtin: the weights in float16, and the gradient files of both architectures.

    python -m scripts.ship_models student.safetensors   # new weights, and where files find them
    python -m scripts.ship_models                       # every file exported again, same weights

`student.safetensors` is what `python -m training.train` wrote. The gradient files of `bvlc` refer
to the weights beside them, those of torchvision to weights that are not shipped
(weights/joining.py).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import torch
from rich.progress import track
from safetensors import safe_open
from safetensors.torch import save_file

from ort_deepdream.export.model_file import Traced, lower_for, save, trace_layers
from ort_deepdream.export.shared_weights import share_weights
from ort_deepdream.export.targets import TARGETS
from ort_deepdream.export.weights import Weights, load_weights
from ort_deepdream.files import replacing, write_bytes
from ort_deepdream.weights.builtin import WEIGHTS_ARCHITECTURE, WEIGHTS_FILE, shipped_file
from ort_deepdream.weights.googlenet import BVLC, TORCHVISION
from ort_deepdream.weights.joining import point_at
from ort_deepdream.weights.prepared import Prepared
from ort_deepdream.weights.readers import read_weights

# Every inception output, and convolutions on the way that dream well (before their ReLU, as the
# notebook's 3b/5x5_reduce).
LAYERS = (
    "conv2/3x3",
    "inception_3a/output",
    "inception_3b/5x5_reduce",
    "inception_3b/output",
    "inception_4a/output",
    "inception_4b/output",
    "inception_4b/5x5",
    "inception_4c/3x3",
    "inception_4c/output",
    "inception_4d/5x5_reduce",
    "inception_4d/output",
    "inception_4e/output",
    "inception_5a/output",
    "inception_5b/output",
)

SHIPPED_LAYERS = {BVLC.name: LAYERS, TORCHVISION.name: LAYERS}
SHIPPED_TARGETS = ("cpu", "portable", "cuda")  # CoreML wants a file for each size


def ship_weights(trained: Path) -> None:
    """Write the convolutions' weights as float16, and what their metadata says of the training."""
    with safe_open(trained, framework="pt") as file:
        tensors = {name: file.get_tensor(name).to(torch.float16) for name in BVLC.parameters}
        metadata = {**(file.metadata() or {}), "architecture": BVLC.name}
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise SystemExit(f"{trained}: a weight does not fit into float16")
    with replacing(WEIGHTS_FILE) as temporary:
        save_file(tensors, temporary, metadata)


def trace(weights: Weights, layer: str) -> Traced:
    """Trace one layer and each of its channels, for all targets."""
    return trace_layers(weights, [layer], channels=True)


def make_graph(traced: Traced, weights_file: Path, layer: str, target: str) -> Path:
    """Write the gradient file of one layer beside a file of its weights, which it refers to."""
    model = lower_for(traced, TARGETS[target])
    share_weights(model, weights_file)
    architecture = traced.weights.architecture.name
    path = weights_file.parent / shipped_file(layer, target, architecture).name
    save(model, path, seal=False)  # it is rewritten for others' weights
    return path


def weights_for(architecture: str, folder: Path) -> tuple[Weights, Path]:
    """Return weights and a file of them: the shipped ones, or some that do not matter."""
    if architecture == WEIGHTS_ARCHITECTURE:
        return load_weights(str(WEIGHTS_FILE)), WEIGHTS_FILE
    seeded = load_weights(f"seeded:0:{architecture}")
    path = folder / "any.safetensors"
    save_file(seeded.tensors, path)
    return seeded, path


def ship_graphs() -> None:
    """Export every gradient file that is shipped."""
    for architecture, layers in SHIPPED_LAYERS.items():
        shipped_file("", "", architecture).parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            weights, file = weights_for(architecture, Path(folder))
            for layer in track(layers, f"gradient files of {architecture}"):
                traced = trace(weights, layer)
                for target in SHIPPED_TARGETS:
                    made = make_graph(traced, file, layer, target)
                    shipped = shipped_file(layer, target, architecture)
                    if made != shipped:
                        shutil.move(made, shipped)


def point_at_weights() -> None:
    """Have the shipped gradient files of bvlc refer to the weights beside them."""
    described = read_weights(WEIGHTS_FILE)
    shipped = Prepared(
        WEIGHTS_FILE, BVLC.name, described.identity, described.kind, described.sha256
    )
    for layer in LAYERS:
        for target in SHIPPED_TARGETS:
            path = shipped_file(layer, target)
            write_bytes(path, point_at(path.read_bytes(), shipped))


def main(arguments: list[str]) -> None:
    """Remake what the command's arguments ask for."""
    if arguments:
        ship_weights(Path(arguments[0]))
        point_at_weights()
    else:
        ship_graphs()


if __name__ == "__main__":
    main(sys.argv[1:])
