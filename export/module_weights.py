"""Weights for a module: those that it was made with, from a seed, a file, or torchvision's own.

    source = find_module("resnet50")
    weights = module_weights(source, ["layer4"], "seeded:0")

Only what the layers need is read and kept: a file without the classifier will do.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.export.library import Source
from ort_deepdream.export.modules import ModuleArchitecture, parameters_of
from ort_deepdream.export.probing import Size, describe_error, find_layers, probe
from ort_deepdream.export.weights import Weights
from ort_deepdream.files import read_limited
from ort_deepdream.weights.readers import LARGEST_FILE, file_identity, safetensors_file, torch_file
from ort_deepdream.weights.readers import seeded as seeds
from ort_deepdream.weights.readers.fit import fit
from ort_deepdream.weights.terms import parse_term

OWN = "own"  # the weights that one's own function gives its module
NETWORK = "ort_deepdream.export.modules:ModuleNetwork"


def module_architecture(source: Source, size: Size | None = None) -> ModuleArchitecture:
    """Return what can be dreamt of in a module; `size` is that of the only pictures.

    Raise DreamError when there is nothing.
    """
    found = find_layers(source.module, source.name, size)
    return ModuleArchitecture(
        name=source.name,
        title=source.name,
        preprocessing=source.preprocessing,
        layers={name: layer.shape for name, layer in found.items()},
        parameters={name: tuple(t.shape) for name, t in parameters_of(source.module).items()},
        layer_aliases={},
        network=NETWORK,
        kinds=frozenset(),
        module=source.module,
        ways={name: layer.way for name, layer in found.items()},
    )


def module_weights(
    source: Source, layers: Sequence[str], weights: str | None, size: Size | None = None
) -> Weights:
    """Return the weights that `layers` (LAYER[:CHANNEL][=WEIGHT]) of a module need.

    `weights` is seeded:N, a file, or torchvision's name of some; None stands for torchvision's
    default, or for those that one's own function gives. Raise DreamError for what is not there or
    does not fit.
    """
    architecture = module_architecture(source, size)
    wanted = [parse_named_term(layer, architecture) for layer in layers]
    needed = needed_tensors(architecture, wanted)
    shapes = {name: shape for name, shape in architecture.parameters.items() if name in needed}
    of_layers = replace(architecture, parameters=shapes)
    if weights is None and source.is_own:
        own = parameters_of(source.module)
        return _made(of_layers, {name: own[name] for name in shapes}, OWN, OWN)
    if weights is not None and weights.startswith("seeded:"):
        return _seeded(of_layers, weights)
    if weights is not None and Path(weights).exists():
        return _from_file(of_layers, Path(weights))
    return _torchvisions(of_layers, source, weights)


def parse_named_term(text: str, architecture: ModuleArchitecture) -> str:
    """Return the layer of LAYER[:CHANNEL][=WEIGHT].

    Raise DreamError as `parse_term` does; for a module that gives no layer, it says what it gives.
    """
    name = text.partition("=")[0].partition(":")[0]
    modules = dict(architecture.module.named_modules())
    if name in modules and name and name not in architecture.layers:
        raise DreamError(
            f"{architecture.title}: {name} gives {_given(architecture, name)}, and a layer is "
            f"[1, channels, height, width] and follows the picture's size"
        )
    return parse_term(text, architecture).layer


def _given(architecture: ModuleArchitecture, name: str) -> str:
    """Return in words what a module gives that is no layer."""
    found = probe(architecture.module, (224, 224))
    if name in found.shapes:
        return str(list(found.shapes[name]))
    return "no tensor" if found.calls[name] else "nothing, for it is never called"


def needed_tensors(architecture: ModuleArchitecture, layers: Collection[str]) -> set[str]:
    """Return the names of the tensors in the modules that a picture enters on its way to layers."""
    calls = {name: architecture.ways[name].calls for name in layers}
    reached = probe(architecture.module, architecture.size_of(layers) or (256, 320), calls)
    modules = dict(architecture.module.named_modules())
    return {
        f"{path}.{name}" if path else name
        for path in reached.calls
        for name, _ in (
            *modules[path].named_parameters(recurse=False),
            *modules[path].named_buffers(recurse=False),
        )
    }


def _made(
    architecture: ModuleArchitecture,
    tensors: Mapping[str, Tensor],
    identity: str,
    kind: str,
    sha256: str | None = None,
) -> Weights:
    digest = hashlib.sha256()
    for tensor in tensors.values() if sha256 is None else ():
        digest.update(tensor.float().numpy().astype("<f4", copy=False).tobytes())
    copies = {name: tensor.detach().float() for name, tensor in tensors.items()}
    return Weights(architecture, copies, identity, kind, sha256 or digest.hexdigest())


def _seeded(architecture: ModuleArchitecture, text: str) -> Weights:
    seed, named = seeds.parse(text)
    if named is not None:
        raise DreamError(f"{text}: with --network the seed alone is enough: seeded:{seed}")
    arrays = seeds.tensors_of(seed, architecture.parameters)
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return _made(architecture, tensors, f"seeded:{seed}", "seeded")


def _from_file(architecture: ModuleArchitecture, path: Path) -> Weights:
    """Read a state dict: tensors alone, by names that are the module's own."""
    content = read_limited(path, LARGEST_FILE, "a weights file")
    try:
        if safetensors_file.looks_like(content):
            kind, (found, _) = "safetensors", safetensors_file.read(content)
        elif torch_file.looks_like(content):
            kind, found = "state_dict", torch_file.load(content)
        else:
            raise DreamError("neither a PyTorch state dict nor safetensors")
        if not isinstance(found, Mapping):
            raise DreamError(f"a {type(found).__name__} in PyTorch's format, not a state dict")
        arrays = {str(name).removeprefix("module."): value for name, value in found.items()}
        plain = {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}
        tensors = {n: torch.from_numpy(a) for n, a in fit(plain, architecture).items()}
    except DreamError as error:
        raise DreamError(f"{path}: {error}") from None
    digest = hashlib.sha256(content).hexdigest()
    return _made(architecture, tensors, file_identity(path), kind, digest)


def _torchvisions(architecture: ModuleArchitecture, source: Source, name: str | None) -> Weights:
    """Return torchvision's trained weights, downloaded the first time by torchvision itself."""
    names = [entry.name for entry in source.weights or ()]
    if name is not None and name not in (*names, "DEFAULT"):
        hint = nearest(name, names, "name a file, or seeded:N for random ones")
        raise DreamError(f"there is no weights file {name}: {hint}")
    entry = source.weights[name or "DEFAULT"]
    try:
        unheard = io.StringIO()  # torch.hub names the address: of a release, on either
        with contextlib.redirect_stderr(unheard), contextlib.redirect_stdout(unheard):
            state: dict[str, Tensor] = entry.get_state_dict(progress=False, check_hash=True)
    except Exception as error:  # of urllib, of the cache's folder, or a wrong sum
        raise DreamError(
            f"{source.name}'s weights {entry.name} cannot be downloaded from {entry.url} "
            f"({describe_error(error)}); name a file with --weights, or seeded:N for random ones"
        ) from error
    tensors = {n: state[n] for n in architecture.parameters}
    return _made(architecture, tensors, f"{source.name} {entry.name}", "torchvision")
