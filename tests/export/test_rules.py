"""Every lowering rule against PyTorch's autograd, for every target, in ONNX Runtime.

A case is a small layer of the picture. Its trace must hold the operator that it is for; the
objective and its gradient are compared at sizes that the trace was not made at. The pictures are
small integers, and so are the weights: PyTorch's float64 and ONNX Runtime's float32 then mostly
agree to the last digit, and ties are everywhere.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from graphs import Array, Layer, autograd, half_square, runner, trace_layer, write
from torch import Tensor
from torch._ops import OpOverload

from ort_deepdream.errors import DreamError
from ort_deepdream.export.lower import lower, lowers, rule_for, rules
from ort_deepdream.export.targets import TARGETS

aten = torch.ops.aten

SIZES = ((7, 9), (8, 6), (5, 12), (3, 3))  # odd and even, high and wide
EDGES = ((1, 1), (1, 8), (9, 1), (2, 5))
TARGET_NAMES = tuple(TARGETS)


@dataclass(frozen=True)
class Case:
    name: str
    operator: OpOverload  # must be in the trace
    layer: Layer
    parameters: dict[str, Tensor] = field(default_factory=dict)
    sizes: tuple[tuple[int, int], ...] = SIZES + EDGES
    lowest: int = -3  # of the picture's levels


def integers(*shape: int) -> Tensor:
    """Weights from -2 to 2, the same for the same shape."""
    numbers = np.random.default_rng(list(shape)).integers(-2, 3, shape)
    return torch.from_numpy(numbers).float()


def pictures(height: int, width: int, lowest: int) -> dict[str, Array]:
    random = np.random.default_rng([height, width])
    shape = (1, 3, height, width)
    flat = np.ones(shape, np.float32)
    return {
        "ties": random.integers(lowest, 4, shape).astype(np.float32),
        "no ties": random.permutation(3 * height * width).reshape(shape).astype(np.float32)
        + lowest,
        "zeros": 0 * flat if lowest <= 0 else flat,
        "flat": 2 * flat,
        "negative": (-2 if lowest < 0 else 2) * flat,
    }


def convolution(name: str, kernel: tuple[int, int], **options: object) -> Case:
    groups, outputs = options.get("groups", 1), options.pop("outputs", 4)
    weight = integers(outputs, 3 // groups, *kernel)
    weight[:, :, 0, 0] += 1  # no kernel is zero
    bias = {"bias": integers(outputs)} if options.pop("has_bias", True) else {}
    operator = options.pop("operator", aten.convolution.default)
    dilation = _pair(options.get("dilation", 1))
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    fits = tuple(
        (h, w)
        for h, w in SIZES + EDGES
        if h + 2 * _pair(options.get("padding", 0))[0] >= extent[0]
        and w + 2 * _pair(options.get("padding", 0))[1] >= extent[1]
    )

    def layer(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return F.conv2d(x, weight, bias, **options)

    return Case(f"conv {name}", operator, layer, {"weight": weight, **bias}, sizes=fits)


def _pair(value: object) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def power(exponent: float) -> Case:
    return Case(f"x ** {exponent}", aten.pow.Tensor_Scalar, lambda x: x**exponent, lowest=1)


def pointwise(layer: Layer, forward: OpOverload, backward: OpOverload | None = None) -> list[Case]:
    """A function of each value, and its gradient: at whole numbers, and with few digits between."""
    name = str(forward).removeprefix("aten.").partition(".")[0]

    def scaled(x: Tensor) -> Tensor:
        return layer(x * 0.125)

    found = [Case(name, forward, layer, sizes=SIZES[-1:])]
    gradients = [backward] if backward is not None else []
    return found + [Case(f"{name}'s gradient", each, scaled) for each in gradients]


def normalised(x: Tensor, **numbers: Tensor | None) -> Tensor:
    """A batch norm by learnt statistics; `numbers` are those that it has."""
    learnt = (numbers["mean"], numbers["variance"])
    return F.batch_norm(x, *learnt, numbers.get("gamma"), numbers.get("beta"), eps=0.5)


STATISTICS = {"mean": integers(3), "variance": torch.tensor([0.5, 1.75, 3.5])}
AFFINE = {**STATISTICS, "gamma": integers(3) + 3, "beta": integers(3)}


def shuffled(x: Tensor, groups: int = 2) -> Tensor:
    """A channel shuffle of six channels, as ShuffleNet writes it."""
    x = torch.cat([x, x * x], 1)
    n, channels, height, width = x.shape
    return x.view(n, groups, channels // groups, height, width).transpose(1, 2).reshape(x.shape)


def twice_read(x: Tensor) -> Tensor:
    y = F.relu_(x)
    return x + y * y


def squeezed(x: Tensor, weight: Tensor) -> Tensor:
    """Channels times a gate of their means, as squeeze-and-excitation has it."""
    return x * F.conv2d((x * x).mean((2, 3), keepdim=True), weight)


def halves(parts: tuple[Tensor, ...]) -> Tensor:
    return parts[0] * parts[1]


def layer_norm(x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None) -> Tensor:
    last = (x * 0.125).permute(0, 2, 3, 1)
    return F.layer_norm(last, (3,), gamma, beta, eps=0.5).permute(0, 3, 1, 2)


def projected(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A linear layer of the channels."""
    return F.linear(x.permute(0, 2, 3, 1).contiguous(), weight, bias).permute(0, 3, 1, 2)


def attention(x: Tensor, weight: Tensor) -> Tensor:
    """Each position's softmax over few keys that are constant."""
    x = x.flatten(2).transpose(1, 2) * 0.125
    scores = torch.softmax(x @ weight, -1)
    return scores @ weight.transpose(1, 2)


BACKWARD = {"operator": aten.convolution_backward.default}
SQUEEZED = aten.mean.dim

CASES = [
    # elementwise
    Case("the value apart from autograd", aten.detach.default, lambda x: x * 1),
    Case("the value under another name", aten.alias.default, lambda x: aten.alias(x) * 1),
    Case("x + x", aten.add.Tensor, lambda x: x + x),
    Case("x + 2", aten.add.Tensor, lambda x: x + 2),
    Case("x + 3 y", aten.add.Tensor, lambda x: torch.add(x, x * x, alpha=3)),
    Case("x - y", aten.add.Tensor, lambda x: torch.add(x, x * x, alpha=-1)),
    Case("x * y", aten.mul.Tensor, lambda x: x * x),
    Case("x * 0.5", aten.mul.Tensor, lambda x: x * 0.5),
    Case("x * 0", aten.mul.Tensor, lambda x: x * 0),
    Case("a factor in a gradient", aten.mul.Scalar, lambda x: torch.add(x, x, alpha=3)),
    Case("x * y, y one number for each channel", aten.mul.Tensor, lambda x, y: x * y,
         {"y": integers(1, 3, 1, 1)}),
    *map(power, (-2, -1.75, -1.25, -1, -0.75, -0.5, -0.25, 0.25, 0.3, 0.5, 0.75, 1.5, 2, 2.5, 3)),
    Case("x ** 2, negative x", aten.pow.Tensor_Scalar, lambda x: x**2),
    Case("relu", aten.relu.default, F.relu),
    Case("relu's gradient", aten.threshold_backward.default, F.relu),
    Case("relu below a convolution", aten.threshold_backward.default,
         lambda x, weight: F.conv2d(F.relu(x), weight, padding=1),
         {"weight": integers(2, 3, 3, 3)}),
    # convolution
    convolution("1x1", (1, 1)),
    convolution("1x1, no bias", (1, 1), has_bias=False),
    convolution("3x3", (3, 3), padding=1),
    convolution("3x3, no padding", (3, 3)),
    convolution("5x5", (5, 5), padding=2),
    convolution("7x7 s2", (7, 7), padding=3, stride=2),
    convolution("3x5", (3, 5), padding=(1, 2)),
    convolution("gradient 1x1", (1, 1), **BACKWARD),
    convolution("gradient 3x3", (3, 3), padding=1, **BACKWARD),
    convolution("gradient 3x3, no padding", (3, 3), **BACKWARD),
    convolution("gradient 2x2, odd padding", (2, 2), padding=1, **BACKWARD),
    convolution("gradient 5x3", (5, 3), padding=(2, 0), **BACKWARD),
    convolution("gradient 5x5", (5, 5), padding=2, **BACKWARD),
    convolution("gradient 1x1, more padding than it reaches", (1, 1), padding=1, **BACKWARD),
    convolution("gradient 2x2, more padding down", (2, 2), padding=(2, 0), **BACKWARD),
    convolution("gradient 7x7 s2", (7, 7), padding=3, stride=2, **BACKWARD),
    convolution("gradient 3x3 s2", (3, 3), padding=1, stride=2, **BACKWARD),
    convolution("gradient 3x3 s3, no padding", (3, 3), stride=3, **BACKWARD),
    convolution("gradient 1x1 s2", (1, 1), stride=2, **BACKWARD),
    convolution("gradient 2x2 s3", (2, 2), stride=3, **BACKWARD),
    convolution("gradient 3x3 s2 down", (3, 3), padding=1, stride=(2, 1), **BACKWARD),
    convolution("dilated", (3, 3), padding=2, dilation=2),
    convolution("gradient, dilated", (3, 3), padding=2, dilation=2, **BACKWARD),
    convolution("gradient, dilated, wide", (2, 3), padding=3, dilation=(1, 2), **BACKWARD),
    convolution("gradient, dilated s2", (3, 2), padding=2, dilation=2, stride=2, **BACKWARD),
    *(
        convolution(f"{groups} groups, {name}", (3, 3), groups=groups, outputs=outputs, **options)
        for name, options in {
            "forward": {"padding": 1},
            "gradient": {"padding": 1, **BACKWARD},
            "gradient s2": {"padding": 1, "stride": 2, **BACKWARD},
            "gradient s2, dilated": {"padding": 2, "stride": 2, "dilation": 2, **BACKWARD},
        }.items()
        for groups, outputs in ((3, 3), (3, 6))
    ),
    Case("two groups of three", aten.convolution_backward.default,
         lambda x, w: F.conv2d(torch.cat([x, x * x], 1), w, padding=1, groups=2),
         {"w": integers(4, 3, 3, 3)}),
    # activations
    *pointwise(F.sigmoid, aten.sigmoid.default, aten.sigmoid_backward.default),
    *pointwise(torch.tanh, aten.tanh.default, aten.tanh_backward.default),
    *pointwise(F.silu, aten.silu.default, aten.silu_backward.default),
    *pointwise(F.hardsigmoid, aten.hardsigmoid.default, aten.hardsigmoid_backward.default),
    *pointwise(F.hardswish, aten.hardswish.default, aten.hardswish_backward.default),
    *pointwise(F.relu6, aten.hardtanh.default, aten.hardtanh_backward.default),
    *pointwise(F.gelu, aten.gelu.default, aten.gelu_backward.default),
    *pointwise(lambda x: F.leaky_relu(x, 0.25), aten.leaky_relu.default,
               aten.leaky_relu_backward.default),
    *pointwise(lambda x: F.elu(x * 0.125, 0.5), aten.elu.default, aten.elu_backward.default),
    *pointwise(lambda x: F.selu(x * 0.125), aten.elu.default, aten.elu_backward.default),
    Case("hardswish at its corners", aten.hardswish_backward.default, lambda x: F.hardswish(x)),
    Case("hardsigmoid at its corners", aten.hardsigmoid_backward.default, F.hardsigmoid),
    Case("relu6 at its corners", aten.hardtanh_backward.default, lambda x: F.relu6(x * 2)),
    Case("elu in place", aten.elu_backward.default,
         lambda x: F.elu(x * 0.125, inplace=True), sizes=SIZES),
    Case("relu in place, what is behind it read twice", aten.relu.default,
         lambda x: twice_read(x * 1)),
    Case("x + y in place", aten.add.Tensor, lambda x: (x * 2).add_(x)),
    # norms
    Case("batch norm", aten.native_batch_norm.default, normalised, AFFINE),
    Case("batch norm's gradient", aten.native_batch_norm_backward.default, normalised, AFFINE),
    Case("batch norm, only statistics", aten.native_batch_norm_backward.default, normalised,
         STATISTICS),
    Case("layer norm", aten.native_layer_norm.default, layer_norm,
         {"gamma": integers(3) + 3, "beta": integers(3)}),
    Case("layer norm's gradient", aten.native_layer_norm_backward.default, layer_norm,
         {"gamma": integers(3) + 3, "beta": integers(3)}),
    Case("layer norm, plain", aten.native_layer_norm_backward.default, layer_norm),
    # matrices
    Case("linear", aten.addmm.default, projected, {"weight": integers(5, 3), "bias": integers(5)}),
    Case("linear's gradient", aten.mm.default, projected, {"weight": integers(5, 3)}),
    Case("linear's weights", aten.t.default, projected, {"weight": integers(5, 3)}),
    Case("linear, of rows", aten.bmm.default, lambda x, w: F.linear(x.permute(0, 2, 3, 1), w),
         {"w": integers(5, 3)}),
    Case("attention", aten._softmax.default, attention, {"weight": integers(1, 3, 4)}),
    Case("attention's gradient", aten._softmax_backward_data.default, attention,
         {"weight": integers(1, 3, 4)}),
    Case("attention's products", aten.bmm.default, attention, {"weight": integers(1, 3, 4)}),
    # pooling: see also the exhaustive test below
    Case("max pool", aten.max_pool2d_with_indices.default,
         lambda x: F.max_pool2d(x, 3, stride=1, padding=1)),
    Case("max pool, its own stride", aten.max_pool2d_with_indices.default,
         lambda x: F.max_pool2d(x, 2, ceil_mode=True)),
    Case("max pool's gradient", aten.max_pool2d_with_indices_backward.default,
         lambda x: F.max_pool2d(x, 3, stride=2, ceil_mode=True), sizes=SIZES),
    Case("max pool's gradient, windows of 3 x 2", aten.max_pool2d_with_indices_backward.default,
         lambda x: F.max_pool2d(x, (3, 2), stride=(1, 2)), sizes=SIZES),
    Case("max pool's gradient, windows of 5 x 5", aten.max_pool2d_with_indices_backward.default,
         lambda x: F.max_pool2d(x, 5, stride=2, padding=2)),
    Case("average pool", aten.avg_pool2d.default, lambda x: F.avg_pool2d(x, 2, ceil_mode=False),
         sizes=SIZES),
    Case("average pool's gradient", aten.avg_pool2d_backward.default, lambda x: F.avg_pool2d(x, 2),
         sizes=SIZES),
    Case("average pool's gradient, s1", aten.avg_pool2d_backward.default,
         lambda x: F.avg_pool2d(x, 3, stride=1, padding=1)),
    Case("average pool's gradient, 3 x 2 s2", aten.avg_pool2d_backward.default,
         lambda x: F.avg_pool2d(x, (3, 2), stride=2, padding=(1, 0)), sizes=SIZES),
    # shape
    Case("a mean for each channel", SQUEEZED, lambda x: (x * x).mean((2, 3), keepdim=True)),
    Case("a mean's gradient", aten.div.Scalar, squeezed, {"weight": integers(3, 3, 1, 1)}),
    Case("a mean's gradient, right before a convolution", aten.expand.default,
         lambda x, weight: F.conv2d(x, weight, padding=1).mean((2, 3), keepdim=True),
         {"weight": integers(2, 3, 3, 3)}),
    Case("x / y", aten.div.Tensor, lambda x: x / (x * x + 1)),
    Case("-x", aten.neg.default, lambda x: -x * x),
    Case("x - 2 y", aten.sub.Tensor, lambda x: torch.sub(x, x * x, alpha=2)),
    Case("1 - x", aten.rsub.Scalar, lambda x: torch.rsub(x, 1)),
    Case("e^x", aten.exp.default, lambda x: torch.exp(x * 0.125), sizes=SIZES[-1:]),
    Case("a square root", aten.sqrt.default, torch.sqrt, lowest=1),
    Case("x up to 2", aten.clamp.default, lambda x: aten.clamp(x.detach(), -1, 2) * x),
    Case("x from 0", aten.clamp.default, lambda x: aten.clamp(x.detach(), 0) * x),
    Case("a copy", aten.clone.default, lambda x: x.clone() * x),
    Case("channel shuffle", aten.view.default, shuffled),
    Case("channel shuffle's reshape", aten._unsafe_view.default, shuffled),
    Case("channel shuffle's axes", aten.transpose.int, shuffled),
    Case("channels last", aten.permute.default, lambda x: (x * x).permute(0, 2, -1, 1)),
    Case("another axis", aten.unsqueeze.default, lambda x: (x * x).unsqueeze(1)),
    Case("one axis less", aten.squeeze.dim, lambda x: (x * x).unsqueeze(1).squeeze(1)),
    Case("squeezing what is longer", aten.squeeze.dim, lambda x: (x * x).squeeze(1)),
    Case("one channel, without its axis", aten.select.int, lambda x: x[:, 1]),
    Case("the last channel, without its axis", aten.select.int, lambda x: x[:, -1]),
    Case("one channel's gradient", aten.select_backward.default, lambda x: x[:, -2]),
    Case("chunks", aten.split.Tensor,
         lambda x: halves(torch.cat([x, x * x], 1).chunk(2, 1)), sizes=SIZES),
    Case("a chunk that nothing reads", aten.zeros.default,
         lambda x: torch.cat([x, x * x], 1).split(4, 1)[1], sizes=SIZES),
    Case("unequal chunks", aten.split.Tensor,
         lambda x: torch.cat([x, x * x], 1).split(4, 1)[1], sizes=SIZES),
    Case("chunks of given sizes", aten.split_with_sizes.default,
         lambda x: x.split([1, 2], 1)[1], sizes=SIZES),
    Case("zeros around", aten.constant_pad_nd.default, lambda x: F.pad(x, (1, 2, 0, 3))),
    Case("a border cut off", aten.constant_pad_nd.default, lambda x: F.pad(x, (1, -1, -2, 0)),
         sizes=SIZES),
    Case("rolled", aten.roll.default, lambda x: torch.roll(x * x, (1, -2), (2, 3)), sizes=SIZES),
    Case("cat", aten.cat.default, lambda x: torch.cat([x, x * x, F.relu(x)], 1)),
    Case("cat, axis from the end", aten.cat.default, lambda x: torch.cat([x, x * x], -3)),
    Case("cat's gradient", aten.slice.Tensor, lambda x: torch.cat([x, x * x], 1)),
    Case("one channel", aten.slice.Tensor, lambda x: x[:, 1:2]),
    Case("every second channel", aten.slice.Tensor, lambda x: torch.cat([x, x], 1)[:, 1:5]),
    Case("slice's gradient", aten.slice_backward.default, lambda x: x[:, 1:2]),
    Case("slice's gradient, first", aten.slice_backward.default, lambda x: x[:, :1]),
    Case("slice's gradient, to the end", aten.slice_backward.default, lambda x: x[:, 1:]),
    Case("slice's gradient, from the end", aten.slice_backward.default, lambda x: x[:, -2:]),
    Case("slice's gradient, both from the end", aten.slice_backward.default, lambda x: x[:, -2:-1]),
    Case("slice's gradient, axis from the end", aten.slice_backward.default,
         lambda x: x.narrow(-3, 1, 1)),
    Case("sum", aten.sum.default, lambda x: x),
    Case("a sum for each channel", aten.sum.dim_IntList,
         lambda x: (x * x).sum((2, 3), keepdim=True)),
    Case("autograd's seed", aten.ones_like.default, lambda x: x),
    Case("a scalar's gradient", aten.expand.default, lambda x: x),
    Case("a channel's gradient", aten.expand.default,
         lambda x, y: (x * x).sum((2, 3), keepdim=True) * y, {"y": integers(1, 3, 1, 1)}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rule_is_pytorchs(case):
    trace = trace_layer(case.layer, case.parameters)
    assert case.operator in {node.target for node in trace.graph.nodes}
    running = {name: runner(write(trace, target)) for name, target in TARGETS.items()}
    constants = {name: tensor.double() for name, tensor in case.parameters.items()}
    for size in case.sizes:
        for kind, image in pictures(*size, case.lowest).items():
            truth = autograd(lambda x: half_square(case.layer(x, **constants)), image)
            for name, run in running.items():
                assert_same(run(image), truth, f"{name} target, {size[0]}x{size[1]}, {kind}")


def assert_same(found: tuple[float, Array], truth: tuple[float, np.ndarray], where: str) -> None:
    tolerance = 2e-6 * max(abs(truth[1]).max(), 1)
    np.testing.assert_allclose(found[1], truth[1], rtol=0, atol=tolerance, err_msg=where)
    np.testing.assert_allclose(found[0], truth[0], rtol=2e-6, atol=1e-6, err_msg=where)


def test_the_table_has_every_rule():
    assert {case.operator for case in CASES} == set(rules())


# --- Max pools, exhaustively ------------------------------------------------------------------

POOLS = {
    "3x3 s2 ceil": {"kernel_size": 3, "stride": 2, "ceil_mode": True},
    "3x3 s2": {"kernel_size": 3, "stride": 2},
    "3x3 s1 p1": {"kernel_size": 3, "stride": 1, "padding": 1},
    "2x2 s2 ceil": {"kernel_size": 2, "stride": 2, "ceil_mode": True},
    "2x2 s2": {"kernel_size": 2, "stride": 2},
    "3x3 s2 p1 ceil": {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    "3x3 s2 p1": {"kernel_size": 3, "stride": 2, "padding": 1},
}


@pytest.mark.parametrize("target", TARGET_NAMES)
@pytest.mark.parametrize("rectified", [True, False], ids=["relu", "any sign"])
@pytest.mark.parametrize("channels", [5, 32])  # ONNX Runtime blocks channels by 8 or 16
@pytest.mark.parametrize("pool", POOLS)
def test_max_pool_at_every_size(pool, channels, rectified, target):
    """A convolution before makes the channels, one after gives windows with equal maxima unequal
    gradients, so that one which goes to the wrong element is seen."""
    random = np.random.default_rng(channels)
    before = random.permutation(np.arange(channels * 3) % 3 - 1).reshape(channels, 3, 1, 1)
    after = random.integers(-2, 3, (2, channels, 3, 3))
    parameters = {
        "before": torch.from_numpy(before).float(),
        "after": torch.from_numpy(after).float(),
    }

    def layer(x: Tensor, before: Tensor, after: Tensor) -> Tensor:
        x = F.conv2d(x, before)
        x = F.relu(x) if rectified else x
        return F.conv2d(F.max_pool2d(x, **POOLS[pool]), after, padding=1)

    run = runner(write(trace_layer(layer, parameters), TARGETS[target]))
    constants = {name: tensor.double() for name, tensor in parameters.items()}
    for height, width in itertools.product(range(3, 13), repeat=2):
        if channels == 32 and (height + width) % 3:
            continue
        image = pictures(height, width, -2)["ties"]
        truth = autograd(lambda x: half_square(layer(x, **constants)), image)
        assert_same(run(image), truth, f"{height}x{width}")


# --- Refusals ---------------------------------------------------------------------------------


def test_a_second_rule_is_an_error():
    before = dict(rules())
    with pytest.raises(ValueError, match=r"aten\.relu\.default has two rules: relu and again"):

        @lowers(aten.relu.default)
        def again(emit, x):
            raise AssertionError

    assert dict(rules()) == before


def test_an_operator_without_rule_is_named_with_the_folder():
    with pytest.raises(DreamError, match=r"no lowering rule for aten\.sin\.default.*export/rules/"):
        rule_for(aten.sin.default)
    with pytest.raises(DreamError, match=r"no lowering rule for aten\.sin\.default"):
        lower(trace_layer(torch.sin), {})


REFUSED = {
    "a size as a factor": lambda x: x * (1 / x.shape[2]),
    "a size as a term": lambda x: x + x.shape[3],
    "a size as a power": lambda x: x ** x.shape[3],
    "a size as a factor of a term": lambda x: torch.add(x, x, alpha=x.shape[3]),
    "a slice up to a size": lambda x: x[:, :, : x.shape[2] // 2],
    "a slice from a size": lambda x: x[:, :, x.shape[2] // 2 :],
    "a slice of rows": lambda x: x[:, :, 2:4],  # its gradient is as high as the picture
    "a window as large as the picture": lambda x: F.max_pool2d(x, x.shape[2:]),
    "a shape of two unknown lengths": lambda x: (
        F.pad(x, (0, 3, 0, 3))
        .view(1, 3, x.shape[2] + 3, -1, 1)
        .expand(1, 3, x.shape[2] + 3, x.shape[3] + 3, 7)
    ),
    "rows rolled by a size": lambda x: torch.roll(x * x, x.shape[2] // 2, 2),
    "a border as wide as the picture": lambda x: F.pad(x, (x.shape[3], 0)),
    "a transposed convolution": lambda x: F.conv_transpose2d(x, torch.ones(3, 1, 2, 2)),
    "a convolution along one axis": lambda x: F.conv1d(x.flatten(2), torch.ones(1, 3, 1)),
    "means of windows that reach beyond": lambda x: F.avg_pool2d(x, 2, ceil_mode=True),
    "means that leave the border out": lambda x: F.avg_pool2d(
        x, 3, padding=1, count_include_pad=False
    ),
    "a batch norm by the picture's own statistics": lambda x: F.batch_norm(
        x, None, None, training=True
    ),
    "GELU by tanh": lambda x: F.gelu(x, approximate="tanh"),
    "what is written into a part": lambda x: torch.relu_((x * 1)[:, :1]),
    "the library's LRN": lambda x: F.local_response_norm(x, 5),
    "an infinite factor": lambda x: x * float("inf"),
    "a stepped slice": lambda x: x[:, ::2],
    "a pool with gaps": lambda x: F.max_pool2d(x, 2, stride=3),
    "a dilated pool": lambda x: F.max_pool2d(x, 2, dilation=2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_layer_beyond_the_rules_is_refused(name):
    with pytest.raises(DreamError, match=r"lowering rule|picture's size|not cover|no rule covers"):
        lower(trace_layer(REFUSED[name]), {})


def test_the_gradient_of_a_weight_is_refused():
    def layer(x: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(x, weight * x[:, :, 3:6, 3:6])  # the weight depends on the picture

    with pytest.raises(DreamError, match="does not cover"):
        lower(trace_layer(layer, {"weight": integers(2, 3, 3, 3)}), {"weight": "weight"})


def test_a_layer_that_depends_on_the_size_is_refused():
    def layer(x: Tensor) -> Tensor:
        return x * x if x.shape[2] > 100 else x

    with pytest.raises(DreamError, match="different operators at different picture sizes"):
        trace_layer(layer)
