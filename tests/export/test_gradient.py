"""Whole gradient graphs against PyTorch's autograd in float64, and the file that carries them."""

from __future__ import annotations

import json
import os
from itertools import product
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
import torch
import torch.nn.functional as F
from graphs import Array, Layer, autograd, exported, half_square, runner, seeded, traced
from sampled import sampled
from torch import nn

from ort_deepdream import load_model
from ort_deepdream.errors import DreamError
from ort_deepdream.export.model_file import export_gradient, lower_for, save
from ort_deepdream.export.network import LocalResponseNorm, new_network
from ort_deepdream.export.objective import Term, objective, parse_term
from ort_deepdream.export.targets import TARGETS
from ort_deepdream.export.trace import EXAMPLE_SIZES
from ort_deepdream.export.verify import ALWAYS_ALLOWED, TIMES_TORCH, Row, verify
from ort_deepdream.export.weights import build_network
from ort_deepdream.gradient_format import PREFIX, has_seal, is_intact
from ort_deepdream.weights.architectures import ARCHITECTURES
from ort_deepdream.weights.googlenet import BVLC, INCEPTION_WIDTHS, TORCHVISION

LAYERS = {
    "the first convolution": ("bvlc", ["conv1/7x7_s2"]),
    "LRN": ("bvlc", ["pool1/norm1"]),
    "a pool": ("bvlc", ["pool2/3x3_s2"]),
    "a block": ("bvlc", ["inception_3a/output"]),
    "a block's own pool": ("bvlc", ["inception_3a/pool"]),
    "before the ReLU": ("bvlc", ["inception_3a/5x5_reduce"]),
    "a channel": ("bvlc", ["inception_3b/output:7"]),
    "the last channel": ("bvlc", ["inception_3a/output:255"]),
    "two layers": ("bvlc", ["inception_3a/output=0.5", "pool1/norm1=-2"]),
    "a layer and its channel": ("bvlc", ["inception_3a/output", "inception_3a/output:3=4"]),
    "torchvision, the first convolution": ("torchvision", ["conv1"]),
    "torchvision, a block": ("torchvision", ["inception3a"]),
    "torchvision, before the ReLU": ("torchvision", ["inception3a.branch3.0"]),
}
SMALL_SIZES = ((32, 32), (45, 38), (41, 63))
DEEP_SIZES = ((158, 182), (97, 211), (63, 41), (321, 200), (32, 32))


def write_file(folder: Path, architecture: str, layers: list[str], target: str) -> Path:
    path = folder / "gradient.onnx"
    ir.save(exported(architecture, tuple(layers), target), path)
    return path


def assert_all_pass(rows: list[Row]) -> None:
    for row in rows:
        assert row.passed, row


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", LAYERS)
def test_gradient_is_pytorchs(name, target, tmp_path):
    """One file, sizes down to the layer's stride, noise, flat and ramp."""
    architecture, layers = LAYERS[name]
    path = write_file(tmp_path, architecture, layers, target)
    rows = list(verify(path, runner(ir.load(path)), sizes=SMALL_SIZES))
    assert_all_pass(rows)
    assert {row.picture for row in rows} == {"noise", "flat", "ramp"}


@pytest.mark.parametrize(
    ("architecture", "layer", "target"),
    sampled(
        product(("bvlc", "torchvision"), ("inception_4c/output", "inception_5b/output"), TARGETS),
        lambda architecture, layer, target: (
            (architecture, layer, target) == ("bvlc", "inception_5b/output", "cpu")
        ),
    ),
)
def test_gradient_of_a_deep_layer(architecture, layer, target, tmp_path):
    path = write_file(tmp_path, architecture, [layer], target)
    rows = list(verify(path, runner(ir.load(path)), sizes=DEEP_SIZES))
    assert {(row.height, row.width) for row in rows} >= {*DEEP_SIZES}
    assert_all_pass(rows)


@pytest.mark.parametrize(
    ("target", "part"), sampled(product(TARGETS, range(3)), lambda target, part: part == 0)
)
def test_one_file_at_every_small_size(target, part, tmp_path):
    """Every pair of remainders, by sizes from 16 to 49; none may differ in shape or be far off."""
    path = write_file(tmp_path, "bvlc", ["inception_4a/output"], target)
    sizes = [(16 + i, 16 + (7 * i + 5) % 34) for i in range(part, 34, 3)]
    rows = list(verify(path, runner(ir.load(path)), sizes=sizes))
    assert_all_pass(rows)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("level", [-104.0, 0.0, 255.0])
def test_a_flat_picture_gives_pytorchs_gradient(target, level):
    """Every window is a tie, which rounding decides: then PyTorch's float32 is as far off."""
    run = runner(exported("bvlc", ("inception_3a/output",), target))
    image = np.full((1, 3, 40, 33), level, np.float32)
    evaluate = objective(build_network(seeded()).double(), [Term("inception_3a/output")])
    truth_value, truth = autograd(evaluate, image)
    single = objective(build_network(seeded()), [Term("inception_3a/output")])
    torch_error = np.linalg.norm(_float32(single, image) - truth) / np.linalg.norm(truth)
    value, gradient = run(image)
    error = np.linalg.norm(gradient - truth) / np.linalg.norm(truth)
    assert error <= max(TIMES_TORCH * torch_error, ALWAYS_ALLOWED)
    assert value == pytest.approx(truth_value, rel=1e-4)


def _float32(evaluate: Layer, image: Array) -> Array:
    picture = torch.from_numpy(image).requires_grad_(True)
    (gradient,) = torch.autograd.grad(evaluate(picture), picture)
    return gradient.numpy()


def test_the_example_sizes_differ_in_every_layer():
    """Where both gave one number, it would be taken for one that no picture's size changes."""
    for architecture in ARCHITECTURES.values():
        with torch.device("meta"):
            network = new_network(architecture)
            both = [network.layers(torch.empty(1, 3, *size)) for size in EXAMPLE_SIZES]
            for (name, one), (_, other) in zip(*both, strict=True):
                assert one.shape[2] != other.shape[2], f"{architecture.name} {name} height"
                assert one.shape[3] != other.shape[3], f"{architecture.name} {name} width"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_value_has_a_fixed_height_or_width(architecture, target):
    """The deepest layer, for there sizes are few."""
    model = exported(architecture, ("inception_5b/output",), target)
    of_the_picture = {model.graph.inputs[0]}
    for node in model.graph:
        if not of_the_picture & {value for value in node.inputs if value is not None}:
            continue  # a weight turned round
        of_the_picture |= set(node.outputs)
        for value in node.outputs:
            if value.shape is not None and len(value.shape) == 4:
                sides = list(value.shape)[2:]
                assert not any(isinstance(side, int) for side in sides), (node.name, value.shape)


# --- For one size -----------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(64, 96), (67, 98), (42, 51)], ids=["even", "odd", "uneven"])
@pytest.mark.parametrize(
    ("target", "precision"), [(t.name, p) for t in TARGETS.values() for p in t.precisions]
)
def test_a_file_for_one_size(target, precision, size, tmp_path):
    """`save` has onnx's checker compare every size in it with those that it infers."""
    path = tmp_path / "one.onnx"
    layers = traced("bvlc", ("inception_3a/output",), size)
    model = lower_for(layers, TARGETS[target], precision)
    save(model, path)
    values = [*model.graph.inputs, *(value for node in model.graph for value in node.outputs)]
    known = [side for value in values for side in value.shape or ()]
    assert sum(isinstance(side, int) for side in known) > 200
    assert not [side for side in known if isinstance(side, ir.SymbolicDim) and side.value]
    rows = list(verify(path, runner(ir.load(path))))
    assert_all_pass(rows)
    assert {(row.height, row.width) for row in rows} == {size}


def test_a_size_below_the_stride_is_refused():
    with pytest.raises(DreamError, match=r"9x7 pixels are too small .* must be 8 or more"):
        export_gradient(seeded(), ["inception_3a/output"], size=(7, 9))


# --- The network ------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [5, 64, 192])
def test_lrn_is_the_librarys(channels):
    ours = LocalResponseNorm(channels).double()

    def library(x: torch.Tensor) -> torch.Tensor:
        return F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0)

    random = np.random.default_rng(channels)
    for scale in (1, 100, 1000):  # at the last the denominator is far from 1
        x = random.normal(0, scale, (1, channels, 5, 4)).astype(np.float32)
        for found, truth in zip(
            autograd(lambda x: half_square(ours(x)), x),
            autograd(lambda x: half_square(library(x)), x),
            strict=True,
        ):
            np.testing.assert_allclose(found, truth, rtol=1e-6, atol=1e-7 * np.abs(truth).max())


def test_layer_names_are_caffes():
    names = list(BVLC.layers)
    assert names[:9] == [
        "conv1/7x7_s2",
        "conv1/relu_7x7",
        "pool1/3x3_s2",
        "pool1/norm1",
        "conv2/3x3_reduce",
        "conv2/relu_3x3_reduce",
        "conv2/3x3",
        "conv2/relu_3x3",
        "conv2/norm2",
    ]
    assert names[-1] == "inception_5b/output"
    assert {"inception_3b/relu_5x5_reduce", "inception_4e/pool_proj", "pool4/3x3_s2"} <= {*names}


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=lambda a: a.name)
def test_layer_shapes_are_the_networks(architecture):
    network = new_network(architecture)
    expected = architecture.layers
    with torch.no_grad():
        found = dict(network.layers(torch.zeros(1, 3, 64, 96)))
    assert list(found) == list(expected)
    for name, value in found.items():
        assert value.shape[1] == expected[name].channels, name
        assert value.shape[2] == 64 // expected[name].stride, name
    assert expected["inception_4c/output"].channels == 512
    assert [expected[n].stride for n in ("conv1/7x7_s2", "inception_3a/pool")] == [2, 8]
    assert expected["inception_5b/output"].stride == 32


def test_torchvisions_names_are_those_of_the_same_layers():
    """Its modules' names, made from the published structure, each with its own width."""
    shapes = TORCHVISION.layers
    for theirs, ours in TORCHVISION.layer_aliases.items():
        assert ours in shapes, theirs
    assert TORCHVISION.layer_aliases["conv2"] == "conv2/3x3_reduce"
    assert TORCHVISION.layer_aliases["inception4d.branch3.1"] == "inception_4d/5x5"
    assert TORCHVISION.layer_aliases["inception5b"] == "inception_5b/output"
    convolutions = set(new_network(TORCHVISION).convolutions)
    assert set(TORCHVISION.layer_aliases.values()) == convolutions | {
        f"inception_{block}/output" for block in INCEPTION_WIDTHS
    }
    assert "pool1/norm1" not in shapes


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=lambda a: a.name)
def test_third_branch_and_pools(architecture):
    kernels = {n: m.kernel_size[0] for n, m in new_network(architecture).convolutions.items()}
    third = {"bvlc": 5, "torchvision": 3}[architecture.name]
    assert {k for n, k in kernels.items() if n.endswith("/5x5")} == {third}
    assert {k for n, k in kernels.items() if n.endswith("/3x3")} == {3}
    assert kernels["conv1/7x7_s2"] == 7
    with torch.device("meta"):
        layers = new_network(architecture).layers(torch.empty(1, 3, 224, 224))
        sides = {name: value.shape[2] for name, value in layers}
    pools = ["pool1/3x3_s2", "pool2/3x3_s2", "pool3/3x3_s2", "pool4/3x3_s2"]
    assert [sides[name] for name in pools] == [56, 28, 14, 7]


# --- Layers by name ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("inception_4c/output", Term("inception_4c/output")),
        ("inception_4d/output:139", Term("inception_4d/output", 139)),
        ("inception_3b/output=0.5", Term("inception_3b/output", None, 0.5)),
        ("conv1/7x7_s2:0=-2", Term("conv1/7x7_s2", 0, -2.0)),
        ("pool1/norm1=1e-3", Term("pool1/norm1", None, 0.001)),
        ("pool1/norm1=0.123456789", Term("pool1/norm1", None, 0.123456789)),
    ],
)
def test_parse_term(text, term):
    assert parse_term(text, BVLC) == term
    assert parse_term(str(term), BVLC) == term


def test_parse_term_takes_the_librarys_names():
    assert parse_term("inception4c=2", TORCHVISION) == Term("inception_4c/output", None, 2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "inception_4c/outptu",
            "bvlc has no layer 'inception_4c/outptu': did you mean .*4c/output",
        ),
        ("inception4c", "did you mean .*inception_4c"),
        ("4C", "did you mean inception_4c/output?"),
        ("mixed4c", "did you mean inception_4c/output?"),
        ("", "bvlc has no layer '': `dream layers` lists them"),
        ("loss3/classifier", "bvlc has no layer"),
        ("inception_4c/output:512", "no channel '512': its channels are 0 to 511"),
        ("inception_4c/output:-1", "no channel '-1'"),
        ("inception_4c/output:", "no channel ''"),
        ("inception_4c/output:1.5", "no channel '1.5'"),
        ("inception_4c/output:²", "no channel '²'"),
        ("inception_4c/output:" + "9" * 5000, "its channels are 0 to 511"),
        ("inception_4c/output=0", "finite number, not zero"),
        ("inception_4c/output=nan", "finite number, not zero"),
        ("inception_4c/output=-inf", "finite number, not zero"),
        ("inception_4c/output=", "finite number, not zero"),
        ("inception_4c/output=1=2", "finite number, not zero"),
    ],
)
def test_parse_term_refuses(text, message):
    with pytest.raises(DreamError, match=message):
        parse_term(text, BVLC)


def test_an_unknown_layer_is_refused_before_the_trace():
    stages: list[str] = []
    with pytest.raises(DreamError, match="did you mean"):
        export_gradient(seeded(), ["inception_4c/outpu"], on_stage=stages.append)
    assert stages == []


def test_no_layer_is_refused():
    with pytest.raises(DreamError, match="layer"):
        export_gradient(seeded(), [])


# --- The file ---------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_metadata_is_complete(architecture):
    layers = ("conv1/7x7_s2:3=0.5", "inception_3a/output")
    properties = exported(architecture, layers, "cpu").metadata_props
    found = {}
    for key, value in properties.items():
        assert key.startswith(PREFIX)
        found[key.removeprefix(PREFIX)] = value
    weights, preprocessing = (
        json.loads(found.pop("weights")),
        json.loads(found.pop("preprocessing")),
    )
    assert weights["sha256"] == seeded(architecture).sha256
    assert weights["identity"] == seeded(architecture).identity
    assert weights["kind"] == "seeded"
    expected = ARCHITECTURES[architecture].preprocessing
    assert preprocessing == {
        "order": list(expected.order),
        "mean": list(expected.mean),
        "scale": list(expected.scale),
    }
    assert json.loads(found.pop("layers")) == [
        {"layer": "conv1/7x7_s2", "channel": 3, "weight": 0.5},
        {"layer": "inception_3a/output", "channel": None, "weight": 1.0},
    ]
    assert found.pop("exporter").startswith("ort-deepdream ")
    assert found.pop("torch") == torch.__version__
    assert found == {
        "format": "1",
        "architecture": architecture,
        "objective": "half_square_sum",
        "stride": "8",
        "target": "cpu",
    }


@pytest.mark.parametrize("target", TARGETS)
def test_inputs_and_outputs_are_the_contracts(target):
    model = exported("bvlc", ("inception_3a/output",), target)
    (image,) = model.graph.inputs
    value, gradient = model.graph.outputs
    assert (image.name, value.name, gradient.name) == ("image", "objective", "gradient")
    assert [str(s) for s in image.shape] == ["1", "3", "height", "width"]
    assert image.shape == gradient.shape
    assert list(value.shape) == []
    assert {v.dtype for v in (image, value, gradient)} == {ir.DataType.FLOAT}
    assert dict(model.graph.opset_imports)[""] == 18
    own = {"com.microsoft"} if target == "cuda" else set()  # FusedConv
    assert {node.domain for node in model.graph} == {"", *own}


@pytest.fixture
def small() -> ir.Model:
    return exported("bvlc", ("conv1/7x7_s2",), "cpu")


def test_save_writes_a_readable_file_whole(small, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"an older file")
    save(small, path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
    found = dict(ir.load(path).metadata_props)
    assert has_seal(path.read_bytes())
    assert is_intact(path.read_bytes())
    del found[f"{PREFIX}sha256"]
    assert found == dict(small.metadata_props)


def test_an_exported_file_that_rots_is_refused(small, tmp_path):
    path = tmp_path / "model.onnx"
    save(small, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # a bit of a weight
    path.write_bytes(content)
    with pytest.raises(DreamError, match="is damaged, for it does not fit the sum in it"):
        load_model(path, "cpu")


def no_gradient() -> ir.Model:
    """The file's contract, but a gradient of NaN."""
    image = ir.Value(name="image", type=ir.TensorType(ir.DataType.FLOAT))
    image.shape = ir.Shape([1, 3, "height", "width"])
    zero = ir.node("Sub", [image, image])
    bad = ir.node("Div", [zero.outputs[0], zero.outputs[0]])
    total = ir.node("ReduceSum", [image], {"keepdims": 0})
    for node, name, shape in ((bad, "gradient", image.shape), (total, "objective", ir.Shape([]))):
        node.outputs[0].name, node.outputs[0].shape = name, shape
        node.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
    outputs = [total.outputs[0], bad.outputs[0]]
    graph = ir.Graph([image], outputs, nodes=[zero, bad, total], opset_imports={"": 18}, name="g")
    return ir.Model(graph, ir_version=10)


def wrong_type() -> ir.Model:
    model = no_gradient()
    model.graph.node(0).op_type = "NoSuchOperator"
    return model


def wrong_shape() -> ir.Model:
    """Valid node by node, but its declared output cannot be its shape."""
    model = no_gradient()
    model.graph.outputs[0].shape = ir.Shape([7, 7])
    return model


@pytest.mark.parametrize("make", [no_gradient, wrong_type, wrong_shape])
def test_a_bad_graph_is_refused_and_the_old_file_stays(make, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"an older file")
    with pytest.raises(DreamError):
        save(make(), path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
    assert path.read_bytes() == b"an older file"


def test_save_refuses_a_folder_that_is_not_there(small, tmp_path):
    with pytest.raises(DreamError, match=r"model.onnx: the folder .* does not exist"):
        save(small, tmp_path / "nowhere" / "model.onnx")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_save_refuses_a_read_only_folder(small, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(DreamError, match="cannot be written to"):
        save(small, tmp_path / "model.onnx")


def test_save_refuses_a_folder_as_the_file(small, tmp_path):
    target = tmp_path / "model.onnx"
    target.mkdir()
    with pytest.raises(DreamError, match=r"model.onnx: is a folder; name a file in it"):
        save(small, target)
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


# --- dream verify -----------------------------------------------------------------------------

TAMPERED = ("inception_3a/output",)


def verified(path: Path) -> list[Row]:
    return list(verify(path, runner(ir.load(path)), sizes=[(33, 40)]))


@pytest.fixture
def file(tmp_path) -> Path:
    return write_file(tmp_path, "bvlc", list(TAMPERED), "portable")


def tamper(path: Path, change) -> None:  # type: ignore[no-untyped-def]
    model = ir.load(path)
    change(model)
    ir.save(model, path)


def last(model: ir.Model, op_type: str) -> ir.Node:
    """The last node of a kind, so one of the backward pass."""
    return [node for node in model.graph if node.op_type == op_type][-1]


def swap_padding(model: ir.Model) -> None:
    """One 3x3 convolution of the backward pass looks one pixel too far up."""
    node = next(
        n
        for n in reversed(tuple(model.graph))
        if n.op_type == "Conv" and list(n.attributes["pads"].as_ints()) == [1, 1, 1, 1]
    )
    node.attributes["pads"] = ir.AttrInt64s("pads", [2, 1, 0, 1])


def drop_a_mask(model: ir.Model) -> None:
    last(model, "Greater").op_type = "GreaterOrEqual"


def scale_the_gradient(model: ir.Model) -> None:
    node = model.graph.outputs[1].producer()
    node.op_type, scale = "Add", node.inputs[0]
    node.resize_inputs(2)
    node.replace_input_with(1, scale)


def negate_the_objective(model: ir.Model) -> None:
    model.graph.outputs[0].producer().op_type = "Neg"


def nan_gradient(model: ir.Model) -> None:
    node = model.graph.outputs[1].producer()
    node.op_type, value = "Mul", node.inputs[0]
    constant = ir.Value(name="nan", const_value=ir.tensor(np.array(np.nan, np.float32)))
    model.graph.register_initializer(constant)
    node.resize_inputs(2)
    node.replace_input_with(1, constant)
    assert value is not None


@pytest.mark.parametrize(
    "change", [swap_padding, drop_a_mask, scale_the_gradient, negate_the_objective, nan_gradient]
)
def test_verify_sees_a_tampered_file(file, change):
    assert_all_pass(verified(file))
    tamper(file, change)
    assert not all(row.passed for row in verified(file))


def test_verify_sees_weights_used_elsewhere(file):
    def exchange(model: ir.Model) -> None:
        """The rebuilt network reads both; the graph uses one for the other."""
        one, other = (
            model.graph.initializers[f"inception_3a/{name}.bias"] for name in ("1x1", "3x3")
        )
        node = next(n for n in model.graph if one in n.inputs)
        crop = ir.node("Slice", [other, *_constants(model, 0, 64)])
        crop.outputs[0].name = "cropped"
        model.graph.insert_before(node, crop)
        node.replace_input_with(list(node.inputs).index(one), crop.outputs[0])
        # Still in the file, as a weight that somebody uses.
        model.graph.insert_before(node, ir.node("Identity", [one]))

    tamper(file, exchange)
    assert not all(row.passed for row in verified(file))


def _constants(model: ir.Model, *numbers: int) -> list[ir.Value]:
    values = []
    for number in numbers:
        tensor = ir.tensor(np.array([number], np.int64), name=f"number_{number}")
        values.append(ir.Value(name=tensor.name, const_value=tensor))
        model.graph.register_initializer(values[-1])
    return values


def row(**errors: float) -> Row:
    good = dict.fromkeys(
        ("objective_error", "gradient_error", "torch_objective_error", "torch_gradient_error"), 0.0
    )
    return Row(32, 32, "noise", **{**good, **errors})


def test_what_passes():
    assert row().passed
    assert row(gradient_error=1e-4).passed
    assert not row(gradient_error=1.1e-4).passed
    assert row(gradient_error=8e-3, torch_gradient_error=1e-3).passed
    assert not row(gradient_error=8.1e-3, torch_gradient_error=1e-3).passed
    assert not row(objective_error=1.1e-4).passed
    assert not row(gradient_error=0.6, torch_gradient_error=1.0).passed  # wrong, whatever the ties
    assert not row(gradient_error=1.0, torch_gradient_error=float("inf")).passed
    for name in ("objective_error", "gradient_error"):
        assert not row(**{name: float("nan")}).passed
        assert not row(**{f"torch_{name}": float("nan")}, **{name: 1.0}).passed
        assert not row(**{name: float("inf")}).passed


@pytest.mark.parametrize(
    "damage",
    [
        {"architecture": "resnet"},
        {"layers": "{"},
        {"layers": '[{"layer": "conv9", "channel": null, "weight": 1.0}]'},
        {"layers": '[{"colour": 3}]'},
        {"stride": "wide"},
        {"format": "2"},
    ],
    ids=str,
)
def test_verify_refuses_a_damaged_description(file, damage):
    tamper(
        file, lambda model: model.metadata_props.update({PREFIX + k: v for k, v in damage.items()})
    )
    with pytest.raises(DreamError):
        next(verify(file, lambda image: (0.0, image)))


def test_verify_refuses_a_file_that_lacks_a_weight(file):
    """It would compare with numbers of its own."""

    def lose(model: ir.Model) -> None:
        kept = model.graph.initializers.pop("conv2/3x3.weight")
        kept.name = "another"
        model.graph.register_initializer(kept)

    tamper(file, lose)
    with pytest.raises(DreamError, match="lacks weights that its layers need"):
        next(verify(file, lambda image: (0.0, image)))


def test_verify_refuses_what_is_no_gradient_file(tmp_path):
    garbage, foreign = tmp_path / "garbage.onnx", tmp_path / "foreign.onnx"
    garbage.write_bytes(b"not an onnx file")
    ir.save(no_gradient(), foreign)
    for path, message in ((garbage, "not a readable ONNX file"), (foreign, "`dream export` made")):
        with pytest.raises(DreamError, match=message):
            next(verify(path, lambda image: (0.0, image)))
    with pytest.raises(DreamError):
        next(verify(tmp_path / "none.onnx", lambda image: (0.0, image)))


def test_build_network_is_frozen():
    network = build_network(seeded())
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    assert isinstance(network.convolutions["conv1/7x7_s2"], nn.Conv2d)
