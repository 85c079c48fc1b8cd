"""`.safetensors`: tensors under this project's names, or a library's raw state dict.

The project's own files hold `conv1/7x7_s2.weight` [out, in, k, k] and `.bias` [out] in float16 or
float32, and the architecture's name in the metadata's `architecture`.

The format, https://huggingface.co/docs/safetensors: eight bytes of the header's length, a JSON
header with each tensor's type, shape and place, then the tensors, without gaps.
"""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from ort_deepdream.errors import DreamError
from ort_deepdream.weights.readers.fit import MOST_DIMENSIONS, Tensors, bfloat16

# Bytes. GoogLeNet's has 12 thousand, torchvision's whole state dict 60; the format would allow a
# hundred million, and what JSON of those becomes takes a hundred times as much.
LARGEST_HEADER = 500_000
BFLOAT16 = "BF16"
DTYPES = {
    "F16": "<f2",
    BFLOAT16: "<u2",  # numpy has no such type
    "F32": "<f4",
    "F64": "<f8",
    "BOOL": "?",
    **{f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind in "IU" for size in (1, 2, 4, 8)},
}


@dataclass(frozen=True)
class Entry:
    """Where one tensor is, in bytes after the header."""

    dtype: str
    shape: tuple[int, ...]
    first: int
    last: int  # not included


@dataclass(frozen=True)
class Header:
    """What a file says of its tensors before they begin."""

    begin: int  # of the tensors, in the file
    entries: dict[str, Entry]
    metadata: dict[str, str]


class _DamagedError(DreamError):
    def __init__(self) -> None:
        super().__init__("a truncated or damaged safetensors file")


def looks_like(content: bytes) -> bool:
    """Return whether this is eight bytes of the header's length, then a JSON object."""
    return content[8:9] == b"{" and int.from_bytes(content[:8], "little") <= LARGEST_HEADER


def read(content: bytes) -> tuple[Tensors, str | None]:
    """Return all the tensors, and the architecture's name if the metadata has one.

    Raise DreamError for a damaged file.
    """
    header = read_header(io.BytesIO(content), len(content))
    data = memoryview(content)[header.begin :]
    tensors = {name: _array(data, entry) for name, entry in header.entries.items()}
    return tensors, header.metadata.get("architecture")


def read_header(stream: BinaryIO, size: int) -> Header:
    """Return the header of a file of `size` bytes, from its beginning.

    Raise DreamError unless the tensors lie one after the other up to the file's end, each as long
    as its shape says.
    """
    length = int.from_bytes(stream.read(8), "little")
    if length > min(LARGEST_HEADER, size - 8):
        raise _DamagedError
    try:
        table = json.loads(stream.read(length))
    except (ValueError, RecursionError):
        raise _DamagedError from None
    if not isinstance(table, dict):
        raise _DamagedError
    metadata = table.pop("__metadata__", {})
    if not _is_metadata(metadata):
        raise _DamagedError
    entries = {name: _entry(value, name) for name, value in table.items()}
    position = 0
    for entry in sorted(entries.values(), key=lambda entry: (entry.first, entry.last)):
        if entry.first != position:
            raise _DamagedError
        position = entry.last
    if 8 + length + position != size:
        raise _DamagedError
    return Header(8 + length, entries, metadata)


def _is_metadata(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _entry(value: Any, name: str) -> Entry:
    try:
        dtype, shape, (first, last) = value["dtype"], value["shape"], value["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise _DamagedError from None
    if not isinstance(dtype, str) or not _are_sizes(shape) or not _are_sizes([first, last]):
        raise _DamagedError
    if dtype not in DTYPES:
        raise DreamError(f"{name} holds {dtype}, not floating-point numbers of 16 to 64 bits")
    if last - first != math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize:
        raise _DamagedError
    return Entry(dtype, tuple(shape), first, last)


def _are_sizes(value: Any) -> bool:
    """Return whether these are whole numbers, and few: the product of many takes for ever."""
    if not isinstance(value, list) or len(value) > MOST_DIMENSIONS:
        return False
    # JSON's `true` is an int to isinstance.
    return all(type(size) is int and 0 <= size < 1 << 63 for size in value)


def _array(data: memoryview, entry: Entry) -> np.ndarray:
    array = np.frombuffer(data[entry.first : entry.last], DTYPES[entry.dtype])
    return (bfloat16(array) if entry.dtype == BFLOAT16 else array).reshape(entry.shape)
