"""Remake measure/graphs, whose speed is a device's limit: `python -m scripts.write_limits`.

A product of two square matrices is bound by arithmetic, a negation by memory: it reads and writes
each value once and computes next to nothing. (ONNX Runtime leaves a plain copy out.)
"""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx.checker
import onnx.parser

GRAPHS = Path(__file__).parents[1] / "measure" / "graphs"
OPSET = 18

PRODUCT = """
product (float[n, n] a, float[n, n] b) => (float[n, n] c) { c = MatMul (a, b) }
"""
COPY = """
copy (float[n] a) => (float[n] b) { b = Neg (a) }
"""


def contents() -> dict[str, bytes]:
    """Return every file of measure/graphs by name."""
    return {"product.onnx": model(PRODUCT), "copy.onnx": model(COPY)}


def model(text: str) -> bytes:
    """Return an ONNX file of the graph that `text` writes in ONNX's own notation."""
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    graph = onnx.parser.parse_graph(text)
    made = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)
    onnx.checker.check_model(made, full_check=True)
    content: bytes = made.SerializeToString(deterministic=True)
    return content


if __name__ == "__main__":
    for name, content in contents().items():
        (GRAPHS / name).write_bytes(content)
