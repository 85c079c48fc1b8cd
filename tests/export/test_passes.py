"""Each pass alone, on tiny traced layers: what it rewrites, what it leaves, the same numbers."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import torch
import torch.nn.functional as F
from graphs import Layer, autograd, half_square, runner, seeded, session, trace_layer
from torch import Tensor

from ort_deepdream.export.composites import DOMAIN
from ort_deepdream.export.emit import Emitter, operands
from ort_deepdream.export.expansions import cuda, cuda_half, expand, portable
from ort_deepdream.export.lower import lower
from ort_deepdream.export.model_file import export_gradient
from ort_deepdream.export.network import LocalResponseNorm
from ort_deepdream.export.objective import Term, objective
from ort_deepdream.export.passes import (
    arithmetic,
    bands,
    first_layer,
    fusions,
    masks,
    norm,
    order,
    pools,
    powers,
    sums,
)
from ort_deepdream.export.passes.dimensions import measure_by_image, name_dimensions, weight_shape
from ort_deepdream.export.targets import TARGETS, share_and_prune
from ort_deepdream.export.weights import build_network

Change = Callable[[ir.Model], int]


def lowered(layer: Layer, **parameters: Tensor) -> ir.Model:
    trace = trace_layer(layer, parameters)
    model = lower(trace, {name: name for name in trace.tensors})
    share_and_prune(model)
    return model


def kinds(model: ir.Model) -> collections.Counter[str]:
    return collections.Counter(node.op_type for node in model.graph)


def weights(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(list(shape)).normal(size=shape)).float()


def changed(change: Change, layer: Layer, **parameters: Tensor) -> tuple[int, ir.Model]:
    """How often `change` applies to the layer's graph; the graph still computes the gradient."""
    model = lowered(layer, **parameters)
    times = change(model)
    share_and_prune(model)
    after = model.clone()
    expansions = {**portable.EXPANSIONS, **_first_layers()}
    expand(after, expansions)
    run = runner(after)
    double = {name: tensor.double() for name, tensor in parameters.items()}
    for height, width in ((9, 12), (16, 7)):
        image = np.random.default_rng(height).normal(size=(1, 3, height, width)).astype(np.float32)
        value, gradient = run(image)
        truth_value, truth = autograd(lambda x: half_square(layer(x, **double)), image)
        np.testing.assert_allclose(gradient, truth, atol=2e-6 * max(abs(truth).max(), 1))
        assert value == pytest.approx(truth_value, rel=1e-5)
    return times, model


def _first_layers() -> dict[str, Callable[[Emitter, ir.Node], ir.Value]]:
    name = "FirstLayersGrad"
    return {name: TARGETS["cpu"].expansions[name]}


# --- arithmetic -------------------------------------------------------------------------------


def test_factors_are_merged():
    times, model = changed(arithmetic.merge_constant_factors, lambda x: x * 3 * 0.5 * 4)
    assert times > 0
    assert kinds(model)["Add"] == 0  # g x + g x is 2 g x


def test_a_factor_for_each_channel_is_no_scalar():
    _, model = changed(
        arithmetic.merge_constant_factors, lambda x, y: x * y * 2, y=weights(1, 3, 1, 1)
    )
    users = [
        node for node in model.graph if any(v is not None and v.name == "y" for v in node.inputs)
    ]
    assert users


def test_a_sum_with_the_same_twice_becomes_a_factor():
    def layer(x: Tensor, a: Tensor) -> Tensor:
        return x * F.conv2d(x * x, a)  # its gradient ends in (y + z) + z

    times, model = changed(arithmetic.merge_constant_factors, layer, a=weights(3, 3, 1, 1))
    assert times > 0
    assert kinds(model)["Add"] == 1


# --- norm -------------------------------------------------------------------------------------


def share_after_merging(model: ir.Model) -> int:
    arithmetic.merge_constant_factors(model)  # the power's exponent stands between
    return norm.share_scaled_gradient(model)


def test_the_scaled_gradient_is_shared():
    def normed(x: Tensor, a: Tensor) -> Tensor:
        return x * (F.conv2d(x * x, a) + 1).pow(-0.75)

    times, model = changed(share_after_merging, normed, a=weights(3, 3, 1, 1).abs())
    assert times == 1
    divided = [node.inputs[0] for node in model.graph if node.op_type == "Div"]
    assert model.graph.inputs[0] in divided  # x / d, beside the power's own quotient
    assert len(divided) == 2


def test_another_power_stays():
    def powered(x: Tensor, a: Tensor) -> Tensor:
        return (F.conv2d(x * x, a) + 1).pow(-0.75)  # no product with the power to share

    assert changed(share_after_merging, powered, a=weights(3, 3, 1, 1).abs())[0] == 0


# --- masks ------------------------------------------------------------------------------------


def block(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.cat([F.relu(F.conv2d(x, a)), F.relu(F.conv2d(x, b))], 1)


def test_masks_of_a_concatenations_parts_become_one():
    times, model = changed(
        masks.mask_before_slice, block, a=weights(4, 3, 1, 1), b=weights(2, 3, 1, 1)
    )
    assert times == 2
    assert kinds(model)["PositiveMask"] == 1


@pytest.mark.parametrize(
    "layer",
    [
        lambda x, a, b: F.relu(F.conv2d(x, a))[:, 1:3],  # a slice, but no concatenation
        lambda x, a, b: torch.cat([F.conv2d(x, a), F.conv2d(x, b)], 1),  # no masks
        lambda x, a, b: F.relu(torch.cat([F.conv2d(x, a), F.conv2d(x, b)], 1)),  # one already
        lambda x, a, b: F.relu(F.conv2d(x, a)),
    ],
    ids=["a slice alone", "not rectified", "rectified as a whole", "no concatenation"],
)
def test_other_masks_stay_where_they_are(layer):
    times, _ = changed(masks.mask_before_slice, layer, a=weights(4, 3, 1, 1), b=weights(2, 3, 1, 1))
    assert times == 0


@pytest.mark.parametrize(
    ("layer", "idle"),
    [
        (lambda x, a: F.relu(F.conv2d(x, a)), 1),  # half its square, whose gradient it is itself
        (lambda x, a: F.relu(F.conv2d(x, a)) * 3, 1),
        (lambda x, a: F.conv2d(F.relu(x), a), 0),
        (lambda x, a: F.relu(F.conv2d(x, a)) + 1, 0),
    ],
    ids=["the value itself", "with a factor", "another gradient", "moved from zero"],
)
def test_a_mask_of_what_is_zero_already_goes(layer, idle):
    times, model = changed(masks.drop_idle_masks, layer, a=weights(4, 3, 1, 1))
    assert times == idle
    assert kinds(model)["PositiveMask"] == 1 - idle


def pooled(x: Tensor, a: Tensor) -> Tensor:
    return F.max_pool2d(F.relu(F.conv2d(x, a)), 3, stride=2, ceil_mode=True)


def test_a_mask_moves_before_a_pools_gradient():
    times, model = changed(masks.mask_before_pool, pooled, a=weights(4, 3, 1, 1))
    assert times == 1
    order = [node.op_type for node in model.graph]
    assert order.index("PositiveMask") < order.index("MaxPoolGrad")


def test_a_mask_moves_through_a_norm():
    def normed(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
        x = F.relu(F.conv2d(x, a))
        return F.max_pool2d(x * F.conv2d(x * x, b).pow(-0.75), 3, stride=2, ceil_mode=True)

    band = weights(4, 4, 1, 1).abs() + 0.1
    times, model = changed(masks.mask_before_pool, normed, a=weights(4, 3, 1, 1), b=band)
    assert times == 1
    order = [node.op_type for node in model.graph]
    assert order.index("PositiveMask") < order.index("MaxPoolGrad")


@pytest.mark.parametrize(
    "layer",
    [
        lambda x, a: F.max_pool2d(F.conv2d(x, a), 3, stride=2),
        lambda x, a: F.relu(F.max_pool2d(F.conv2d(x, a), 3, stride=2)),
        lambda x, a: F.relu(F.conv2d(x, a)),
        lambda x, a: F.max_pool2d(F.relu(F.conv2d(x, a)) + 1.5, 3, stride=2),
        lambda x, a: (y := F.relu(F.conv2d(x, a))) + F.max_pool2d(y, 3, stride=1, padding=1),
    ],
    ids=[
        "not rectified",
        "rectified after the pool",
        "no pool",
        "something between",
        "beside another",
    ],
)
def test_other_masks_stay_behind_pools(layer):
    assert changed(masks.mask_before_pool, layer, a=weights(4, 3, 1, 1))[0] == 0


# --- the first layers -------------------------------------------------------------------------


def first(x: Tensor, a: Tensor) -> Tensor:
    return F.max_pool2d(F.relu(F.conv2d(x, a, stride=2, padding=3)), 3, stride=2, ceil_mode=True)


def fuse(model: ir.Model) -> int:
    masks.mask_before_pool(model)
    share_and_prune(model)
    return first_layer.fuse_first_layers(model)


def test_the_first_layers_become_one():
    times, model = changed(fuse, first, a=weights(64, 3, 7, 7))
    assert times == 1
    assert kinds(model)["FirstLayersGrad"] == 1
    assert not kinds(model)["ConvInputGrad"]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda x, a: F.relu(F.conv2d(x, a, stride=2, padding=3)), (64, 3, 7, 7)),
        (first, (64, 3, 5, 5)),
        (first, (16, 3, 7, 7)),
        (
            lambda x, a: F.max_pool2d(
                F.conv2d(x, a, stride=2, padding=3), 3, stride=2, ceil_mode=True
            ),
            (64, 3, 7, 7),
        ),
        (
            lambda x, a: F.max_pool2d(F.relu(F.conv2d(x, a, stride=2, padding=3)), 3, stride=2),
            (64, 3, 7, 7),
        ),
    ],
    ids=["no pool", "5x5", "16 channels", "not rectified", "rounding down"],
)
def test_other_first_layers_stay(layer, shape):
    assert changed(fuse, layer, a=weights(*shape))[0] == 0


# --- bands ------------------------------------------------------------------------------------


def matrix_layer(x: Tensor, a: Tensor, band: Tensor) -> Tensor:
    return F.conv2d(F.conv2d(x, a), band)


def band(channels: int) -> Tensor:
    return LocalResponseNorm(channels).band * 1e4


def toeplitz(channels: int, rows: dict[int, float]) -> Tensor:
    """A matrix with one number along each of some diagonals."""
    diagonals = (torch.full((channels - abs(o),), value) for o, value in rows.items())
    matrix = sum(torch.diag(d, o) for d, o in zip(diagonals, rows, strict=True))
    assert isinstance(matrix, Tensor)
    return matrix[:, :, None, None]


def volumes(model: ir.Model) -> list[list[int]]:
    """The windows of convolutions in three dimensions."""
    shapes = [weight_shape(operands(n)[1]) for n in model.graph if n.op_type == "Conv"]
    return [shape[2:] for shape in shapes if len(shape) == 5]


@pytest.mark.parametrize(
    ("matrix", "window"),
    [
        (band(24), [5, 1, 1]),
        (toeplitz(16, {-1: 0.25, 0: 1.0, 2: -0.5}), [5, 1, 1]),
        (toeplitz(16, {0: 3.0}), [1, 1, 1]),
    ],
    ids=["LRN's", "uneven", "a diagonal"],
)
def test_a_band_becomes_a_convolution_along_the_channels(matrix, window):
    layer = {"a": weights(len(matrix), 3, 1, 1), "band": matrix}
    times, model = changed(bands.convolve_along_channels, matrix_layer, **layer)
    assert times == 2  # forward and backward, where an uneven one is turned round
    assert volumes(model) == [window, window]


def test_a_product_is_made_where_the_band_is():
    def layer(x: Tensor, a: Tensor, band: Tensor, offset: Tensor) -> Tensor:
        wide = F.conv2d(x, a)
        return F.conv2d(wide * wide, band, offset)

    given = {"a": weights(24, 3, 1, 1), "band": band(24), "offset": torch.full((24,), 2.0)}
    times, model = changed(bands.convolve_along_channels, layer, **given)
    assert times == 2
    squares = [n for n in model.graph if n.op_type == "Mul" and n.inputs[0] is n.inputs[1]]
    made_of = [{value.producer().op_type for value in node.inputs} for node in squares]
    assert {"Unsqueeze"} in made_of


@pytest.mark.parametrize(
    "matrix",
    [
        weights(96, 96, 1, 1),
        band(8),
        band(96) * weights(96, 96, 1, 1),
        weights(96, 192, 1, 1) * 0,
    ],
    ids=["dense", "mostly band", "rows that differ", "not square"],
)
def test_other_matrices_stay(matrix):
    layer = {"a": weights(matrix.shape[1], 3, 1, 1), "band": matrix}
    assert changed(bands.convolve_along_channels, matrix_layer, **layer)[0] == 0


@pytest.mark.parametrize("options", [{"stride": 2}, {"padding": 1}], ids=str)
def test_a_band_with_a_stride_or_padding_stays(options):
    def layer(x: Tensor, a: Tensor, band: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(x, a), band, **options)

    given = {"a": weights(24, 3, 1, 1), "band": band(24)}
    times, model = changed(bands.convolve_along_channels, layer, **given)
    assert (times, volumes(model)) == (0, [])


def test_a_band_with_an_offset_for_each_channel_stays():
    def layer(x: Tensor, a: Tensor, band: Tensor, offset: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(x, a), band, offset)

    given = {"a": weights(24, 3, 1, 1), "band": band(24), "offset": weights(24)}
    times, model = changed(bands.convolve_along_channels, layer, **given)
    assert times == len(volumes(model)) == 1  # the gradient's has none


@pytest.mark.parametrize(
    ("matrix", "times"),
    [(band(24), 2), (toeplitz(16, {-1: 0.25, 0: 1.0, 2: -0.5}), 0), (weights(96, 96, 1, 1), 0)],
    ids=["LRN's", "uneven", "dense"],
)
def test_a_band_of_one_number_is_computed(matrix, times):
    layer = {"a": weights(len(matrix), 3, 1, 1), "band": matrix}
    found, model = changed(bands.compute_bands, matrix_layer, **layer)
    assert found == times
    stored = sum(value.const_value.size for value in model.graph.initializers.values())
    assert (stored < matrix.numel()) == (times > 0)


# --- pools ------------------------------------------------------------------------------------


def pool_layer(**options: Any) -> Layer:
    return lambda x, a: F.max_pool2d(F.conv2d(x, a), **options)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "stride": 2, "ceil_mode": True},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": (3, 2), "stride": 2},
    ],
    ids=str,
)
def test_a_strided_pool_becomes_one_kernel(options):
    times, model = changed(pools.merge_strided_pools, pool_layer(**options), a=weights(8, 3, 1, 1))
    assert times == kinds(model)["MaxPool"] == 1


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "stride": 1, "padding": 1},
        {"kernel_size": 3, "stride": (2, 1)},
        {"kernel_size": 3, "stride": (1, 2)},
    ],
    ids=str,
)
def test_a_pool_of_every_row_or_column_stays_two(options):
    times, model = changed(pools.merge_strided_pools, pool_layer(**options), a=weights(8, 3, 1, 1))
    assert (times, kinds(model)["MaxPool"]) == (0, 2)


def test_a_pool_whose_rows_have_another_reader_stays_two():
    model = lowered(pool_layer(kernel_size=3, stride=2), a=weights(8, 3, 1, 1))
    rows = next(node for node in model.graph if node.op_type == "MaxPool")
    model.graph.outputs.append(rows.outputs[0])
    assert pools.merge_strided_pools(model) == 0


@pytest.mark.parametrize("stride", [1, 2])
def test_where_kernels_are_dear_any_pool_becomes_one(stride):
    layer = pool_layer(kernel_size=3, stride=stride, padding=1)
    times, model = changed(pools.merge_pools, layer, a=weights(8, 3, 1, 1))
    assert times == kinds(model)["MaxPool"] == 1


@pytest.mark.parametrize("elsewhere", [False, True])
def test_joined_relus_become_one(elsewhere):
    """But for one that is read elsewhere too: it is rectified, and once more with the others."""

    def layer(x: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        y, z, w = (F.relu(F.conv2d(x, each)) for each in (a, -a, b))
        joined = torch.cat([y, z, w], 1)
        return joined + F.conv2d(w, c) if elsewhere else joined

    def change(model: ir.Model) -> int:
        masks.mask_before_slice(model)
        share_and_prune(model)
        return fusions.merge_relus(model)

    parameters = {"a": weights(4, 3, 1, 1), "b": weights(5, 3, 1, 1), "c": weights(13, 5, 1, 1)}
    times, model = changed(change, layer, **parameters)
    assert times == 1
    assert kinds(model)["Relu"] == 1 + elsewhere


def test_pools_with_indices_stay_two():
    """Their maxima are looked for in another order, and ties go to another element."""
    model = lowered(pool_layer(kernel_size=3, stride=2), a=weights(8, 3, 1, 1))
    expand(model, TARGETS["cuda"].expansions)
    assert kinds(model)["MaxPool"] == 4
    pools.merge_pools(model)
    share_and_prune(model)
    assert kinds(model)["MaxPool"] == 3


def beside_a_pool(**options: Any) -> Layer:
    def layer(x: Tensor, a: Tensor) -> Tensor:
        y = F.relu(F.conv2d(x, a))
        return torch.cat([F.max_pool2d(y, 3, **options).sum((2, 3), keepdim=True) * y, y], 1)

    return layer


def test_a_sum_joins_the_gradient_of_a_pool_of_every_element():
    model = lowered(beside_a_pool(stride=1, padding=1), a=weights(4, 3, 1, 1))
    assert pools.add_to_pool_grad(model) == 1
    share_and_prune(model)
    (pooled,) = [node for node in model.graph if node.op_type == "MaxPoolGrad"]
    assert len(pooled.inputs) == 3


@pytest.mark.parametrize(
    ("layer", "times"),
    [
        (beside_a_pool(stride=2), 0),
        (lambda x, a: F.max_pool2d(F.conv2d(x, a), 3, stride=1, padding=1), 0),
    ],
    ids=["a strided pool", "no sum"],
)
def test_other_sums_stay_beside_pools(layer, times):
    assert pools.add_to_pool_grad(lowered(layer, a=weights(4, 3, 1, 1))) == times


@pytest.mark.parametrize("expansions", [cuda.EXPANSIONS, cuda_half.EXPANSIONS], ids=["add", "put"])
@pytest.mark.parametrize("options", [{"stride": 1, "padding": 1}, {"stride": 2}], ids=str)
def test_more_is_added_to_the_gradient_of_a_pool(options, expansions):
    """By each target that may be given such a composite."""
    layer, a = beside_a_pool(**options), weights(4, 3, 1, 1)
    model = lowered(layer, a=a)
    pools.add_to_pool_grad(model)
    expand(model, expansions)
    for kind in (lambda x: x, np.round, np.zeros_like):
        image = kind(np.random.default_rng(3).normal(size=(1, 3, 11, 14)).astype(np.float32))
        value, gradient = runner(model)(image)
        truth_value, truth = autograd(lambda x: half_square(layer(x, a.double())), image)
        np.testing.assert_allclose(gradient, truth, atol=1e-5 * max(abs(truth).max(), 1))
        assert value == pytest.approx(truth_value, rel=1e-5)


# --- powers, fusions, order -------------------------------------------------------------------


def test_a_root_of_a_root_over_itself_is_a_power():
    def powered(x: Tensor, a: Tensor) -> Tensor:
        return (F.conv2d(x * x, a) + 1).pow(-0.75)

    times, model = changed(powers.write_powers, powered, a=weights(3, 3, 1, 1).abs())
    assert times == 1
    assert kinds(model)["Pow"] == 1
    assert kinds(model)["Sqrt"] == 0


def test_other_quotients_stay():
    def divided(x: Tensor, a: Tensor) -> Tensor:
        return (F.conv2d(x * x, a) + 1).pow(-1.75)

    # Its second quotient is of a power already.
    assert changed(powers.write_powers, divided, a=weights(3, 3, 1, 1).abs())[0] == 1


def test_a_relu_joins_its_convolution():
    times, model = changed(
        fusions.fuse_relu, lambda x, a: F.relu(F.conv2d(x, a, padding=1)), a=weights(4, 3, 3, 3)
    )
    assert times == kinds(model)["FusedConv"] == 1
    assert kinds(model)["Relu"] == 0


@pytest.mark.parametrize(
    "layer",
    [
        lambda x, a: (y := F.conv2d(x, a)) * F.relu(y),
        lambda x, a: F.relu(F.max_pool2d(F.conv2d(x, a), 2)),
    ],
    ids=["another reader", "a pool between"],
)
def test_other_relus_stay(layer):
    assert changed(fusions.fuse_relu, layer, a=weights(4, 3, 1, 1))[0] == 0


def test_nodes_are_in_the_order_of_their_depth():
    times, model = changed(
        order.order_by_depth, reduced, a=weights(4, 3, 1, 1), b=weights(4, 3, 1, 1)
    )
    assert times == len(model.graph)
    depth = {}
    for node in model.graph:
        made_by = [value.producer() for value in node.inputs if value is not None]
        depth[node] = 1 + max((depth[maker] for maker in made_by if maker is not None), default=0)
    assert list(depth.values()) == sorted(depth.values())


def test_masks_of_what_is_joined_become_one():
    def joined(model: ir.Model) -> int:
        sums.merge_all_pointwise_sums(model)
        share_and_prune(model)
        return masks.mask_after_concat(model)

    layers = {"a": weights(3, 3, 1, 1), "b": weights(5, 3, 1, 1)}
    times, model = changed(joined, reduced, **layers)
    assert times == 1
    assert kinds(model)["PositiveMask"] == 1


def test_an_unmasked_part_keeps_the_others_masks():
    def joined(model: ir.Model) -> int:
        sums.merge_all_pointwise_sums(model)
        share_and_prune(model)
        return masks.mask_after_concat(model)

    def half_rectified(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return torch.cat([F.relu(F.conv2d(x, a)) * 2, F.conv2d(x, b) * 3], 1)

    layers = {"a": weights(3, 3, 1, 1), "b": weights(5, 3, 1, 1)}
    assert changed(joined, half_rectified, **layers)[0] == 0


# --- sums of 1x1 convolutions -----------------------------------------------------------------


def reduced(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.cat([F.relu(F.conv2d(x, a)) * 2, F.relu(F.conv2d(x, b)) * 3], 1)


def test_a_sum_of_pointwise_gradients_becomes_one_convolution():
    layers = {"a": weights(16, 3, 1, 1), "b": weights(32, 3, 1, 1)}
    times, model = changed(sums.merge_pointwise_sums, reduced, **layers)
    assert times == 1
    assert kinds(model)["Conv"] == 3  # two forward, one backward
    assert kinds(model)["Add"] == kinds(lowered(reduced, **layers))["Add"] - 1


def test_what_else_a_sum_adds_stays_in_it():
    def layer(x: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        return torch.cat([reduced(x, a, b), F.relu(F.conv2d(x, c, padding=1))], 1)

    layers = {"a": weights(16, 3, 1, 1), "b": weights(32, 3, 1, 1), "c": weights(16, 3, 3, 3)}
    times, model = changed(sums.merge_pointwise_sums, layer, **layers)
    assert times == 1
    assert kinds(model)["Conv"] == 5
    assert kinds(model)["Add"] == kinds(lowered(layer, **layers))["Add"] - 1


@pytest.mark.parametrize(
    "shapes",
    [((24, 3, 1, 1), (32, 3, 1, 1)), ((16, 3, 1, 1), (32, 3, 3, 3))],
    ids=["blocks not filled", "one is 3x3"],
)
def test_other_sums_stay(shapes):
    def layer(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
        one, other = F.relu(F.conv2d(x, a)), F.relu(F.conv2d(x, b, padding=b.shape[2] // 2))
        return torch.cat([one * 2, other * 3], 1)

    a, b = (weights(*shape) for shape in shapes)
    assert changed(sums.merge_pointwise_sums, layer, a=a, b=b)[0] == 0


# --- names of sizes ---------------------------------------------------------------------------

CHAINS = {
    "GoogLeNet's": [(7, 2, 3, None), (3, 2, 0, True), (3, 1, 1, None), (3, 2, 0, True)],
    "deep": [(7, 2, 3, None), *[(3, 2, 0, True)] * 3, (2, 2, 0, True)],
    "rounding down": [(3, 2, 1, None), (3, 2, 0, False), (2, 2, 0, False)],
    "padded, rounding up": [(3, 2, 1, True), (3, 2, 1, True), (5, 1, 2, None)],
    "apart by one": [(3, 1, 0, None), (2, 2, 0, True), (2, 1, 1, None)],
}


def chain(steps: list[tuple[int, int, int, bool | None]]) -> ir.Model:
    """Steps (kernel, stride, padding, ceil_mode); without a ceil_mode it is a convolution."""
    emit = Emitter()
    image = ir.Value(name="image", type=ir.TensorType(ir.DataType.FLOAT))
    image.shape = ir.Shape([1, 3, "height", "width"])
    x, values = image, []
    for number, (kernel, stride, padding, ceil_mode) in enumerate(steps):
        options = {"strides": [stride] * 2, "pads": [padding] * 4}
        if ceil_mode is None:
            x = emit.Conv(x, emit.floats(np.ones((3, 3, kernel, kernel))), **options)
        else:
            x = emit.MaxPool(x, kernel_shape=[kernel] * 2, ceil_mode=int(ceil_mode), **options)
        x.name = f"value_{number}"
        values.append(x)
        relu = emit.Relu(x)
        relu.name = f"relu_{number}"
        values.append(relu)
    graph = ir.Graph(
        [image],
        values,
        nodes=emit.nodes,
        initializers=emit.initializers,
        opset_imports={"": 18},
        name="g",
    )
    return ir.Model(graph, ir_version=10)


@pytest.mark.parametrize("name", CHAINS)
def test_equal_names_are_equal_sizes(name):
    model = chain(CHAINS[name])
    name_dimensions(model)
    assert all(value.shape is not None for value in model.graph.outputs)
    names = [str(value.shape[2]) for value in model.graph.outputs]
    widths = [str(value.shape[3]) for value in model.graph.outputs]
    assert [w.replace("width", "height") for w in widths] == names
    assert names[0] == names[1]  # a ReLU's size is its input's
    running = session(model)
    sizes: dict[str, list[int]] = collections.defaultdict(list)
    for side in range(24, 201):
        seen: dict[str, int] = {"height": side}
        found = running.run(None, {"image": np.zeros((1, 3, side, 24), np.float32)})
        for dimension, value in zip(names, found, strict=True):
            assert seen.setdefault(dimension, value.shape[2]) == value.shape[2], (dimension, side)
        for dimension, size in seen.items():
            sizes[dimension].append(size)
    rows = [tuple(row) for row in sizes.values()]
    assert len(set(rows)) == len(rows)  # and what is always equal has one name


@pytest.mark.parametrize("name", CHAINS)
def test_a_size_follows_from_the_images(name):
    model = chain(CHAINS[name])
    emit = Emitter()
    asked = [emit.Identity(emit.Shape(value, start=2)) for value in model.graph.outputs]
    for number, size in enumerate(asked):
        size.name = f"size_{number}"
        size.type, size.shape = ir.TensorType(ir.DataType.INT64), ir.Shape([2])
    model.graph.extend(emit.nodes)
    model.graph.outputs.extend(asked)
    assert measure_by_image(model) == len(asked)
    share_and_prune(model)
    assert {n.inputs[0].name for n in model.graph if n.op_type == "Shape"} == {"image"}
    running = session(model)
    for height, width in ((24, 131), (77, 64), (200, 33)):
        image = np.zeros((1, 3, height, width), np.float32)
        found = running.run(None, {"image": image})
        for value, size in zip(found[: len(asked)], found[len(asked) :], strict=True):
            assert list(value.shape[2:]) == size.tolist()


# --- each pass may be left out ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "left_out"),
    [
        (kind, change.__name__)
        for kind in ("passes", "finishing")
        for change in getattr(TARGETS["cpu"], kind)
    ],
)
def test_without_a_pass_the_gradient_is_the_same(kind, left_out):
    target = TARGETS["cpu"]
    passes = tuple(p for p in getattr(target, kind) if p.__name__ != left_out)
    assert len(passes) == len(getattr(target, kind)) - 1
    shorter = dataclasses.replace(target, **{kind: passes})
    model = export_gradient(seeded(), ["inception_3a/output"], shorter)
    assert not any(node.domain == DOMAIN for node in model.graph)
    image = np.random.default_rng(0).uniform(-100, 100, (1, 3, 45, 38)).astype(np.float32)
    truth = objective(build_network(seeded()).double(), [Term("inception_3a/output")])
    expected_value, expected = autograd(truth, image)
    value, gradient = runner(model)(image)
    error = np.linalg.norm(gradient - expected) / np.linalg.norm(expected)
    assert error < 1e-4
    assert value == pytest.approx(expected_value, rel=1e-5)
