"""Weights by name or by file: the shipped ones, the catalogue, downloads and readers.

    from ort_deepdream.weights.catalogue import find
    from ort_deepdream.weights.download import fetch

    path = fetch(find("bvlc"))

Needs neither PyTorch nor onnx.
"""
