"""Where a module comes from: torchvision's classifiers by name, or somebody's own function.

    find_module("resnet50")
    find_module("mypackage.nets:make")        # a function that returns an nn.Module
    find_module("./nets.py:make")             # the same, in a file

The code of the module and of what it imports is run, as Python would run it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.export.probing import describe_error
from ort_deepdream.weights.architecture import Preprocessing

Triple = tuple[float, float, float]

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)

# If asked, they turn ImageNet's units into those from -1 to 1: they may as well be given these.
HALVED = {"googlenet", "inception_v3"}
OPERATORS = ("nms", "qnms")  # of torchvision's, which no classifier uses


@dataclass(frozen=True)
class Source:
    """A module that was found, as its maker returns it, in evaluation mode."""

    name: str  # as a gradient file has it: torchvision's name, or FILE:FUNCTION without folders
    module: nn.Module
    preprocessing: Preprocessing
    weights: Any = None  # torchvision's enum of trained ones

    @property
    def is_own(self) -> bool:
        """Whether it is somebody's own code."""
        return ":" in self.name


def preprocessing(mean: Triple = IMAGENET_MEAN, std: Triple = IMAGENET_STD) -> Preprocessing:
    """Return it from numbers for a picture in 0..1, as torchvision has them."""
    return Preprocessing(
        (0, 1, 2),
        tuple(255 * value for value in mean),  # type: ignore[arg-type]
        tuple(1 / (255 * value) for value in std),  # type: ignore[arg-type]
    )


def find_module(name: str, mean: Triple | None = None, std: Triple | None = None) -> Source:
    """Return the module of a network's name, or of MODULE:FUNCTION or FILE.py:FUNCTION.

    `mean` and `std` replace what its weights were trained with, of a picture in 0..1. Raise
    DreamError for a name that is not there, and for code that fails or returns no module.
    """
    found = _own(name) if ":" in name else _torchvisions(name)
    if mean is None and std is None:
        return found
    given = preprocessing(mean or IMAGENET_MEAN, std or IMAGENET_STD)
    return Source(found.name, found.module, given, found.weights)


# --- torchvision's --------------------------------------------------------------------------------


def torchvision_models() -> ModuleType:
    """Import and return torchvision.models. Raise DreamError when it cannot be."""
    if importlib.util.find_spec("torchvision") is None:
        raise DreamError(
            "torchvision's networks need torchvision; pip install 'ort-deepdream[networks]'"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its readers of pictures, which are not used
        try:
            return importlib.import_module("torchvision.models")
        except RuntimeError as error:
            if "torchvision::nms" not in str(error):
                raise DreamError(
                    f"torchvision cannot be imported ({describe_error(error)})"
                ) from error
        _declare_operators()
        return importlib.import_module("torchvision.models")


def _declare_operators() -> None:
    """Let torchvision be imported without its compiled part.

    PyPI's wheels are built with CUDA, and beside a PyTorch without it they do not load. The
    classifiers are Python alone.
    """
    for module in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[module]
    for name in OPERATORS:
        schema = f"torchvision::{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        torch.library.define(schema.partition("(")[0], "(" + schema.partition("(")[2])


def torchvision_names() -> list[str]:
    """Return the names of torchvision's classifiers."""
    models = torchvision_models()
    return list(models.list_models(module=models))


def _torchvisions(name: str) -> Source:
    models = torchvision_models()
    names = torchvision_names()
    if name not in names:
        known = nearest(
            name,
            names,
            "`dream layers --network` takes torchvision's names, such as "
            "resnet50, or MODULE:FUNCTION of your own",
        )
        raise DreamError(f"there is no network '{name}': {known}")
    settings: Mapping[str, Any] = {"init_weights": False} if name in HALVED else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that weights will be initialised otherwise one day
        module = models.get_model(name, weights=None, **settings)
    weights = models.get_model_weights(name)
    return Source(name, module.eval(), _trained_with(name, weights), weights)


def _trained_with(name: str, weights: Any) -> Preprocessing:
    """Return the preprocessing of torchvision's own weights."""
    if name in HALVED:
        return preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    transforms = weights.DEFAULT.transforms()
    return preprocessing(tuple(transforms.mean), tuple(transforms.std))


# --- one's own ------------------------------------------------------------------------------------


def _own(name: str) -> Source:
    place, _, function_name = name.rpartition(":")
    shown = f"{Path(place).name}:{function_name}" if place.endswith(".py") else name
    module = _imported_file(Path(place)) if place.endswith(".py") else _imported(place)
    function = getattr(module, function_name, None)
    if not callable(function):
        callables = [n for n, value in vars(module).items() if callable(value) and n[0] != "_"]
        hint = nearest(function_name, callables, "name a function that returns an nn.Module")
        raise DreamError(f"{place}: has no function '{function_name}': {hint}")
    try:
        made = function()
    except Exception as error:  # it is somebody's code: anything may come
        raise DreamError(f"{name}: cannot be called ({describe_error(error)})") from error
    if not isinstance(made, nn.Module):
        raise DreamError(
            f"{name}: returns {type(made).__name__}, not an nn.Module; name a function that makes "
            f"the network"
        )
    return Source(shown, made.eval(), preprocessing())


def _imported(name: str) -> ModuleType:
    """Import by a dotted name, the current folder included."""
    if not all(part.isidentifier() for part in name.split(".")):
        raise DreamError(
            f"'{name}' is no module: write mypackage.nets:FUNCTION, or ./nets.py:FUNCTION"
        )
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    except Exception as error:  # it is somebody's code: anything may come
        raise DreamError(f"the module {name} cannot be imported ({describe_error(error)})") from (
            error
        )


def _imported_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise DreamError(f"there is no file {path}: name one that has the network's function")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # dataclasses, for one, look there
    sys.path.insert(0, str(path.parent.absolute()))  # what lies beside it can be imported
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # it is somebody's code: anything may come
        raise DreamError(f"{path}: cannot be imported ({describe_error(error)})") from error
    return module
