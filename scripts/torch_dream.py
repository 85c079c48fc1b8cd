"""`dream run` in PyTorch, by measure/contenders/torch_step.py: what commands are compared with.

    python scripts/torch_dream.py photo.jpg --weights weights.pt -o dream.png

`weights.pt` is what `torch.save(network.convolutions.state_dict(), ...)` writes. `--way` is how the
step is written, such as "NCHW, own LRN"; which way is faster depends on the processor.
"""

from __future__ import annotations

import argparse
import functools
import gc
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from ort_deepdream.engine.settings import Settings, as_typed, off_by_default
from ort_deepdream.export.network import new_network
from ort_deepdream.measure.contenders.torch_step import (
    Objective,
    TorchAscent,
    dream,
    gradient_of,
    parse_way,
    tuned,
)
from ort_deepdream.weights.architectures import ARCHITECTURES

# What measure/contenders/torch_step.py does: the settings that no dream is without.
LOOP = tuple(setting.name for setting in fields(Settings) if not off_by_default(setting))


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="DeepDream by PyTorch, as careful as `dream run`.")
    parser.add_argument("photo", type=Path)
    parser.add_argument("--output", "-o", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True, help="the convolutions' state dict")
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="bvlc")
    parser.add_argument("--layer", default="inception_4c/output")
    parser.add_argument("--threads", type=int, help="default: what PyTorch takes")
    parser.add_argument("--way", default="NHWC, banded LRN", help="default: %(default)s")
    default = Settings(seed=0)
    for name in LOOP:
        value = getattr(default, name)
        parser.add_argument(f"--{as_typed(name)}", type=type(value), default=value)
    return parser


def settings_of(o: argparse.Namespace) -> Settings:
    return Settings(**{name: getattr(o, name) for name in LOOP})


def main() -> None:
    o = options().parse_args()
    settings = settings_of(o)
    if o.threads is not None:
        torch.set_num_threads(o.threads)
    architecture = ARCHITECTURES[o.architecture]
    network = new_network(architecture, functools.partial(nn.utils.skip_init, nn.Conv2d))
    way = parse_way(o.way, has_lrn=bool(network.norms))
    tensors = torch.load(o.weights, mmap=True, weights_only=True)
    network.convolutions.load_state_dict(tensors, assign=True)
    step = gradient_of(Objective(tuned(network, way), o.layer))
    with Image.open(o.photo) as photo:
        rgb = np.asarray(photo.convert("RGB"), np.float32)
    ascent = TorchAscent(step, architecture.preprocessing, way.channels_last)
    result = dream(rgb, ascent, architecture.preprocessing, settings)
    Image.fromarray(np.clip(np.rint(result), 0, 255).astype(np.uint8)).save(o.output, "PNG")


if __name__ == "__main__":
    main()
    gc.freeze()  # as `dream` does, so that Python ends at once
