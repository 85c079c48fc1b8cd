"""A strided pool as one kernel.

    pool(pool(x, row), column)  ->  pool(x, row and column)

A lowering takes the maxima of rows, then of columns: it compares less, and the gradient may have
the rows'. At a stride of two the rows' maxima are half of x; to write and to read them costs more
than to compare nine elements for every fourth one.
"""

from __future__ import annotations

import onnx_ir as ir

from ort_deepdream.export.composites import is_composite, max_pool_grad, pool_windows
from ort_deepdream.export.emit import operands
from ort_deepdream.export.passes.rewrite import replace


def add_to_pool_grad(model: ir.Model) -> int:
    """Give sums with the gradient of a stride-1 pool to it, as its `more`; return how many.

    For an expansion that sums up anyway.
    """
    return sum(_add(model.graph, node) for node in tuple(model.graph))


def _add(graph: ir.Graph, node: ir.Node) -> bool:
    if node.op_type != "Add":
        return False
    for value, other in (operands(node), operands(node)[::-1]):
        pooled = value.producer()
        if pooled is None or not is_composite(pooled, "MaxPoolGrad") or len(value.uses()) != 1:
            continue
        windows, read = pool_windows(pooled), operands(pooled)
        if all(window.stride == 1 for window in windows):
            grad, x, *more = read
            replace(graph, node, lambda emit: max_pool_grad(emit, grad, x, *windows, *more, other))  # noqa: B023
            return True
    return False


def merge_pools(model: ir.Model) -> int:
    """Join pools of rows and of columns at any stride; return how many.

    For a provider to which a kernel is dear, and comparing is not.
    """
    return sum(_merge(model.graph, node, least_stride=1) for node in tuple(model.graph))


def merge_strided_pools(model: ir.Model) -> int:
    """Join a pool of rows and one of columns into one of both; return how many."""
    return sum(_merge(model.graph, node) for node in tuple(model.graph))


def _merge(graph: ir.Graph, node: ir.Node, least_stride: int = 2) -> bool:
    """Merge the pool of columns `node` with that of rows."""
    if node.op_type != "MaxPool":
        return False
    (maxima,) = operands(node)
    rows = maxima.producer()
    if rows is None or rows.op_type != "MaxPool" or len(rows.outputs) + len(node.outputs) > 2:
        return False
    if len(maxima.uses()) != 1 or maxima.is_graph_output():
        return False
    (of_row, by_row), (of_column, by_column) = _window(rows), _window(node)
    if (of_row[0], of_column[1], by_row[0], by_column[1]) != (1, 1, 1, 1):
        return False
    if min(by_row[1], by_column[0]) < least_stride or _rounds_up(rows) != _rounds_up(node):
        return False
    (_, left, _, right), (top, _, bottom, _) = _pads(rows), _pads(node)
    x = operands(rows)[0]
    replace(
        graph,
        node,
        lambda emit: emit.MaxPool(
            x,
            kernel_shape=[of_column[0], of_row[1]],
            strides=[by_column[0], by_row[1]],
            pads=[top, left, bottom, right],
            ceil_mode=_rounds_up(node),
        ),
    )
    return True


def _window(node: ir.Node) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return kernel and strides, each (down, across)."""
    kernel = tuple(node.attributes["kernel_shape"].as_ints())
    strides = node.attributes.get("strides")
    return kernel, tuple(strides.as_ints()) if strides is not None else (1, 1)


def _pads(node: ir.Node) -> tuple[int, ...]:
    pads = node.attributes.get("pads")
    return tuple(pads.as_ints()) if pads is not None else (0, 0, 0, 0)


def _rounds_up(node: ir.Node) -> int:
    mode = node.attributes.get("ceil_mode")
    return mode.as_int() if mode is not None else 0
