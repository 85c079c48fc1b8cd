"""Writing ONNX nodes one call at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

OPSET = 18  # the last one whose every operator here has a kernel in every execution provider

# The lowest float32: pads a maximum. (-inf would make NaN in `inf - inf`.)
LOWEST = float(np.finfo(np.float32).min)


def operands(node: ir.Node) -> list[ir.Value]:
    """Return the inputs of a node that leaves none of them out."""
    values = list(node.inputs)
    assert None not in values, node
    return values  # type: ignore[return-value]


def channels_of(x: ir.Value) -> int:
    """Return how many channels [N, C, H, W] has."""
    assert x.shape is not None
    return int(x.shape[1])  # type: ignore[arg-type]


class Emitter(ir.tape.Tape):
    """A row of nodes: `emit.Relu(x)` appends one and returns its value; constants are made once."""

    def __init__(self, graph: ir.Graph | None = None, seed: ir.Value | None = None) -> None:
        """Use the constants that `graph` already has again.

        `seed` is what the backward pass starts with; 1 if it is None.
        """
        super().__init__()
        self.seed = seed
        self._known: dict[str, ir.Value] = dict(graph.initializers) if graph is not None else {}

    def __getattr__(self, op_type: str) -> Callable[..., ir.Value]:
        if not op_type[:1].isupper():  # every ONNX operator starts with a capital
            raise AttributeError(op_type)
        return lambda *inputs, **attributes: self.op(op_type, inputs, attributes)

    def floats(self, value: Any) -> ir.Value:
        """Return a float32 constant of any shape."""
        return self._constant(np.asarray(value, np.float32))

    def ints(self, value: int | Sequence[Any]) -> ir.Value:
        """Return an int64 constant; a single number is made 1-D, as shape-like inputs want it."""
        return self._constant(np.atleast_1d(np.asarray(value, np.int64)))

    def _constant(self, array: np.ndarray[Any, Any]) -> ir.Value:
        content = f"{array.dtype}{array.shape}".encode() + array.tobytes()
        name = f"constant_{hashlib.sha256(content).hexdigest()[:12]}"
        if name not in self._known:
            self._known[name] = self.initializer(ir.tensor(array, name=name))
        return self._known[name]
