"""Remake models/builtin: the weights in float16, and the gradient files that share them.

    python -m scripts.ship_models trained.safetensors   # new weights, and all files
    python -m scripts.ship_models                       # the files again, same weights

`trained.safetensors` is what `python -m training.fold` and `python -m training.equalise` wrote.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from rich.progress import track
from safetensors import safe_open
from safetensors.torch import save_file

from export.googlenet import BVLC, GoogLeNet
from export.model_file import export_gradient, save
from export.shared_weights import share_weights
from export.targets import TARGETS
from export.weights import Weights, load_weights
from models.builtin import WEIGHTS_FILE, shipped_file

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


def ship_weights(trained: Path) -> None:
    """Write the convolutions' weights as float16; the classifier and its classes are left out."""
    with torch.device("meta"):
        names = list(GoogLeNet(BVLC).convolutions.state_dict())
    with safe_open(trained, framework="pt") as file:
        tensors = {name: file.get_tensor(name).to(torch.float16) for name in names}
        metadata = {**(file.metadata() or {}), "architecture": "bvlc"}
    metadata.pop("classes", None)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise SystemExit(f"{trained}: a weight does not fit into float16")
    save_file(tensors, WEIGHTS_FILE, metadata)
    WEIGHTS_FILE.chmod(0o644)


def ship_graph(weights: Weights, layer: str, target: str) -> None:
    model = export_gradient(weights, [layer], TARGETS[target])
    share_weights(model, WEIGHTS_FILE)
    save(model, shipped_file(layer, target))


def main(arguments: list[str]) -> None:
    WEIGHTS_FILE.parent.mkdir(exist_ok=True)
    if arguments:
        ship_weights(Path(arguments[0]))
    weights = load_weights(str(WEIGHTS_FILE))
    for layer in track(LAYERS, "gradient files"):
        for target in TARGETS:
            ship_graph(weights, layer, target)


if __name__ == "__main__":
    main(sys.argv[1:])
