"""The libraries that are measured, as result files name them."""

from __future__ import annotations

OURS = "ONNX Runtime"
TORCH = "PyTorch"
WEB = "ONNX Runtime Web"
