"""From a PyTorch network to an ONNX graph of an objective and its gradient."""
