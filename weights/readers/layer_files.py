"""A folder as CaffeJS has it (github.com/chaosmail/caffejs): one file for each tensor of a network.

`conv1/7x7_s2_filter.bin` and `conv1/7x7_s2_bias.bin` hold the layer `conv1/7x7_s2`: float32,
little-endian, nothing before or after. A filter lies as [out, y, x, in]. Other files, such as the
classifier's, are left alone.
"""

from __future__ import annotations

import hashlib
import math
import stat
from pathlib import Path

import numpy as np

from ort_deepdream.errors import DreamError
from ort_deepdream.files import is_missing, read_limited
from ort_deepdream.weights.architecture import Architecture
from ort_deepdream.weights.readers.fit import Tensors

ENDINGS = {".weight": "_filter.bin", ".bias": "_bias.bin"}


def has_all(folder: Path, architecture: Architecture) -> bool:
    """Return whether a folder has a file for each of the network's tensors."""
    return not any(is_missing(folder / _file_name(name)) for name in architecture.parameters)


def read_files(folder: Path, architecture: Architecture) -> dict[str, bytes]:
    """Return the content of each tensor's file, by the tensor's name, in the network's order.

    Raise DreamError for one that is missing, unreadable or of another size.
    """
    return {
        name: _content(folder / _file_name(name), 4 * math.prod(shape), _file_name(name))
        for name, shape in architecture.parameters.items()
    }


def digest(contents: dict[str, bytes]) -> str:
    """Return the sha256 of the files, one after the other; their lengths are the network's."""
    total = hashlib.sha256()
    for content in contents.values():
        total.update(content)
    return total.hexdigest()


def read(contents: dict[str, bytes], architecture: Architecture) -> Tensors:
    """Return the tensors, filters turned into [out, in, y, x]."""
    tensors = {}
    for name, shape in architecture.parameters.items():
        numbers = np.frombuffer(contents[name], "<f4")
        if len(shape) == 4:
            out, inputs, *sides = shape
            tensors[name] = numbers.reshape(out, *sides, inputs).transpose(0, 3, 1, 2)
        else:
            tensors[name] = numbers
    return tensors


def _file_name(tensor: str) -> str:
    layer, dot, part = tensor.rpartition(".")
    return f"{layer}{ENDINGS[dot + part]}"


def _content(path: Path, size: int, name: str) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DreamError(f"{name} in this folder is not a file")
        if status.st_size != size:
            raise DreamError(
                f"{name} in this folder has {status.st_size:,} bytes, expected {size:,}: "
                f"fetch it again"
            )
    except FileNotFoundError:
        raise DreamError(
            f"a folder without {name}: name a weights file, or a folder of CaffeJS's bvlc_googlenet"
        ) from None
    except OSError as error:
        raise DreamError(f"{name} cannot be read: {error.strerror or error}") from None
    content = read_limited(path, size, "a layer's file")
    if len(content) != size:
        raise DreamError(f"{name} was changed while it was read: try again")
    return content
