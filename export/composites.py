"""Composites: operations that ONNX has no operator for, until a target expands them.

A lowering rule leaves them in the graph under the domain `deepdream`; passes can still recognise
them; `export/expansions/` has, for each target, how it writes each of them in plain ONNX.

| composite | inputs | value |
| --- | --- | --- |
| PositiveMask | y, never negative | 1 where y > 0, else 0 |
| MaxPoolGrad | grad of the pool's output, x, perhaps more | grad of the pool's input x, plus more |
| ConvInputGrad | grad of a strided convolution's output, weight, x | grad of its input x |
| FirstLayersGrad | grad of the first pool's output, x, weight, image | grad of the image |

FirstLayersGrad is MaxPoolGrad, then ConvInputGrad, of GoogLeNet's first pool and convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from ort_deepdream.export.emit import Emitter
from ort_deepdream.export.windows import Window

DOMAIN = "deepdream"


def positive_mask(emit: Emitter, y: ir.Value) -> ir.Value:
    """Append the mask of what is above zero in `y`: 1 there, else 0."""
    return emit.op("PositiveMask", [y], domain=DOMAIN)


def max_pool_grad(
    emit: Emitter, grad: ir.Value, x: ir.Value, row: Window, column: Window, *more: ir.Value
) -> ir.Value:
    """Append the gradient of a max pool of `x`, given its result's `grad`, plus all of `more`."""
    attributes: dict[str, int | list[int]] = {
        "kernel": [column.kernel, row.kernel],
        "stride": [column.stride, row.stride],
        "padding": [column.padding, row.padding],
        "ceil_mode": int(row.ceil_mode),
    }
    return emit.op("MaxPoolGrad", [grad, x, *more], attributes, domain=DOMAIN)


def conv_input_grad(
    emit: Emitter,
    grad: ir.Value,
    weight: ir.Value,
    x: ir.Value,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> ir.Value:
    """Append the gradient of a convolution with respect to its input `x`."""
    attributes: dict[str, int | list[int]] = {"stride": list(stride), "padding": list(padding)}
    attributes |= {"dilation": list(dilation), "groups": groups}
    return emit.op("ConvInputGrad", [grad, weight, x], attributes, domain=DOMAIN)


def first_layers_grad(
    emit: Emitter, grad: ir.Value, x: ir.Value, weight: ir.Value, image: ir.Value
) -> ir.Value:
    """Append the gradient of the first convolution, ReLU and pool with respect to `image`."""
    return emit.op("FirstLayersGrad", [grad, x, weight, image], domain=DOMAIN)


def unusual(dilation: Sequence[int], groups: int) -> dict[str, int | list[int]]:
    """Return the attributes of a convolution that are left out where they are 1."""
    dilations = {"dilations": list(dilation)} if set(dilation) != {1} else {}
    return {**dilations, **({"group": groups} if groups != 1 else {})}


@dataclass(frozen=True)
class Convolved:
    """The attributes of a ConvInputGrad, each along (down, across)."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    @property
    def is_usual(self) -> bool:
        """Whether it is of one group, without gaps in its kernel."""
        return self.groups == 1 and set(self.dilation) == {1}


def convolved(node: ir.Node) -> Convolved:
    """Return the attributes of a ConvInputGrad."""
    stride, padding, dilation = (
        tuple(node.attributes[key].as_ints()) for key in ("stride", "padding", "dilation")
    )
    return Convolved(stride, padding, dilation, node.attributes["groups"].as_int())


def is_composite(node: ir.Node | None, op_type: str) -> bool:
    """Tell whether `node` is the composite called `op_type`."""
    return node is not None and node.domain == DOMAIN and node.op_type == op_type


def pool_windows(node: ir.Node) -> tuple[Window, Window]:
    """Return the row's and the column's window of a MaxPoolGrad."""
    kernel, stride, padding = (
        node.attributes[k].as_ints() for k in ("kernel", "stride", "padding")
    )
    ceil_mode = bool(node.attributes["ceil_mode"].as_int())
    column, row = (Window(2 + i, kernel[i], stride[i], padding[i], ceil_mode) for i in (0, 1))
    return row, column
