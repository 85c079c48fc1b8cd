"""GoogLeNet in its two public forms, as numbers: widths, kernels, names, and how pictures go in.

`BVLC` is Caffe's `bvlc_googlenet`, the network of the DeepDream notebook; `TORCHVISION` is
`torchvision.models.googlenet` with its BatchNorm folded into the convolutions. The fields of
`GoogLeNetArchitecture` are the whole difference between them. `export/googlenet.py` computes with
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ort_deepdream.weights.architecture import Architecture, LayerShape, Preprocessing
from ort_deepdream.weights.receptive_field import Window, stride


@dataclass(frozen=True, eq=False, kw_only=True)
class GoogLeNetArchitecture(Architecture):
    """What distinguishes one GoogLeNet from the other."""

    local_response_norm: bool
    third_branch_kernel: int
    pool4_kernel: int  # its stride is 2 in both


@dataclass(frozen=True)
class Widths:
    """Output channels of one inception block's convolutions, in the original paper's order."""

    one: int
    three_reduce: int
    three: int
    five_reduce: int
    five: int
    pool: int


INCEPTION_WIDTHS = {
    "3a": Widths(64, 96, 128, 16, 32, 32),
    "3b": Widths(128, 128, 192, 32, 96, 64),
    "4a": Widths(192, 96, 208, 16, 48, 64),
    "4b": Widths(160, 112, 224, 24, 64, 64),
    "4c": Widths(128, 128, 256, 24, 64, 64),
    "4d": Widths(112, 144, 288, 32, 64, 64),
    "4e": Widths(256, 160, 320, 32, 128, 128),
    "5a": Widths(256, 160, 320, 32, 128, 128),
    "5b": Widths(384, 192, 384, 48, 128, 128),
}

POOL_AFTER = {"3b": "pool3/3x3_s2", "4e": "pool4/3x3_s2"}


def _architecture(
    name: str,
    preprocessing: Preprocessing,
    *,
    local_response_norm: bool,
    third_branch_kernel: int,
    pool4_kernel: int,
    layer_aliases: Mapping[str, str],
    kinds: frozenset[str],
    state_dict: str = "",
) -> GoogLeNetArchitecture:
    """Return one form of the network; its layers and parameters follow from what sets it apart."""
    layers = _layers(local_response_norm, third_branch_kernel, pool4_kernel)
    return GoogLeNetArchitecture(
        name=name,
        title=f"{name} GoogLeNet",
        preprocessing=preprocessing,
        layers={
            layer: LayerShape(channels, stride(windows), windows)
            for layer, channels, windows in layers
        },
        parameters=dict(_parameters(third_branch_kernel)),
        layer_aliases=layer_aliases,
        network="ort_deepdream.export.googlenet:GoogLeNet",
        kinds=kinds,
        state_dict=state_dict,
        local_response_norm=local_response_norm,
        third_branch_kernel=third_branch_kernel,
        pool4_kernel=pool4_kernel,
    )


def relu_name(convolution: str) -> str:
    """Return Caffe's name of the ReLU after a convolution: `conv1/7x7_s2` -> `conv1/relu_7x7`."""
    block, _, kind = convolution.partition("/")
    return f"{block}/relu_{kind.removesuffix('_s2')}"


def _parameters(third_branch_kernel: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the name and shape of each weight [out, in, k, k] and bias [out]."""
    for name, inputs, outputs, kernel in _convolutions(third_branch_kernel):
        yield f"{name}.weight", (outputs, inputs, kernel, kernel)
        yield f"{name}.bias", (outputs,)


def _convolutions(third_branch_kernel: int) -> Iterator[tuple[str, int, int, int]]:
    """Yield each convolution's name, channels in, channels out and kernel's side."""
    yield "conv1/7x7_s2", 3, 64, 7
    yield "conv2/3x3_reduce", 64, 64, 1
    yield "conv2/3x3", 64, 192, 3
    channels = 192
    for block, width in INCEPTION_WIDTHS.items():
        name = f"inception_{block}"
        yield f"{name}/1x1", channels, width.one, 1
        yield f"{name}/3x3_reduce", channels, width.three_reduce, 1
        yield f"{name}/3x3", width.three_reduce, width.three, 3
        yield f"{name}/5x5_reduce", channels, width.five_reduce, 1
        yield f"{name}/5x5", width.five_reduce, width.five, third_branch_kernel
        yield f"{name}/pool_proj", channels, width.pool, 1
        channels = width.one + width.three + width.five + width.pool


Windows = tuple[Window, ...]  # from the picture to a layer, those that see most
Layers = Iterator[tuple[str, int, Windows]]


def _layers(local_response_norm: bool, third_branch_kernel: int, pool4_kernel: int) -> Layers:
    """Yield each layer's name, channels and windows."""
    seen: Windows = (_convolution(7, 2),)
    yield from _convolved("conv1/7x7_s2", 64, seen)
    seen += (_pool(3),)
    yield "pool1/3x3_s2", 64, seen
    if local_response_norm:
        yield "pool1/norm1", 64, seen
    yield from _convolved("conv2/3x3_reduce", 64, seen)
    seen += (_convolution(3),)
    yield from _convolved("conv2/3x3", 192, seen)
    if local_response_norm:
        yield "conv2/norm2", 192, seen
    seen += (_pool(3),)
    yield "pool2/3x3_s2", 192, seen
    channels = 192
    third = _convolution(third_branch_kernel)
    for block, width in INCEPTION_WIDTHS.items():
        yield from _inception(f"inception_{block}", width, channels, seen, third)
        channels = width.one + width.three + width.five + width.pool
        seen += (third,)
        if block in POOL_AFTER:
            seen += (_pool(pool4_kernel if block == "4e" else 3),)
            yield POOL_AFTER[block], channels, seen


def _convolution(kernel: int, step: int = 1) -> Window:
    return Window(kernel, step, kernel // 2)


def _pool(kernel: int) -> Window:
    return Window(kernel, 2, rounds_up=True)


def _inception(name: str, width: Widths, inputs: int, seen: Windows, third: Window) -> Layers:
    around = (*seen, Window(3, padding=1))
    yield from _convolved(f"{name}/1x1", width.one, seen)
    yield from _convolved(f"{name}/3x3_reduce", width.three_reduce, seen)
    yield from _convolved(f"{name}/3x3", width.three, around)
    yield from _convolved(f"{name}/5x5_reduce", width.five_reduce, seen)
    yield from _convolved(f"{name}/5x5", width.five, (*seen, third))
    yield f"{name}/pool", inputs, around
    yield from _convolved(f"{name}/pool_proj", width.pool, around)
    outputs = width.one + width.three + width.five + width.pool
    yield f"{name}/output", outputs, (*seen, third)


def _convolved(name: str, channels: int, seen: Windows) -> Layers:
    yield name, channels, seen
    yield relu_name(name), channels, seen


def _torchvision_aliases() -> dict[str, str]:
    aliases = {"conv1": "conv1/7x7_s2", "conv2": "conv2/3x3_reduce", "conv3": "conv2/3x3"}
    branches = {
        "branch1": "1x1",
        "branch2.0": "3x3_reduce",
        "branch2.1": "3x3",
        "branch3.0": "5x5_reduce",
        "branch3.1": "5x5",
        "branch4.1": "pool_proj",
    }
    for block in INCEPTION_WIDTHS:
        aliases[f"inception{block}"] = f"inception_{block}/output"
        for theirs, caffe in branches.items():
            aliases[f"inception{block}.{theirs}"] = f"inception_{block}/{caffe}"
    return aliases


BVLC = _architecture(
    "bvlc",
    # BGR minus the notebook's mean; Caffe's training used 104/117/123.
    Preprocessing((2, 1, 0), (104.0, 116.0, 122.0), (1.0, 1.0, 1.0)),
    local_response_norm=True,
    third_branch_kernel=5,
    pool4_kernel=3,
    layer_aliases={},
    kinds=frozenset({"onnx", "caffemodel", "caffejs", "safetensors"}),
)

TORCHVISION = _architecture(
    "torchvision",
    # ImageNet's mean and deviation followed by `transform_input` cancel to a map onto [-1, 1].
    Preprocessing((0, 1, 2), (127.5, 127.5, 127.5), (1 / 127.5, 1 / 127.5, 1 / 127.5)),
    local_response_norm=False,
    third_branch_kernel=3,  # a known deviation from the paper (pytorch/vision#906)
    pool4_kernel=2,
    layer_aliases=_torchvision_aliases(),
    kinds=frozenset({"safetensors"}),
    state_dict="ort_deepdream.weights.readers.torchvision",
)
