"""Pieces of a step's graph, written in ONNX's text form.

A fragment is what is appended to a gradient file: serialised protobuf messages merge by
concatenation, their repeated fields appended
(https://protobuf.dev/programming-guides/encoding/#last-one-wins). It holds nodes, inputs and
outputs only. What it computes is named `ascent/...`, so that no name is the gradient graph's too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import onnx
import onnx.checker
import onnx.parser

OPSET = 18


def named(name: str) -> str:
    """Return the name of a value that one fragment gives and another takes, as text form has it."""
    return f'"ascent/{name}"'


def parsed(
    name: str, inputs: Mapping[str, str], outputs: Mapping[str, str], nodes: str
) -> onnx.GraphProto:
    """Return the graph of `nodes`, in ONNX's text form, with values of these names and types."""
    takes, gives = (
        ", ".join(f"{kind} {value}" for value, kind in values.items())
        for values in (inputs, outputs)
    )
    return onnx.parser.parse_graph(f"{name} ({takes}) => ({gives}) {{ {nodes} }}")


def prefix_names(graph: onnx.GraphProto, prefix: str) -> None:
    """Begin the names of all that is neither input nor output with `prefix`, nodes' too."""
    kept = {value.name for value in (*graph.input, *graph.output)}
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [name if name in kept else f"{prefix}{name}" for name in names]
        last = node.output[0].rpartition("/")[2]
        node.name = f"{prefix}{node.op_type}_{last}"


def checked(graph: onnx.GraphProto) -> onnx.ModelProto:
    """Return a model of the graph, which onnx's checker accepts."""
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model


def fragment_of(
    graph: onnx.GraphProto, inputs: Collection[str] = (), outputs: Collection[str] = ()
) -> bytes:
    """Return the bytes to append: the graph's nodes, and those of its inputs and outputs."""
    fragment = onnx.ModelProto()
    fragment.graph.node.extend(graph.node)
    fragment.graph.input.extend(value for value in graph.input if value.name in inputs)
    fragment.graph.output.extend(value for value in graph.output if value.name in outputs)
    return bytes(fragment.SerializeToString(deterministic=True))
