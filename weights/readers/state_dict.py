"""A PyTorch state dict in the names of the library that it is from, such as torchvision's.

A network's entry (weights/architectures.py) names the module that turns one into our tensors. It
has `TELLING`, the name of a tensor that no other network has, and `fold(state)`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ort_deepdream.errors import DreamError
from ort_deepdream.weights.architecture import Architecture
from ort_deepdream.weights.architectures import ARCHITECTURES
from ort_deepdream.weights.readers import torch_file
from ort_deepdream.weights.readers.fit import Tensors

PARALLEL = "module."  # begins every name in a state dict of DataParallel

looks_like = torch_file.looks_like


def read(content: bytes) -> tuple[Tensors, Architecture]:
    """Return the tensors of a file by `torch.save`, under our names, and the network they fit.

    Only tensors are loaded, never other pickled objects. Raise DreamError for a file that is
    damaged, holds anything else, or is of no network known here.
    """
    state = torch_file.load(content)
    if not isinstance(state, Mapping):
        raise DreamError(f"a {type(state).__name__} in PyTorch's format, not a state dict")
    found = convert(state)
    if found is None:
        wanted = (f"not {known.title}: {one.TELLING} is missing" for known, one in _converters())
        raise DreamError("; ".join(wanted))
    return found


def convert(state: Mapping[Any, Any]) -> tuple[Tensors, Architecture] | None:
    """Return a library's tensors under our names and their network; None: they are no library's."""
    names = {str(name).removeprefix(PARALLEL): value for name, value in state.items()}
    for architecture, converter in _converters():
        if converter.TELLING in names:
            return converter.fold(names), architecture
    return None


def _converters() -> list[tuple[Architecture, ModuleType]]:
    return [
        (architecture, importlib.import_module(architecture.state_dict))
        for architecture in ARCHITECTURES.values()
        if architecture.state_dict
    ]
