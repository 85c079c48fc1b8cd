"""Which nodes of a graph CUDA has no kernel for, or another provider, by ONNX Runtime's own table.

A graph that was written without a GPU at hand may hold an operator that CUDA cannot run in its
version or its type; ONNX Runtime then moves the node to the CPU, and the picture with it. This says
so on any machine.

ONNX Runtime looks a kernel up by the version in which the operator's schema last changed at or
before the model's opset. A kernel registered with an end serves a range of those; one without an
end serves exactly the version that it names, so that an operator whose schema changes has no kernel
until one is written (`VerifyVersion` in onnxruntime/core/framework/kernel_registry.cc).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, defs, shape_inference

TABLE = Path(__file__).parents[1] / "export/data/cuda_kernels.json"

# ONNX Runtime's own operators, and the type of their kernels; tests/cuda has them placed.
OWN = {("com.microsoft", "FusedConv"): "float"}

Types = dict[str, str]  # of each value: "float16"
Kernels = dict[str, list[dict[str, Any]]]
Own = Mapping[tuple[str, str], str]


@functools.cache
def table() -> Kernels:
    """The documented kernels; the file says where they are from."""
    return read_kernels(TABLE)


def read_kernels(path: Path) -> Kernels:
    """The kernels in a file such as TABLE."""
    kernels: Kernels = json.loads(path.read_text())["kernels"]
    return kernels


def without_cuda_kernel(model: onnx.ModelProto) -> list[str]:
    """One line for each node that CUDA has no kernel for."""
    return without_kernel(model, table(), "CUDA", OWN)


def without_kernel(
    model: onnx.ModelProto, kernels: Kernels, provider: str, own: Own | None = None
) -> list[str]:
    """One line for each node that has none of `kernels`, nor any of ONNX Runtime's own in `own`."""
    opset = next(entry.version for entry in model.opset_import if entry.domain == "")
    types = _types(shape_inference.infer_shapes(model, check_type=True, strict_mode=True))
    lines = [
        f"{node.name or node.output[0]}: {reason}"
        for node in model.graph.node
        if (reason := _reason(node, opset, types, kernels, own or {})) is not None
    ]
    return [line.replace("has no kernel", f"has no {provider} kernel") for line in lines]


def _reason(
    node: onnx.NodeProto, opset: int, types: Types, kernels: Kernels, own: Own
) -> str | None:
    if (node.domain, node.op_type) in own:
        given = {types[name] for name in node.input if name}
        wrong = given - {own[node.domain, node.op_type]}
        return f"{node.op_type} has no kernel for {', '.join(sorted(wrong))}" if wrong else None
    if node.domain not in ("", "ai.onnx"):
        return f"{node.domain}.{node.op_type} is not an operator of ai.onnx"
    if any(attribute.type == onnx.AttributeProto.GRAPH for attribute in node.attribute):
        return f"{node.op_type} holds a graph of its own, which is not looked into"
    if node.op_type == "Constant":  # an initializer, by the time kernels are looked for
        return None
    schema = defs.get_schema(node.op_type, opset)
    of_version = [row for row in kernels.get(node.op_type, []) if _serves(row, schema)]
    if not of_version:
        known = ", ".join(str(row["since"]) for row in kernels.get(node.op_type, []))
        return f"{node.op_type} of version {schema.since_version} (opset {opset}) has no kernel" + (
            f", only those from version {known}" if known else " of any version"
        )
    parameters = dict(_parameters(node, schema, types))
    if any(_takes(row, parameters) for row in of_version):
        return None
    given = ", ".join(f"{name} = {found}" for name, found in sorted(parameters.items()))
    return f"{node.op_type} of version {schema.since_version} has no kernel for {given}"


def _serves(row: dict[str, Any], schema: defs.OpSchema) -> bool:
    since, until, version = row["since"], row["until"], schema.since_version
    return bool(version == since if until is None else since <= version <= until)


def _takes(row: dict[str, Any], parameters: Types) -> bool:
    """Every parameter that the row restricts has one of the types that it lists."""
    return all(
        parameters[name] in listed.split()
        for name, listed in row["types"].items()
        if name in parameters
    )


def _parameters(
    node: onnx.NodeProto, schema: defs.OpSchema, types: Types
) -> Iterator[tuple[str, str]]:
    """The type of each type parameter; the documentation names some by the input's own name."""
    for formals, names in ((schema.inputs, node.input), (schema.outputs, node.output)):
        for position, name in enumerate(names):
            formal = formals[min(position, len(formals) - 1)]  # the last may be variadic
            if name:
                yield formal.type_str, types[name]
                yield formal.name, types[name]


def _types(inferred: onnx.ModelProto) -> Types:
    graph = inferred.graph
    types = {value.name: _name(value.data_type) for value in graph.initializer}
    for values in (graph.input, graph.output, graph.value_info):
        types |= {value.name: _name(value.type.tensor_type.elem_type) for value in values}
    return types


def _name(element: int) -> str:
    return TensorProto.DataType.Name(element).lower()
