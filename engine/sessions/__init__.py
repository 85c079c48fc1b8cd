"""From a gradient file's bytes to a session of ONNX Runtime: read, checked, adapted, opened."""
