"""Every kind of weights file, made here byte by byte, whole, damaged and hostile."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import pickle
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors.torch
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper

from export.errors import ExportError
from export.googlenet import BVLC, TORCHVISION, Architecture, GoogLeNet
from export.weights import build_network, load_weights

Tensors = dict[str, torch.Tensor]

LIGHT_INCEPTION = Path(onnx.__file__).parent / "backend/test/data/light/light_inception_v1.onnx"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small tensors on a busy machine: threads that wait for one another only slow this down."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def random_tensors(architecture: Architecture = BVLC, seed: int = 0) -> Tensors:
    return dict(_seeded(architecture.name, seed))


@functools.cache
def _seeded(architecture: str, seed: int) -> Tensors:
    return load_weights(f"seeded:{seed}:{architecture}").tensors


def assert_same(found: Tensors, expected: Tensors) -> None:
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        assert found[name].dtype == torch.float32
        assert torch.equal(found[name], tensor), name


def refusal(path: Path, content: bytes, architecture: Architecture | None = None) -> str:
    """The one line that refuses the content, without the file's name that it begins with."""
    path.write_bytes(content)
    with pytest.raises(ExportError) as caught:
        load_weights(str(path), architecture)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


# --- Files of each kind ----------------------------------------------------------------------


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


# --- Whole files ------------------------------------------------------------------------------

BVLC_FILES = {
    "onnx": ("onnx", onnx_file),
    "old caffemodel": ("caffemodel", old_caffemodel),
    "new caffemodel": ("caffemodel", new_caffemodel),
    "doubles": ("caffemodel", lambda tensors: new_caffemodel(tensors, double_blob)),
    "safetensors": ("safetensors", our_safetensors),
    "no metadata": ("safetensors", lambda tensors: our_safetensors(tensors, None)),
}


@pytest.mark.parametrize("form", BVLC_FILES)
def test_a_bvlc_file_of_each_kind(form: str, tmp_path: Path) -> None:
    kind, _ = BVLC_FILES[form]
    content = whole(form)
    path = tmp_path / "weights.txt"  # the name must not matter
    path.write_bytes(content)

    weights = load_weights(str(path))

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
    assert_same(load_weights(str(path)).tensors, tensors)


@pytest.mark.parametrize("architecture", [BVLC, TORCHVISION], ids=lambda a: a.name)
@pytest.mark.parametrize("named", [True, False])
def test_half_precision_safetensors(
    architecture: Architecture, named: bool, tmp_path: Path
) -> None:
    halves = {name: t.half() for name, t in random_tensors(architecture).items()}
    path = tmp_path / "w"
    path.write_bytes(our_safetensors(halves, architecture.name if named else None))
    weights = load_weights(str(path))
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
    weights = load_weights(str(path))
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
            weights.tensors[f"{caffe}.weight"].double(),
            weights.tensors[f"{caffe}.bias"].double(),
        )
        exact = kernel * (gamma / torch.sqrt(variance + 1e-3))[:, None, None, None]
        error = (weights.tensors[f"{caffe}.weight"] - exact).abs()
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
            weights = load_weights(str(path))
            assert weights.kind == kind
            assert weights.architecture is TORCHVISION
            found.append(weights.tensors)
    for tensors in found[1:]:
        assert_same(tensors, found[0])


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
    assert "conv1/7x7_s2.weight holds torch.int8" in refusal(
        tmp_path / "w", our_safetensors(tensors)
    )


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
    "odd",
    [
        torch.zeros(64, 3, 7, 7).to_sparse(),
        torch.zeros(64, 3, 7, 7, device="meta"),
        torch.zeros(64, 3, 7, 7, dtype=torch.complex64),
        torch.zeros(64, 3, 7, 7, dtype=torch.int8),
        torch.zeros(()),
    ],
    ids=["sparse", "meta", "complex", "integer", "scalar"],
)
def test_tensors_that_are_not_plain_floats(odd: torch.Tensor, tmp_path: Path) -> None:
    said = refusal(tmp_path / "w", saved({"conv1.conv.weight": odd}))
    assert "conv1.conv.weight is not a 4-d floating-point tensor" in said


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
    with pytest.raises(ExportError, match="torchvision weights, bvlc was asked for"):
        load_weights("seeded:1:torchvision", BVLC)


@functools.cache
def whole(form: str) -> bytes:
    if form.endswith("pth"):
        return saved(torchvision_state(), zipped=form == "pth")
    _, make = BVLC_FILES[form]
    return make(random_tensors())


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
def test_damage_never_escapes_as_anything_but_an_export_error(form: str, tmp_path: Path) -> None:
    content = whole(form)
    random = np.random.default_rng(0)
    path = tmp_path / "w"
    for _ in range(4):
        damaged = bytearray(content)
        for position in random.integers(0, 400, 6):
            damaged[position] = random.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(ExportError):  # some damage only changes a number
            load_weights(str(path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
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
    with pytest.raises(ExportError, match="No such file"):
        load_weights(str(tmp_path / "absent.onnx"))
    with pytest.raises(ExportError, match="Is a directory"):
        load_weights(str(tmp_path))
    huge = tmp_path / "huge"
    with huge.open("wb") as stream:
        stream.truncate((1 << 30) + 1)
    with pytest.raises(ExportError, match="too many"):
        load_weights(str(huge))


# --- Seeded -----------------------------------------------------------------------------------


def test_seeded_weights_are_these_for_ever() -> None:
    assert load_weights("seeded:7").sha256 == (
        "d3ea88f7b6c0e738578e85b9dd2a39cca9a6994c5ec778e8b13af35152e2c4cb"
    )
    assert load_weights("seeded:7:torchvision").sha256 == (
        "7f87b9a5c9bcadac77d3d8405a3212b411b1c20d66df4f7b15280e1b4ae62def"
    )


def test_seeded_sources() -> None:
    weights = load_weights("seeded:07:bvlc")
    assert (weights.identity, weights.kind) == ("seeded:7", "seeded")
    assert weights.architecture is BVLC
    assert load_weights("seeded:7", TORCHVISION).identity == "seeded:7:torchvision"
    assert weights.sha256 != load_weights("seeded:8").sha256
    for wrong in ("seeded:", "seeded:-1", "seeded:x", "seeded:1:bvlc:2", f"seeded:{1 << 64}"):
        with pytest.raises(ExportError, match="write seeded:N"):
            load_weights(wrong)
    with pytest.raises(ExportError, match="no architecture 'vgg': there are bvlc and torchvision"):
        load_weights("seeded:1:vgg")


@pytest.mark.parametrize("architecture", [BVLC, TORCHVISION], ids=lambda a: a.name)
def test_seeded_activations_neither_vanish_nor_explode(architecture: Architecture) -> None:
    network = build_network(load_weights("seeded:3", architecture))
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    settings = architecture.preprocessing
    picture = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0)) * 255
    mean = torch.tensor(settings.mean)[:, None, None]
    x = (picture - mean) * torch.tensor(settings.scale)[:, None, None]
    size = x.square().mean().sqrt()
    for name, activation in network.layers(x):
        if name.endswith("/output"):
            root_mean_square = activation.square().mean().sqrt()
            assert 0.1 < root_mean_square / size < 10, name


# --- A graph that nobody here wrote ---------------------------------------------------------


def test_light_inception_v1_loads() -> None:
    weights = load_weights(str(LIGHT_INCEPTION))
    assert (weights.kind, weights.architecture) == ("onnx", BVLC)
    # That file fills every tensor with one number; weights are ConstantOfShape nodes.
    assert (weights.tensors["inception_4c/5x5.weight"] == 0.02).all()


def replace_constants(model: onnx.ModelProto, tensors: Tensors) -> None:
    """Put the tensors where the graph had constants, and drop what made those."""
    names = {zoo_name(name): tensor for name, tensor in tensors.items()}
    kept_nodes = [n for n in model.graph.node if n.output[0] not in names]
    kept_initializers = [t for t in model.graph.initializer if t.name not in names]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(kept_nodes)
    model.graph.initializer.extend(kept_initializers)
    for name, tensor in names.items():
        model.graph.initializer.append(numpy_helper.from_array(tensor.numpy(), name))


def only_up_to(model: onnx.ModelProto, last: str, side: int) -> None:
    """Cut the graph off after the value `last` and give it pictures of side x side."""
    end = next(i for i, node in enumerate(model.graph.node) if node.output[0] == last)
    del model.graph.node[end + 1 :]
    used = {name for node in model.graph.node for name in node.input}
    for values in (model.graph.initializer, model.graph.input):
        kept = [value for value in values if value.name in used]
        del values[:]
        values.extend(kept)
    image = next(value for value in model.graph.input if value.name == "data_0")
    for dimension in image.type.tensor_type.shape.dim[2:]:
        dimension.dim_value = side


def test_bvlc_is_the_graph_of_light_inception_v1(tmp_path: Path) -> None:
    model = onnx.load(LIGHT_INCEPTION)
    replace_constants(model, random_tensors(seed=5))
    path = tmp_path / "inception.onnx"
    onnx.save(model, path)
    weights = load_weights(str(path))  # the random initializers, read back as from a zoo's file
    assert_same(weights.tensors, random_tensors(seed=5))

    outputs = [node.output[0] for node in model.graph.node if node.op_type == "Concat"][:5]
    side = 109  # 16k + 13: where its pools, which round down, cut nothing off
    only_up_to(model, outputs[-1], side)  # its classifier wants 224x224
    del model.graph.output[:]
    for name in outputs:
        value = helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        model.graph.output.append(value)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # it repeats its biases among its inputs
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    picture = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0)) * 255 - 114
    theirs = session.run(outputs, {"data_0": picture.numpy()})

    ours = dict(build_network(weights).layers(picture))
    for block, expected in zip(["3a", "3b", "4a", "4b", "4c"], theirs, strict=True):
        found = ours[f"inception_{block}/output"].numpy()
        assert found.shape == expected.shape
        error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
        assert error < 1e-6, block


def test_build_network_uses_the_tensors() -> None:
    weights = load_weights("seeded:2")
    network = build_network(weights)
    assert isinstance(network, GoogLeNet)
    assert_same(dict(network.convolutions.state_dict()), weights.tensors)
