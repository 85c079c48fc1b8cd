"""Named weights: what there is (`catalogue`), and how it comes into the cache (`download`).

    from models.catalogue import find
    from models.download import fetch

    path = fetch(find("bvlc"))

Needs neither PyTorch nor onnx.
"""
