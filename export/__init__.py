"""From a PyTorch network to an ONNX graph of an objective and its gradient."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # why: engine/__init__.py
