"""Weights files of each kind, made byte by byte from tensors by their names in this project."""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import safetensors.torch
import torch
from onnx import helper, numpy_helper

from ort_deepdream.weights.architecture import Architecture
from ort_deepdream.weights.googlenet import BVLC, TORCHVISION
from ort_deepdream.weights.readers import read_weights

Tensors = dict[str, torch.Tensor]


def random_tensors(architecture: Architecture = BVLC, seed: int = 0) -> Tensors:
    return dict(_seeded(architecture.name, seed))


@functools.cache
def _seeded(architecture: str, seed: int) -> Tensors:
    tensors = read_weights(f"seeded:{seed}:{architecture}").tensors
    return {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}


def assert_same(found: Mapping[str, np.ndarray | torch.Tensor], expected: Tensors) -> None:
    """The same names in the same order, and the same numbers to the last bit, as float32."""
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        array = np.asarray(found[name])
        assert array.dtype == np.float32
        assert np.array_equal(array, tensor.numpy()), name


def zoo_name(name: str) -> str:
    return name.removesuffix(".weight") + "_w_0" if name.endswith(".weight") else name[:-5] + "_b_0"


def onnx_file(tensors: Tensors) -> bytes:
    """Initializers under the zoo's names, and one node, for a graph needs one."""
    data = helper.make_tensor_value_info("data_0", onnx.TensorProto.FLOAT, [1, 3, 224, 224])
    graph = helper.make_graph(
        [helper.make_node("Relu", ["data_0"], ["prob_1"])],
        "bvlc_googlenet",
        [data],
        [helper.make_tensor_value_info("prob_1", onnx.TensorProto.FLOAT, [1, 3, 224, 224])],
        [numpy_helper.from_array(t.numpy(), zoo_name(name)) for name, t in tensors.items()],
    )
    return bytes(helper.make_model(graph).SerializeToString())


def varint(value: int) -> bytes:
    head = b""
    while value >= 0x80:
        head += bytes([value & 0x7F | 0x80])
        value >>= 7
    return head + bytes([value])


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def integer(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def old_blob(tensor: torch.Tensor) -> bytes:
    """num, channels, height, width and packed floats."""
    shape = [1] * (4 - tensor.dim()) + list(tensor.shape)
    head = b"".join(integer(number, size) for number, size in enumerate(shape, start=1))
    return head + message(5, tensor.numpy().astype("<f4").tobytes())


def new_blob(tensor: torch.Tensor) -> bytes:
    """A BlobShape with packed dimensions, and packed floats."""
    dims = b"".join(varint(size) for size in tensor.shape)
    return message(5, tensor.numpy().astype("<f4").tobytes()) + message(7, message(1, dims))


def double_blob(tensor: torch.Tensor) -> bytes:
    """A BlobShape with unpacked dimensions, and doubles."""
    dims = b"".join(integer(1, size) for size in tensor.shape)
    return message(7, dims) + message(8, tensor.numpy().astype("<f8").tobytes())


def unpacked_blob(tensor: torch.Tensor) -> bytes:
    """Every float a field of its own."""
    values = tensor.numpy().ravel()
    shape = message(7, b"".join(integer(1, size) for size in tensor.shape))
    return b"".join(b"\x2d" + struct.pack("<f", value) for value in values) + shape


def layers_of(tensors: Tensors) -> list[tuple[str, torch.Tensor, torch.Tensor]]:
    names = [name.removesuffix(".weight") for name in tensors if name.endswith(".weight")]
    return [(name, tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in names]


def old_caffemodel(tensors: Tensors) -> bytes:
    """V1LayerParameter: name is 4, type 5, blobs 6, bottom 2, top 3."""
    layers = [message(2, message(4, b"data") + integer(5, 5))]
    for name, weight, bias in layers_of(tensors):
        layer = message(2, b"below") + message(3, b"above") + message(4, name.encode())
        layer += integer(5, 4) + message(6, old_blob(weight)) + message(6, old_blob(bias))
        layers.append(message(2, layer))
    # What training leaves beside the network: ignored, whatever it holds.
    layers.append(message(2, message(4, b"loss1/conv") + message(6, message(5, b"odd"))))
    return message(1, b"GoogleNet") + b"".join(layers)


def new_caffemodel(tensors: Tensors, blob: Callable[[torch.Tensor], bytes] = new_blob) -> bytes:
    """LayerParameter: name is 1, type 2, blobs 7."""
    content = message(1, b"GoogleNet")
    for name, weight, bias in layers_of(tensors):
        layer = message(1, name.encode()) + message(2, b"Convolution")
        content += message(100, layer + message(7, blob(weight)) + message(7, blob(bias)))
    return content + message(100, message(1, b"loss3/classifier") + message(7, message(5, b"odd")))


def torchvision_state(seed: int = 0) -> Tensors:
    """A state dict like torchvision's, with random BatchNorm statistics and its extra parts."""
    generator = torch.Generator().manual_seed(seed)
    tensors = random_tensors(TORCHVISION, seed)
    state = {}
    for theirs, caffe in TORCHVISION.layer_aliases.items():
        if caffe.endswith("/output"):
            continue
        weight = tensors[f"{caffe}.weight"]
        channels = weight.shape[0]
        state[f"{theirs}.conv.weight"] = weight
        state[f"{theirs}.bn.weight"] = torch.randn(channels, generator=generator)
        state[f"{theirs}.bn.bias"] = torch.randn(channels, generator=generator)
        state[f"{theirs}.bn.running_mean"] = torch.randn(channels, generator=generator)
        # Small variances are where a wrong eps shows.
        state[f"{theirs}.bn.running_var"] = torch.rand(channels, generator=generator) * 0.01
        state[f"{theirs}.bn.num_batches_tracked"] = torch.tensor(7)
    state["aux1.conv.conv.weight"] = torch.zeros(128, 512, 1, 1)
    state["fc.weight"] = torch.zeros(10, 1024)
    return state


def saved(state: object, zipped: bool = True) -> bytes:
    stream = io.BytesIO()
    torch.save(state, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


def our_safetensors(tensors: Tensors, architecture: str | None = "bvlc") -> bytes:
    metadata = None if architecture is None else {"architecture": architecture}
    return bytes(safetensors.torch.save(tensors, metadata))


def layer_files(tensors: Tensors, folder: Path) -> Path:
    """A folder as CaffeJS has it, its filters laid out as [out, y, x, in]."""
    for name, weight, bias in layers_of(tensors):
        path = folder / f"{name}_filter.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(weight.permute(0, 2, 3, 1).contiguous().numpy().astype("<f4").tobytes())
        (folder / f"{name}_bias.bin").write_bytes(bias.numpy().astype("<f4").tobytes())
    return folder


# Each form of a file of `bvlc`, by its kind.
BVLC_FILES: dict[str, tuple[str, Callable[[Tensors], bytes]]] = {
    "onnx": ("onnx", onnx_file),
    "old caffemodel": ("caffemodel", old_caffemodel),
    "new caffemodel": ("caffemodel", new_caffemodel),
    "doubles": ("caffemodel", lambda tensors: new_caffemodel(tensors, double_blob)),
    "safetensors": ("safetensors", our_safetensors),
    "no metadata": ("safetensors", lambda tensors: our_safetensors(tensors, None)),
}


@functools.cache
def whole(form: str) -> bytes:
    """One good file of each form; `pth` and `old pth` are torchvision's."""
    if form.endswith("pth"):
        return saved(torchvision_state(), zipped=form == "pth")
    _, make = BVLC_FILES[form]
    return make(random_tensors())
