"""Weights as PyTorch's tensors, and the network that they make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper
from weights_files import Tensors, assert_same, random_tensors, zoo_name

from ort_deepdream.errors import DreamError
from ort_deepdream.export.googlenet import GoogLeNet
from ort_deepdream.export.weights import build_network, load_weights
from ort_deepdream.weights.architecture import Architecture
from ort_deepdream.weights.googlenet import BVLC, TORCHVISION
from ort_deepdream.weights.readers import read_weights

LIGHT_INCEPTION = Path(onnx.__file__).parent / "backend/test/data/light/light_inception_v1.onnx"


def test_tensors_are_those_of_the_reader() -> None:
    weights, read = load_weights("seeded:7", TORCHVISION), read_weights("seeded:7:torchvision")
    assert weights.architecture is TORCHVISION
    assert (weights.identity, weights.kind) == ("seeded:7:torchvision", "seeded")
    assert weights.sha256 == read.sha256
    assert all(tensor.dtype == torch.float32 for tensor in weights.tensors.values())
    assert_same(read.tensors, weights.tensors)


def test_a_refusal_is_this_packages_error(tmp_path: Path) -> None:
    path = tmp_path / "absent.onnx"
    with pytest.raises(DreamError) as caught:
        load_weights(str(path))
    assert str(caught.value) == f"{path}: there is no such file; name a weights file"
    with pytest.raises(DreamError, match="torchvision weights, bvlc was asked for"):
        load_weights("seeded:1:torchvision", BVLC)


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
