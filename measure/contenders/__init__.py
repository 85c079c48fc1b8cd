"""What is measured: dreams by ONNX Runtime, PyTorch and browsers, each in a process of its own."""
