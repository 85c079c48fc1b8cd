"""PyTorch's gradient in float64: `python -m ort_deepdream.measure.autograd MODEL PHOTO OUTPUT.npy`.

The network is rebuilt from the weights in the gradient file itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from ort_deepdream.engine.image import read_picture


def main(model: str, photo: str, output: str) -> None:
    """Write the gradient on a photo. Exit with the reason when the network cannot be rebuilt."""
    import torch

    from ort_deepdream.errors import DreamError
    from ort_deepdream.export.verify import autograd, rebuild

    try:
        network, terms, _, _ = rebuild(Path(model))
    except (DreamError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise SystemExit(f"its network cannot be rebuilt ({error})") from error
    preprocessing = network.architecture.preprocessing
    mean, scale = (
        np.array(values, np.float32).reshape(3, 1, 1)
        for values in (preprocessing.mean, preprocessing.scale)
    )
    planes = np.moveaxis(read_picture(photo).rgb, 2, 0)[list(preprocessing.order)]
    image = ((planes - mean) * scale)[np.newaxis]
    _, gradient = autograd(network.double(), terms, torch.from_numpy(image).double())
    np.save(output, gradient)


if __name__ == "__main__":
    main(*sys.argv[1:])
