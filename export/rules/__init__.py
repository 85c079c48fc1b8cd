"""The lowering rules, from simple to tricky. Importing this package registers them all."""

from ort_deepdream.export.rules import convolution, elementwise, pooling, shape

__all__ = ["convolution", "elementwise", "pooling", "shape"]
