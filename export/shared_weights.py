"""Gradient files that share one weights file instead of holding a copy each.

Their initializers are ONNX external data that points into a safetensors file beside them: it is the
same bytes, at known offsets, for PyTorch and for ONNX Runtime. float16 weights are cast to float32
in the graph, once, when a session is made.
"""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir
from onnx_ir.convenience import replace_all_uses_with

from ort_deepdream.errors import DreamError
from ort_deepdream.weights.readers.safetensors_file import Entry, read_header

DTYPES = {"F16": ir.DataType.FLOAT16, "F32": ir.DataType.FLOAT}


def share_weights(model: ir.Model, weights_file: Path) -> None:
    """Replace each initializer that `weights_file` has by a reference to it.

    The model must then be saved in the same folder. Raise DreamError when a tensor there has
    another shape, or a type that is neither float16 nor float32.
    """
    graph = model.graph
    with weights_file.open("rb") as stream:
        header = read_header(stream, weights_file.stat().st_size)
    casts: list[ir.Node] = []
    for name, entry in header.entries.items():
        old = graph.initializers.get(name)
        if old is None:
            continue
        stored = _external(weights_file, name, entry, header.begin)
        if old.shape is None or tuple(old.shape) != entry.shape:
            raise DreamError(f"{weights_file}: {name} has the shape {list(entry.shape)}")
        graph.initializers.pop(name)
        value = ir.Value(
            name=name, shape=stored.shape, type=ir.TensorType(stored.dtype), const_value=stored
        )
        cast = ir.node("Cast", [value], {"to": ir.DataType.FLOAT}, name=f"{name}/Cast")
        cast.outputs[0].shape = old.shape
        cast.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
        casts.append(cast)
        replace_all_uses_with(old, cast.outputs[0])
        graph.register_initializer(value)
    graph.insert_before(graph[0], casts)


def _external(path: Path, name: str, entry: Entry, begin: int) -> ir.ExternalTensor:
    if entry.dtype not in DTYPES:
        raise DreamError(f"{path}: {name} is {entry.dtype}, neither float16 nor float32")
    return ir.ExternalTensor(
        location=path.name,
        offset=begin + entry.first,
        length=entry.last - entry.first,
        dtype=DTYPES[entry.dtype],
        shape=ir.Shape(entry.shape),
        name=name,
        base_dir=path.parent,
    )
