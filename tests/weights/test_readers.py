"""Every kind of weights file, made here byte by byte, whole, damaged and hostile.

The files are written by PyTorch, onnx and safetensors, which the readers do without.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper
from weights_files import (
    BVLC_FILES,
    assert_same,
    integer,
    layer_files,
    layers_of,
    message,
    new_blob,
    new_caffemodel,
    old_caffemodel,
    onnx_file,
    our_safetensors,
    random_tensors,
    saved,
    torchvision_state,
    unpacked_blob,
    whole,
    zoo_name,
)

from ort_deepdream.errors import DreamError
from ort_deepdream.export.network import new_network
from ort_deepdream.weights.architecture import Architecture
from ort_deepdream.weights.googlenet import BVLC, TORCHVISION
from ort_deepdream.weights.readers import read_weights, sha256_of

LIGHT_INCEPTION = Path(onnx.__file__).parent / "backend/test/data/light/light_inception_v1.onnx"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small tensors on a busy machine: threads that wait for one another only slow this down."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def refusal(path: Path, content: bytes, architecture: Architecture | None = None) -> str:
    """The one line that refuses the content, without the file's name that it begins with."""
    path.write_bytes(content)
    with pytest.raises(DreamError) as caught:
        read_weights(path, architecture)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


# --- Whole files ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", BVLC_FILES)
def test_a_bvlc_file_of_each_kind(form: str, tmp_path: Path) -> None:
    kind, _ = BVLC_FILES[form]
    content = whole(form)
    path = tmp_path / "weights.txt"  # the name must not matter
    path.write_bytes(content)

    weights = read_weights(path)

    assert_same(weights.tensors, random_tensors())
    assert weights.architecture is BVLC
    assert weights.kind == kind
    assert weights.identity == "weights.txt"
    assert weights.sha256 == hashlib.sha256(content).hexdigest()


def test_unpacked_floats_in_a_caffemodel(tmp_path: Path) -> None:
    tensors = random_tensors()
    one_by_one = tensors["inception_3a/5x5_reduce.weight"]  # all of them would take a while

    def blob(tensor: torch.Tensor) -> bytes:
        return unpacked_blob(tensor) if tensor is one_by_one else new_blob(tensor)

    path = tmp_path / "w"
    path.write_bytes(new_caffemodel(tensors, blob))
    assert_same(read_weights(path).tensors, tensors)


@pytest.mark.parametrize("architecture", [BVLC, TORCHVISION], ids=lambda a: a.name)
@pytest.mark.parametrize("named", [True, False])
def test_half_precision_safetensors(
    architecture: Architecture, named: bool, tmp_path: Path
) -> None:
    halves = {name: t.half() for name, t in random_tensors(architecture).items()}
    path = tmp_path / "w"
    path.write_bytes(our_safetensors(halves, architecture.name if named else None))
    weights = read_weights(path)
    assert weights.architecture is architecture
    assert_same(weights.tensors, {name: t.float() for name, t in halves.items()})


def test_metadata_decides_before_the_shape(tmp_path: Path) -> None:
    content = our_safetensors(random_tensors(BVLC), "torchvision")
    said = refusal(tmp_path / "w", content)
    assert said == (
        "not torchvision GoogLeNet: inception_3a/5x5.weight has the shape 32x16x5x5, "
        "expected 32x16x3x3"
    )
    assert "'vgg' is unknown" in refusal(tmp_path / "w", our_safetensors(random_tensors(), "vgg"))


# --- torchvision ------------------------------------------------------------------------------


def test_folding_equals_convolution_and_batch_norm(tmp_path: Path) -> None:
    state = torchvision_state()
    path = tmp_path / "w"
    path.write_bytes(saved(state))
    weights = read_weights(path)
    assert weights.architecture is TORCHVISION
    assert weights.kind == "torchvision"

    generator = torch.Generator().manual_seed(1)
    for unit, caffe in [
        ("conv1", "conv1/7x7_s2"),
        ("conv3", "conv2/3x3"),
        ("inception3a.branch1", "inception_3a/1x1"),
        ("inception4c.branch2.0", "inception_4c/3x3_reduce"),
        ("inception4c.branch3.1", "inception_4c/5x5"),
        ("inception5b.branch4.1", "inception_5b/pool_proj"),
    ]:
        kernel = state[f"{unit}.conv.weight"].double()
        x = torch.randn(1, kernel.shape[1], 9, 9, generator=generator, dtype=torch.float64)
        mean, variance, gamma, beta = (
            state[f"{unit}.bn.{part}"].double()
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        expected = F.batch_norm(F.conv2d(x, kernel), mean, variance, gamma, beta, eps=1e-3)
        folded = F.conv2d(
            x,
            torch.from_numpy(weights.tensors[f"{caffe}.weight"]).double(),
            torch.from_numpy(weights.tensors[f"{caffe}.bias"]).double(),
        )
        exact = kernel * (gamma / torch.sqrt(variance + 1e-3))[:, None, None, None]
        error = (torch.from_numpy(weights.tensors[f"{caffe}.weight"]) - exact).abs()
        assert (error <= exact.abs() * 1.0001 * 2**-24).all(), f"{unit} was rounded more than once"
        assert (folded - expected).abs().max() < 2e-7 * expected.abs().max(), unit


def test_torchvision_in_each_wrapping(tmp_path: Path) -> None:
    state = torchvision_state()
    parallel = {f"module.{name}": tensor for name, tensor in state.items()}
    forms = {
        "torchvision": [saved(state), saved(state, zipped=False), saved(parallel)],
        "safetensors": [bytes(safetensors.torch.save(s)) for s in (state, parallel)],
    }
    found = []
    for kind, contents in forms.items():
        for content in contents:
            path = tmp_path / "w"
            path.write_bytes(content)
            weights = read_weights(path)
            assert weights.kind == kind
            assert weights.architecture is TORCHVISION
            found.append(weights.tensors)
    for tensors in found[1:]:
        assert list(tensors) == list(found[0])
        assert all(np.array_equal(tensors[name], found[0][name]) for name in tensors)


def test_another_networks_state_dict(tmp_path: Path) -> None:
    path = tmp_path / "w"
    state = torchvision_state()
    assert "conv1.conv.weight is missing" in refusal(
        path, saved({"layer1.0.conv1.weight": torch.zeros(64, 64, 3, 3)})
    )
    del state["inception3b.branch2.1.bn.running_var"]
    assert "inception3b.branch2.1.bn.running_var is missing" in refusal(path, saved(state))

    state = torchvision_state()
    state["inception3a.branch1.bn.bias"] = torch.zeros(63)
    assert "inception3a.branch1.bn has 63 channels" in refusal(path, saved(state))

    state = torchvision_state()
    state["inception3a.branch3.1.conv.weight"] = torch.zeros(32, 16, 5, 5)
    assert "inception_3a/5x5.weight has the shape 32x16x5x5" in refusal(path, saved(state))

    assert "a list in PyTorch's format" in refusal(path, saved([torch.zeros(3)]))


class _Payload:
    """Unpickled without care, it makes a folder."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("form", ["zip", "old", "bare pickle"])
def test_a_hostile_pickle_is_refused_and_not_run(form: str, tmp_path: Path) -> None:
    state = {"conv1.conv.weight": _Payload(tmp_path / "owned")}
    content = (
        pickle.dumps(state, protocol=2) if form == "bare pickle" else saved(state, form == "zip")
    )
    said = refusal(tmp_path / "w", content)
    assert not (tmp_path / "owned").exists()
    if form != "bare pickle":  # without torch's own framing it counts as damaged
        assert "none of them was run" in said


# --- Refusals ---------------------------------------------------------------------------------


def test_layers_that_do_not_fit_are_named_in_the_networks_order(tmp_path: Path) -> None:
    path = tmp_path / "w"
    for make in (onnx_file, old_caffemodel, new_caffemodel, our_safetensors):
        tensors = random_tensors()
        tensors["inception_5b/1x1.weight"] = torch.zeros(1, 1, 1, 1)
        tensors["inception_4a/3x3.weight"] = torch.zeros(208, 96, 1, 3)
        assert refusal(path, make(tensors)) == (
            "not bvlc GoogLeNet: inception_4a/3x3.weight has the shape 208x96x1x3, "
            "expected 208x96x3x3"
        )
        del tensors["inception_3b/pool_proj.weight"]
        del tensors["inception_3b/pool_proj.bias"]
        assert refusal(path, make(tensors)) == (
            "not bvlc GoogLeNet: inception_3b/pool_proj.weight is missing"
        )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite(value: float, tmp_path: Path) -> None:
    tensors = random_tensors()
    tensors["inception_4e/3x3.bias"] = tensors["inception_4e/3x3.bias"].clone()
    tensors["inception_4e/3x3.bias"][17] = value
    for make in (onnx_file, old_caffemodel, our_safetensors):
        said = refusal(tmp_path / "w", make(tensors))
        assert said == "inception_4e/3x3.bias has values that are not finite"
    state = torchvision_state()
    state["conv2.bn.running_var"][3] = -1.0  # its square root is NaN
    assert "conv2/3x3_reduce.weight has values" in refusal(tmp_path / "w", saved(state))


def test_integers_are_not_weights(tmp_path: Path) -> None:
    tensors = {name: t.to(torch.int8) for name, t in random_tensors().items()}
    assert "conv1/7x7_s2.weight holds int8" in refusal(tmp_path / "w", our_safetensors(tensors))


def onnx_with(*nodes: onnx.NodeProto, initializer: onnx.TensorProto | None = None) -> bytes:
    """A model of these nodes and one initializer, unchecked."""
    model = onnx.load_model_from_string(onnx_file({}))
    model.graph.node.extend(nodes)
    if initializer is not None:
        model.graph.initializer.append(initializer)
    return bytes(model.SerializeToString())


def test_onnx_constants_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "w"
    name = "conv1/7x7_s2_w_0"
    half = helper.make_tensor(name, onnx.TensorProto.BFLOAT16, [1], [1.0])
    assert "not floating-point" in refusal(path, onnx_with(initializer=half))
    text = onnx.TensorProto(
        name=name, data_type=onnx.TensorProto.STRING, dims=[1], string_data=[b"x"]
    )
    assert "not floating-point" in refusal(path, onnx_with(initializer=text))
    short = onnx.TensorProto(
        name=name, data_type=onnx.TensorProto.FLOAT, dims=[64, 3, 7, 7], raw_data=b"1234"
    )
    assert f"{name} cannot be read" in refusal(path, onnx_with(initializer=short))

    itself = helper.make_node("ConstantOfShape", [name], [name])
    assert f"the shape of {name} is not a constant" in refusal(path, onnx_with(itself))
    shape = helper.make_tensor("s", onnx.TensorProto.INT64, [2], [1 << 40, 1 << 40])
    filled = helper.make_node("ConstantOfShape", ["s"], [name])
    assert "impossible shape" in refusal(path, onnx_with(filled, initializer=shape))
    for damaged in (onnx.NodeProto(op_type="ConstantOfShape"), onnx.NodeProto(op_type="Constant")):
        assert "conv1/7x7_s2.weight is missing" in refusal(path, onnx_with(damaged))


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (torch.zeros(64, 3, 7, 7).to_sparse(), "none of them was run"),
        (torch.zeros(64, 3, 7, 7, device="meta"), "none of them was run"),
        (torch.zeros(64, 3, 7, 7, dtype=torch.complex64), "not a 4-d floating-point tensor"),
        (torch.zeros(64, 3, 7, 7, dtype=torch.int8), "not a 4-d floating-point tensor"),
        (torch.zeros(()), "not a 4-d floating-point tensor"),
        ("a text", "is missing"),
    ],
    ids=["sparse", "meta", "complex", "integer", "scalar", "no tensor"],
)
def test_values_that_are_not_plain_floats(odd: object, said: str, tmp_path: Path) -> None:
    assert said in refusal(tmp_path / "w", saved({"conv1.conv.weight": odd}))


def test_weights_in_a_file_beside_the_model(tmp_path: Path) -> None:
    model = onnx.load_model_from_string(onnx_file(random_tensors()))
    onnx.save(model, tmp_path / "a.onnx", save_as_external_data=True, size_threshold=0)
    content = (tmp_path / "a.onnx").read_bytes()
    assert "kept in another file" in refusal(tmp_path / "w", content)


def test_the_zoos_quantised_model(tmp_path: Path) -> None:
    model = onnx.load_model_from_string(onnx_file(random_tensors()))
    for initializer in model.graph.initializer:
        initializer.name += "_quantized"
    assert "quantised" in refusal(tmp_path / "w", model.SerializeToString())


def test_weights_of_the_other_architecture(tmp_path: Path) -> None:
    said = refusal(tmp_path / "w", onnx_file(random_tensors()), TORCHVISION)
    assert said == "these are bvlc weights, torchvision was asked for"
    with pytest.raises(DreamError, match="torchvision weights, bvlc was asked for"):
        read_weights("seeded:1:torchvision", BVLC)


FORMS = ["onnx", "old caffemodel", "new caffemodel", "safetensors", "pth", "old pth"]


@pytest.mark.parametrize("form", FORMS)
def test_truncated_files(form: str, tmp_path: Path) -> None:
    content = whole(form)
    # The caffemodels end with a layer that is not needed: cut before it.
    end = len(content) - (100 if "caffemodel" in form else 1)
    for length in (end, end // 2, 5000, 300, 64, 11):
        assert "truncated" in refusal(tmp_path / "w", content[:length]), length
    for length in range(1, 40):  # every beginning of a header is refused too
        refusal(tmp_path / "w", content[:length])


@pytest.mark.parametrize("form", FORMS)
def test_damage_never_escapes_as_anything_but_a_models_error(form: str, tmp_path: Path) -> None:
    content = whole(form)
    random = np.random.default_rng(0)
    path = tmp_path / "w"
    for _ in range(4):
        damaged = bytearray(content)
        for position in random.integers(0, 400, 6):
            damaged[position] = random.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(DreamError):  # some damage only changes a number
            read_weights(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty; name a weights file"),
        (b"\n<!DOCTYPE html><html><body>404", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:c99c", "a Git LFS pointer"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "not recognised"),
        (b"name: 'GoogleNet'\nlayer { }\n", "not recognised"),
        (b"PK\x03\x04" + bytes(100), "truncated or damaged"),
        (b"\x00" * 64, "not recognised"),
        (b"\x80", "not recognised"),
        (b"\xff" * 64, "not recognised"),
    ],
)
def test_things_that_are_no_weights(content: bytes, said: str, tmp_path: Path) -> None:
    assert said in refusal(tmp_path / "w", content)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DreamError, match="there is no such file"):
        read_weights(tmp_path / "absent.onnx")
    with pytest.raises(DreamError, match=r"a folder without conv1/7x7_s2_filter\.bin"):
        read_weights(tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(DreamError, match="is a device or a pipe"):
        read_weights(pipe)
    with pytest.raises(DreamError, match="Not a directory"):
        read_weights(pipe / "inside")
    huge = tmp_path / "huge"
    with huge.open("wb") as stream:
        stream.truncate((1 << 30) + 1)
    with pytest.raises(DreamError, match="too many"):
        read_weights(huge)


# --- Seeded -----------------------------------------------------------------------------------


def test_seeded_weights_are_these_for_ever() -> None:
    assert read_weights("seeded:7").sha256 == (
        "d3ea88f7b6c0e738578e85b9dd2a39cca9a6994c5ec778e8b13af35152e2c4cb"
    )
    assert read_weights("seeded:7:torchvision").sha256 == (
        "7f87b9a5c9bcadac77d3d8405a3212b411b1c20d66df4f7b15280e1b4ae62def"
    )


def test_seeded_sources() -> None:
    weights = read_weights("seeded:07:bvlc")
    assert (weights.identity, weights.kind) == ("seeded:7", "seeded")
    assert weights.architecture is BVLC
    assert read_weights("seeded:7", TORCHVISION).identity == "seeded:7:torchvision"
    assert weights.sha256 != read_weights("seeded:8").sha256
    for wrong in ("seeded:", "seeded:-1", "seeded:x", "seeded:1:bvlc:2", f"seeded:{1 << 64}"):
        with pytest.raises(DreamError, match="write seeded:N"):
            read_weights(wrong)
    with pytest.raises(DreamError, match="no architecture 'vgg': choose bvlc or torchvision"):
        read_weights("seeded:1:vgg")


# --- A graph that nobody here wrote ---------------------------------------------------------


def test_light_inception_v1_loads() -> None:
    weights = read_weights(LIGHT_INCEPTION)
    assert (weights.kind, weights.architecture) == ("onnx", BVLC)
    # That file fills every tensor with one number; weights are ConstantOfShape nodes.
    assert (weights.tensors["inception_4c/5x5.weight"] == 0.02).all()


# --- ONNX: every way that a tensor can hold its numbers -----------------------------------------


@pytest.mark.parametrize(
    "data_type",
    [onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16],
    ids=["float32", "float64", "float16"],
)
@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("form", ["initializer", "Constant"])
def test_onnx_tensors(data_type: int, raw: bool, form: str, tmp_path: Path) -> None:
    tensors = random_tensors()
    model = onnx.load_model_from_string(onnx_file(tensors))
    name = "inception_3a/5x5_reduce.weight"
    numbers = tensors[name].numpy().astype(helper.tensor_dtype_to_np_dtype(data_type))
    content = numbers.tobytes() if raw else numbers.ravel()
    made = helper.make_tensor(zoo_name(name), data_type, numbers.shape, content, raw=raw)
    assert np.array_equal(numpy_helper.to_array(made), numbers)
    kept = [t for t in model.graph.initializer if t.name != made.name]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    if form == "initializer":
        model.graph.initializer.append(made)
    else:
        model.graph.node.append(helper.make_node("Constant", [], [made.name], value=made))
    path = tmp_path / "w"
    path.write_bytes(model.SerializeToString())
    expected = tensors | {name: torch.from_numpy(numbers.astype(np.float32))}
    assert_same(read_weights(path).tensors, expected)


def test_onnx_numbers_that_are_fields_of_their_own(tmp_path: Path) -> None:
    tensors = random_tensors()
    name = "inception_3a/5x5_reduce.bias"
    singles = b"".join(b"\x25" + struct.pack("<f", x) for x in tensors[name])  # float_data
    fields = message(8, zoo_name(name).encode()) + integer(1, 16) + integer(2, 1) + singles
    theirs = onnx.TensorProto.FromString(fields)
    assert np.array_equal(numpy_helper.to_array(theirs), tensors[name].numpy())
    # A later graph is merged into the one before it, as Protocol Buffers has it.
    path = tmp_path / "w"
    path.write_bytes(onnx_file(tensors) + message(7, message(5, fields)))
    assert_same(read_weights(path).tensors, tensors)


def test_onnx_constants_that_would_fill_the_memory(tmp_path: Path) -> None:
    """Nine thousand constants of 64 MB in a file of a megabyte."""
    shape = helper.make_tensor("s", onnx.TensorProto.INT64, [1], [1 << 24])
    nodes = [helper.make_node("ConstantOfShape", ["s"], [f"x{i}_w_0"]) for i in range(9_000)]
    said = refusal(tmp_path / "w", onnx_with(*nodes, initializer=shape))
    assert said == "not bvlc GoogLeNet: conv1/7x7_s2.weight is missing"


# --- safetensors ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64], ids=str)
def test_other_precisions_of_safetensors(dtype: torch.dtype, tmp_path: Path) -> None:
    tensors = {name: t.to(dtype) for name, t in random_tensors().items()}
    path = tmp_path / "w"
    path.write_bytes(our_safetensors(tensors))
    assert_same(read_weights(path).tensors, {name: t.float() for name, t in tensors.items()})


def safetensors_with(header: object, data: bytes = bytes(8)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def place(first: int, last: int, count: object = 1, dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": [count], "data_offsets": [first, last]}


@pytest.mark.parametrize(
    "header",
    [
        {"a": place(0, 4), "b": place(0, 4)},
        {"a": place(0, 4), "b": place(2, 6)},
        {"a": place(0, 4)},
        {"a": place(4, 8)},
        {"a": place(0, 8)},
        {"a": place(0, 8, 3)},
        {"a": place(0, 12, 3)},
        {"a": place(0, 1 << 62, 1 << 60)},
        {"a": place(-8, 0, 2)},
        {"a": place(0, 8, -2)},
        {"a": place(0, 8, 2.0)},
        {"a": place(0, 4, True), "b": place(4, 8)},
        {"a": {"dtype": "F32", "shape": [1] * 100_000, "data_offsets": [0, 8]}},
        {"a": {"dtype": ["F32"], "shape": [2], "data_offsets": [0, 8]}},
        {"a": {"shape": [2], "data_offsets": [0, 8]}},
        {"a": [1, 2]},
        {"a": place(0, 8, 2), "__metadata__": {"architecture": ["bvlc"]}},
        {"a": place(0, 8, 2), "__metadata__": []},
        b'{"a": ' + b"[" * 100_000,
        b'{"a": ' + b"9" * 100_000 + b"}",
        b'{"a": "\xff"}',
    ],
    ids=str,
)
def test_headers_that_lie(header: object, tmp_path: Path) -> None:
    content = safetensors_with(header)
    with pytest.raises(Exception):  # noqa: B017, PT011  it has several for these
        safetensors.torch.load(content)
    assert "a truncated or damaged safetensors file" in refusal(tmp_path / "w", content)


def test_a_type_of_numbers_that_is_not_known(tmp_path: Path) -> None:
    content = safetensors_with({"a": place(0, 8, 8, "F8_E4M3")})
    assert "a holds F8_E4M3, not floating-point" in refusal(tmp_path / "w", content)


# --- Files of PyTorch that no PyTorch wrote ---------------------------------------------------


def archive(
    pickled: bytes, storage: bytes = bytes(8), compression: int = zipfile.ZIP_STORED
) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as made:
        made.writestr("x/data.pkl", pickled)
        made.writestr("x/version", "3\n")
        made.writestr("x/data/0", storage)
    return stream.getvalue()


STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK"


def one_tensor(view: bytes, count: int = 2) -> bytes:
    """A state dict of one tensor: `view` is its begin, shape and steps as a pickle's opcodes."""
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + bytes([count]) + b"tQ" + view
    return b"\x80\x02}X\x01\x00\x00\x00a" + tensor + b"\x89}tRs."


def test_the_archive_made_here_is_one_that_pytorch_reads(tmp_path: Path) -> None:
    content = archive(one_tensor(b"K\x01K\x01\x85K\x01\x85"), struct.pack("<2f", 3, 4))
    assert torch.load(io.BytesIO(content), weights_only=True)["a"].tolist() == [4]
    assert "conv1.conv.weight is missing" in refusal(tmp_path / "w", content)


@pytest.mark.parametrize(
    "pickled",
    [
        one_tensor(b"K\x01K\x02\x85K\x01\x85"),  # beyond its storage
        one_tensor(b"K\x00J\xff\xff\xff\x7f\x85K\x00\x85"),  # one number, two milliards of times
        one_tensor(b"K\x00K\x02\x85J\xff\xff\xff\x7f\x85"),
        one_tensor(b"K\x00J\xff\xff\xff\xff\x85K\x01\x85"),  # -1 numbers
        one_tensor(b"J\xff\xff\xff\xffK\x01\x85K\x01\x85"),
        one_tensor(b"K\x00K\x01\x85)"),
        one_tensor(b"K\x00K\x01\x85K\x01\x85", count=3),
        b"\x80\x02}r\xff\xff\xff\x7fN\x85.",  # ends in a tuple where a dict is; a large memo
        b"\x80\x02X\xff\xff\xff\x7fa.",  # a text of two gigabytes
        b"\x80\x02}(" + b"N\x85" * 9 + b"u.",
        b"\x80\x02}" + b"(" * 3 + b"tuN.",
        b"\x80\x02}" + b")" + b"\x85" * 1_000_000 + b"Ns.",  # to hash this overflows the stack
        b"\x80\x02" + b"N" * 3_000_000 + b".",
        b"\x80\x02.",
        b"\x80\x02h\x01.",
        b"",
    ],
    ids=range(16),
)
def test_pickles_that_lie(pickled: bytes, tmp_path: Path) -> None:
    said = refusal(tmp_path / "w", archive(pickled))
    assert "truncated or damaged" in said or "PyTorch's format, not a state dict" in said


@pytest.mark.parametrize(
    ("keys", "storage"),
    [
        (b"]X\x01\x00\x00\x001a.", struct.pack("<q2f", 2, 3, 4)),
        (b"]X\x01\x00\x00\x000a.", struct.pack("<q2f", 3, 3, 4)),
        (b"]X\x01\x00\x00\x000a.", struct.pack("<q1f", 2, 3)),
        (b"]X\x01\x00\x00\x000a.", b""),
        (b"].", struct.pack("<q2f", 2, 3, 4)),
        (b"])" + b"\x85" * 1_000_000 + b"a.", struct.pack("<q2f", 2, 3, 4)),
        (b"N.", struct.pack("<q2f", 2, 3, 4)),
    ],
    ids=range(7),
)
def test_storages_of_the_older_form_that_lie(keys: bytes, storage: bytes, tmp_path: Path) -> None:
    def of(keys: bytes, storage: bytes) -> bytes:
        facts: tuple[object, ...] = 0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}
        head = b"".join(pickle.dumps(fact, protocol=2) for fact in facts)
        tensor = one_tensor(b"K\x00K\x02\x85K\x01\x85").replace(b"cpuK\x02t", b"cpuK\x02Nt")
        return head + tensor + b"\x80\x02" + keys + storage

    good = of(b"]X\x01\x00\x00\x000a.", struct.pack("<q2f", 2, 3, 4))
    assert torch.load(io.BytesIO(good), weights_only=True)["a"].tolist() == [3, 4]
    assert "conv1.conv.weight is missing" in refusal(tmp_path / "w", good)
    assert "truncated or damaged" in refusal(tmp_path / "w", of(keys, storage))


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02cbuiltins\nexec\n.",
        b"\x80\x02ctorch.storage\nFloatStorage\n.",
        b"\x80\x02ctorch\nload\n.",
        b"\x80\x02ctorch\nFloatStorage\n)R.",  # nor may it be called
        b"\x80\x02ccollections\nOrderedDict\n)\x81.",
        b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93.",
        b"\x80\x02(ios\nmkdir\n.",
        b"\x80\x02\x82\x01.",
    ],
    ids=range(8),
)
def test_a_pickle_may_call_nothing(pickled: bytes, tmp_path: Path) -> None:
    said = refusal(tmp_path / "w", archive(pickled))
    assert said == "holds Python objects other than tensors; refused, and none of them was run"


def test_a_list_copied_again_and_again(tmp_path: Path) -> None:
    """Python 2's OrderedDict takes its items at once; a thousand times a thousand would be much."""
    items = b"](" + b"]q\x01(X\x01\x00\x00\x00kNe" + b"h\x01" * 100_000 + b"e"
    copies = b"ccollections\nOrderedDict\nq\x03h\x02\x85R" + b"h\x03h\x02\x85R" * 1000
    content = archive(b"\x80\x02](" + items + b"q\x02" + copies + b"e.")
    assert "truncated or damaged" in refusal(tmp_path / "w", content)


def test_archives_that_grow(tmp_path: Path) -> None:
    path = tmp_path / "w"
    compressed = archive(one_tensor(b""), bytes(1_000_000), zipfile.ZIP_DEFLATED)
    assert "it is compressed" in refusal(path, compressed)
    several = io.BytesIO()
    with zipfile.ZipFile(several, "w") as made:
        for number in range(10_001):
            made.writestr(str(number), b"")
    assert "truncated or damaged" in refusal(path, several.getvalue())


# --- A folder of CaffeJS ----------------------------------------------------------------------


def test_a_folder_of_layer_files(tmp_path: Path) -> None:
    tensors = random_tensors()
    folder = layer_files(tensors, tmp_path / "bvlc_googlenet")
    (folder / "loss3").mkdir()
    (folder / "loss3" / "classifier_bias.bin").write_bytes(b"odd")  # not looked at
    weights = read_weights(folder)
    assert_same(weights.tensors, tensors)
    assert (weights.architecture, weights.kind) == (BVLC, "caffejs")
    assert weights.identity == "bvlc_googlenet"
    names = [name for name, _, _ in layers_of(tensors)]
    parts = [part for name in names for part in (f"{name}_filter.bin", f"{name}_bias.bin")]
    content = b"".join((folder / part).read_bytes() for part in parts)
    assert weights.sha256 == hashlib.sha256(content).hexdigest() == sha256_of(folder)
    with pytest.raises(DreamError, match="these are bvlc weights, torchvision was asked for"):
        read_weights(folder, TORCHVISION)


def test_a_folder_that_is_not_whole(tmp_path: Path) -> None:
    folder = layer_files(random_tensors(), tmp_path / "bvlc_googlenet")
    one = folder / "inception_3a" / "5x5_bias.bin"
    content = one.read_bytes()
    for spoilt, said in [
        (content[:-1], "inception_3a/5x5_bias.bin in this folder has 127 bytes, expected 128"),
        (struct.pack("<f", math.nan) * 32, "inception_3a/5x5.bias has values that are not finite"),
    ]:
        one.write_bytes(spoilt)
        with pytest.raises(DreamError) as caught:
            read_weights(folder)
        assert str(caught.value).startswith(f"{folder}: {said}")
    one.unlink()
    with pytest.raises(DreamError, match=r"a folder without inception_3a/5x5_bias\.bin"):
        read_weights(folder)
    one.mkdir()
    with pytest.raises(DreamError, match="is not a file"):
        read_weights(folder)


# --- Without PyTorch --------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", [BVLC, TORCHVISION], ids=lambda a: a.name)
def test_the_shapes_are_the_networks(architecture: Architecture) -> None:
    with torch.device("meta"):
        state = new_network(architecture).convolutions.state_dict()
    expected = [(name, tuple(parameter.shape)) for name, parameter in state.items()]
    assert list(architecture.parameters.items()) == expected


def test_sha256_without_reading(tmp_path: Path) -> None:
    path = tmp_path / "w"
    path.write_bytes(b"no weights at all")
    assert sha256_of(path) == hashlib.sha256(b"no weights at all").hexdigest()
    assert sha256_of("seeded:7") == read_weights("seeded:7").sha256
    with pytest.raises(DreamError, match="absent: there is no such file; name a weights file"):
        sha256_of(tmp_path / "absent")


READ_ALL = """
import sys
from ort_deepdream.weights.readers import read_weights
print(*(read_weights(source).kind for source in sys.argv[1:]))
unwanted = "torch", "onnx", "safetensors", "google", "ort_deepdream.export"
print(*(name for name in unwanted if name in sys.modules))
"""


def test_neither_torch_nor_onnx_nor_safetensors_is_loaded(tmp_path: Path) -> None:
    sources = ["seeded:0", str(layer_files(random_tensors(), tmp_path / "folder"))]
    for form in FORMS:
        path = tmp_path / form
        path.write_bytes(whole(form))
        sources.append(str(path))
    ended = subprocess.run(
        [sys.executable, "-c", READ_ALL, *sources], capture_output=True, text=True, check=True
    )
    kinds, loaded = ended.stdout.split("\n")[:2]
    assert kinds == (
        "seeded caffejs onnx caffemodel caffemodel safetensors torchvision torchvision"
    )
    assert loaded == ""
