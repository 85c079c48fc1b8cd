"""The lowering rules, from simple to tricky. Importing this package registers them all."""

from ort_deepdream.export.rules import (
    activation,
    convolution,
    elementwise,
    matrix,
    norm,
    pooling,
    shape,
)

__all__ = ["activation", "convolution", "elementwise", "matrix", "norm", "pooling", "shape"]
