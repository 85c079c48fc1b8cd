"""Writing ONNX nodes one call at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

OPSET = 18  # the last one whose every operator here has a kernel in every execution provider

# The lowest float32: pads a maximum. (-inf would make NaN in `inf - inf`.)
LOWEST = float(np.finfo(np.float32).min)


class Emitter(ir.tape.Tape):
    """`emit.Relu(x)` appends a node and returns its value; constants are made once each."""

    def __init__(self) -> None:
        super().__init__()
        self._constants: dict[tuple[str, tuple[int, ...], bytes], ir.Value] = {}

    def __getattr__(self, op_type: str) -> Callable[..., ir.Value]:
        if not op_type[:1].isupper():  # every ONNX operator starts with a capital
            raise AttributeError(op_type)
        return lambda *inputs, **attributes: self.op(op_type, inputs, attributes)

    def floats(self, value: Any) -> ir.Value:
        """A float32 constant of any shape."""
        return self._constant(np.asarray(value, np.float32))

    def ints(self, value: int | Sequence[int]) -> ir.Value:
        """An int64 constant, 1-D as ONNX's shape-like inputs want it."""
        return self._constant(np.atleast_1d(np.asarray(value, np.int64)))

    def _constant(self, array: np.ndarray[Any, Any]) -> ir.Value:
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"constant_{len(self._constants)}"
            self._constants[key] = self.initializer(ir.tensor(array, name=name))
        return self._constants[key]
