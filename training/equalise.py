"""Give every channel the same strength: `python -m training.equalise FOLDED -o EQUALISED`.

A dream maximises the sum of squares of a layer, so a channel's scale is its vote. Training does not
care about that scale (ReLU passes any positive factor on, and the next layer's weights undo it) and
leaves it to chance: in the deeper layers three channels had all the votes. Here each channel is
scaled to the same mean over photographs, and the weights that read it by the inverse. The network
computes the same classes as before.

The mean, and not the root mean square that is the channel's vote: a channel that answers rarely
and then strongly, to an eye and not to a slope of light, has more of a vote that way.

The first layers are left alone: LRN between them does not pass factors on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from export.googlenet import INCEPTION_WIDTHS, relu_name
from training.backgrounds import crops
from training.fold import write
from training.model import CLASSIFIER, from_folded, network_input

PICTURES, SIDE = 64, 160
# A channel that is silent on photographs is raised as if it had this share of the median strength:
# more would make its noise loud.
LEAST = 0.05

READERS_OF_A_BLOCK = ("1x1", "3x3_reduce", "5x5_reduce", "pool_proj")
PARTS_OF_A_BLOCK = ("1x1", "3x3", "5x5", "pool_proj")


def photographs(seed: int = 0) -> Tensor:
    """Crops of photographs that training did not see: RGB [n, 3, side, side] in 0..255."""
    pictures = crops(np.random.default_rng(seed), PICTURES, SIDE, held_out=True)
    return torch.from_numpy(np.moveaxis(pictures, 3, 1).astype(np.float32))


@torch.no_grad()
def strengths(tensors: dict[str, Tensor], picture: Tensor) -> dict[str, Tensor]:
    """Mean of every channel after its ReLU, by the convolution's name."""
    body = from_folded(tensors).body
    values = dict(body.layers(network_input(picture)))
    return {name: values[relu_name(name)].mean(dim=(0, 2, 3)) for name in body.convolutions}


def equalise(tensors: dict[str, Tensor], picture: Tensor) -> dict[str, Tensor]:
    """The same network with every inception channel at strength 1 over `picture`."""
    result = {name: tensor.clone() for name, tensor in tensors.items()}
    factors = {
        name: 1 / strength.clamp(min=LEAST * float(strength.median()))
        for name, strength in strengths(tensors, picture).items()
    }
    blocks = [f"inception_{block}" for block in INCEPTION_WIDTHS]
    for number, block in enumerate(blocks):
        for kernel in ("3x3", "5x5"):
            _scale(result, f"{block}/{kernel}_reduce", factors[f"{block}/{kernel}_reduce"])
            _undo(result, f"{block}/{kernel}", factors[f"{block}/{kernel}_reduce"])
        for part in PARTS_OF_A_BLOCK:
            _scale(result, f"{block}/{part}", factors[f"{block}/{part}"])
        output = torch.cat([factors[f"{block}/{part}"] for part in PARTS_OF_A_BLOCK])
        if number + 1 < len(blocks):
            for reader in READERS_OF_A_BLOCK:
                _undo(result, f"{blocks[number + 1]}/{reader}", output)
        else:
            result[f"{CLASSIFIER}.weight"] /= output
    return result


def _scale(tensors: dict[str, Tensor], name: str, factor: Tensor) -> None:
    """Multiply a convolution's outputs."""
    tensors[f"{name}.weight"] *= factor[:, None, None, None]
    tensors[f"{name}.bias"] *= factor


def _undo(tensors: dict[str, Tensor], name: str, factor: Tensor) -> None:
    """Divide a convolution's inputs."""
    tensors[f"{name}.weight"] /= factor[None, :, None, None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folded", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    with safe_open(options.folded, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(options.folded)
    picture = photographs()
    result = equalise(tensors, picture)
    with torch.no_grad():
        before, after = from_folded(tensors)(picture), from_folded(result)(picture)
    error = float((after - before).abs().max() / before.abs().max())
    if not error < 1e-3:
        raise SystemExit(f"the logits changed by {error:.2g}; nothing written")
    write(result, options.output, metadata)
    print(f"{options.output}: every channel at strength 1, logits within {error:.1g}")


if __name__ == "__main__":
    main()
