"""`dream run` in PyTorch, by measure/torch_step.py: what whole commands are compared with.

    python scripts/torch_dream.py photo.jpg --weights weights.pt -o dream.png

`weights.pt` is what `torch.save(network.convolutions.state_dict(), ...)` writes. `--nchw` and
`--torch-lrn` take back channels last and the band of LRN; which is faster depends on the processor.
"""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ort_deepdream.export.googlenet import ARCHITECTURES
from ort_deepdream.measure.torch_step import (
    Objective,
    TorchAscent,
    careful_network,
    dream,
    gradient_of,
)


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="DeepDream by PyTorch, as careful as `dream run`.")
    parser.add_argument("photo", type=Path)
    parser.add_argument("--output", "-o", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True, help="the convolutions' state dict")
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="bvlc")
    parser.add_argument("--layer", default="inception_4c/output")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--octaves", type=int, default=4)
    parser.add_argument("--octave-scale", type=float, default=1.4)
    parser.add_argument("--step", type=float, default=1.5, help="levels of 0..255")
    parser.add_argument("--jitter", type=int, default=32, help="pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="default: what PyTorch takes")
    parser.add_argument("--nchw", action="store_true", help="instead of channels last")
    parser.add_argument("--torch-lrn", action="store_true", help="F.local_response_norm")
    return parser


def main() -> None:
    o = options().parse_args()
    if o.threads is not None:
        torch.set_num_threads(o.threads)
    architecture = ARCHITECTURES[o.architecture]
    tensors = torch.load(o.weights, mmap=True, weights_only=True)
    network = careful_network(architecture, tensors, not o.nchw, o.torch_lrn)
    with Image.open(o.photo) as photo:
        rgb = np.asarray(photo.convert("RGB"), np.float32)
    step = gradient_of(Objective(network, o.layer))
    ascent = TorchAscent(step, architecture.preprocessing, not o.nchw)
    result = dream(rgb, ascent, architecture.preprocessing, o)
    Image.fromarray(np.clip(np.rint(result), 0, 255).astype(np.uint8)).save(o.output, "PNG")


if __name__ == "__main__":
    main()
    gc.freeze()  # as `dream` does, so that Python ends at once
