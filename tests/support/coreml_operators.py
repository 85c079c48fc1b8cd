"""Which nodes of a graph CoreML's ML Programs do not have, by ONNX Runtime's own table."""

from __future__ import annotations

import json
from pathlib import Path

import onnx

TABLE = Path(__file__).parents[1] / "export/data/coreml_operators.json"
OPERATORS: dict[str, str] = json.loads(TABLE.read_text())["operators"]
MUST_BE_CONSTANT = {"Slice", "Split", "ConvTranspose"}  # all that they read but the first


def without_coreml(graph: onnx.GraphProto) -> list[str]:
    """One line for each node that is not in the table, or not under its conditions."""
    constant = {value.name for value in graph.initializer}
    constant |= {node.output[0] for node in graph.node if node.op_type == "Constant"}
    return [
        f"{node.op_type} {node.name or node.output[0]}: {reason}"
        for node in graph.node
        if node.op_type != "Constant" and (reason := _reason(node, constant)) is not None
    ]


def _reason(node: onnx.NodeProto, constant: set[str]) -> str | None:
    name = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}:{node.op_type}"
    if name not in OPERATORS:
        return "not in the table"
    attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    along = len(attributes.get("kernel_shape", attributes.get("strides", (1, 1))))
    computed = {value for value in node.input[1:] if value} - constant
    if name in MUST_BE_CONSTANT and computed:
        return f"{', '.join(sorted(computed))} is computed"
    if name in ("Conv", "ConvTranspose", "MaxPool", "AveragePool") and along > 2:
        return f"along {along} axes"
    if name == "MaxPool" and len(node.output) > 1:
        return "asks for indices"
    if name == "Conv" and len(node.input) > 2 and node.input[2] not in constant:
        return "its bias is computed"
    if name == "ConvTranspose" and any(attributes.get("output_padding", ())):
        return "pads its output"
    return None
