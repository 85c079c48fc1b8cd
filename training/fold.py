"""Fold a checkpoint for use: `python -m training.fold CHECKPOINT -o weights.safetensors`.

BatchNorm and the input's divisor go into the convolutions, which keep Caffe's names; the result
takes "BGR 0..255 minus mean" and is checked against the trained network before it is written.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from training.model import Classifier, fold, from_folded

TOLERANCE = 1e-3  # of the logits' largest absolute value


@torch.no_grad()
def difference(model: Classifier, folded: Classifier, side: int = 96) -> float:
    """Largest difference of the logits over their largest absolute value, on random pictures."""
    picture = torch.rand(8, 3, side, side, generator=torch.Generator().manual_seed(0)) * 255
    expected = model.eval()(picture)
    gap: Tensor = (folded(picture) - expected).abs().max() / expected.abs().max()
    return gap.item()


def write(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write a safetensors file, whole or not at all."""
    partial = path.with_suffix(".tmp")
    save_file(tensors, partial, metadata)
    partial.rename(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    saved = torch.load(options.checkpoint, weights_only=True)
    model = Classifier(len(saved["classes"]))
    model.load_state_dict(saved["model"])
    tensors = fold(model)
    error = difference(model, from_folded(tensors))
    if not error < TOLERANCE:
        raise SystemExit(f"folded and trained network differ by {error:.2g}; nothing written")
    metadata = {
        "classes": json.dumps(saved["classes"]),
        "progress": json.dumps(saved["progress"]),
        "seed": str(saved["seed"]),
        "input": "BGR 0..255 minus [104, 116, 122]",
    }
    write(tensors, options.output, metadata)
    print(f"{options.output}: {len(tensors)} tensors, relative difference {error:.1g}")


if __name__ == "__main__":
    main()
