"""Nodes that are no kernels: copies between a device and the processor.

ONNX Runtime puts them where an execution provider lacks what is beside it.
"""

from __future__ import annotations

# By the operator's name, what is said of it.
COPIES = {"MemcpyFromHost": "copy to the device", "MemcpyToHost": "copy from the device"}
