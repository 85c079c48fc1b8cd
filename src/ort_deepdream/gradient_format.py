"""What a gradient file's entries are called, and the sum at the end of one that is kept.

The contract is in docs/model-file.md. `export` writes the entries, `weights` rewrites some of them,
and `engine` reads them.
"""

from __future__ import annotations

from ort_deepdream.protobuf import bytes_field

FORMAT = "1"
PREFIX = "deepdream."  # begins every key

METADATA, KEY, VALUE = 14, 1, 2  # fields of ONNX's messages (onnx.proto)


def metadata_entry(key: str, value: str) -> bytes:
    """Return an entry of a model's description, `key` without its prefix, as the model's field."""
    entry = bytes_field(KEY, (PREFIX + key).encode()) + bytes_field(VALUE, value.encode())
    return bytes_field(METADATA, entry)


_EMPTY = metadata_entry("sha256", "0" * 64)  # a seal without its sum


def sealed(content: bytes) -> bytes:
    """Return the gradient file `content` with one more entry: the sha256 of all before it.

    One that has a seal keeps it as it is.
    """
    return content if has_seal(content) else content + metadata_entry("sha256", _sum(content))


def is_intact(content: bytes) -> bool:
    """Return whether a gradient file is as it was sealed. One without a seal is taken as it is."""
    return not has_seal(content) or content[-64:] == _sum(content[: -len(_EMPTY)]).encode()


def has_seal(content: bytes) -> bool:
    """Return whether a gradient file ends with a sum, right or wrong."""
    return content[-len(_EMPTY) :].startswith(_EMPTY[:-64])


def _sum(content: bytes) -> str:
    import hashlib  # it takes a while, and many a start needs it not

    return hashlib.sha256(content).hexdigest()


def guide_input(layer: str) -> str:
    """Return the name of the input that has a guide's features at a layer, [positions, C]."""
    return f"guide/{layer}"


def order_input(layer: str) -> str:
    """Return the name of the input that has their numbers, 0 and up, [positions, 1]."""
    return f"order/{layer}"


def features_output(layer: str) -> str:
    """Return the name of the output that has the picture's own features there, [1, C, h, w]."""
    return f"features/{layer}"
