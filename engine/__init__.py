"""The dream loop: gradient files run through ONNX Runtime. Neither PyTorch nor onnx is needed."""
