"""How each graph target writes the composites in plain ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import onnx_ir as ir
from onnx_ir.convenience import replace_all_uses_with

from ort_deepdream.export.composites import DOMAIN
from ort_deepdream.export.emit import Emitter

Expansion = Callable[[Emitter, ir.Node], ir.Value]


def expand(model: ir.Model, expansions: Mapping[str, Expansion]) -> None:
    """Replace every composite in `model` by its expansion."""
    graph = model.graph
    emit = Emitter(graph)
    for node in tuple(graph):
        if node.domain != DOMAIN:
            continue
        before = len(emit.nodes)
        value = expansions[node.op_type](emit, node)
        made = emit.nodes[before:]
        for number, new in enumerate(made):
            new.name = f"{node.name}/{number}_{new.op_type}"
        graph.insert_before(node, made)
        value.shape, value.type = node.outputs[0].shape, node.outputs[0].type
        replace_all_uses_with(node.outputs[0], value)
        graph.remove(node, safe=True)
    for constant in emit.initializers:
        graph.register_initializer(constant)
