"""From what was asked for to a gradient file: given, shipped, joined, or exported here.

A shipped gradient file is joined with other weights, or with a choice of its channels, without
PyTorch. What else is exported for `dream run` is kept in the user's cache folder, under a name made
of all that it depends on: the second dream with it needs no PyTorch.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ort_deepdream import layers
from ort_deepdream.cli.exporting import export_to
from ort_deepdream.cli.extras import require_extra
from ort_deepdream.cli.messages import bar, note, stages
from ort_deepdream.cli.options import DEFAULT_LAYER, DEFAULT_WEIGHTS
from ort_deepdream.engine.presets import PRESETS
from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.files import sweep, write_bytes
from ort_deepdream.gradient_format import sealed
from ort_deepdream.layers import at_hand, find_named, joined
from ort_deepdream.version import VERSION
from ort_deepdream.weights.builtin import shipped_layers
from ort_deepdream.weights.catalogue import Entry, cache_errors, cache_folder, location

# Folders in the cache where files of ours grow.
GRAPHS, OPTIMISED, WEIGHTS = "graphs", "optimised", "weights"


@dataclass(frozen=True)
class Request:
    """The model that a command was asked for: a file, or layers of a network with weights."""

    file: Path | None
    weights: str
    layers: tuple[str, ...]

    @property
    def files(self) -> tuple[Path | str, ...]:
        """The files that it names; a name of weights may be that of none."""
        return (self.weights,) if self.file is None else (self.file,)


def request(
    file: Path | None, weights: str | None, layers: Sequence[str] | None, preset: str = ""
) -> Request:
    """Return what was asked for, with the preset's layers or the defaults where none are named.

    Raise DreamError when both a file and what it would be made of are named.
    """
    usual = PRESETS[preset].layers if preset else ()
    if file is not None and usual:
        strengths = " or ".join(name for name, one in PRESETS.items() if not one.layers)
        raise DreamError(
            f"--model and --preset {preset} exclude each other: a gradient file has its layers in "
            f"it; {strengths} has none of its own"
        )
    if file is not None and (weights or layers):
        other = "--layer" if layers else "--weights"
        raise DreamError(
            f"--model and {other} exclude each other: a gradient file has its layers and weights "
            f"in it; leave one out, or make another file with `dream export`"
        )
    return Request(file, weights or DEFAULT_WEIGHTS, tuple(layers or usual or [DEFAULT_LAYER]))


def sweep_cache() -> None:
    """Delete what killed commands left half-written in the cache folder."""
    for name in (GRAPHS, OPTIMISED, WEIGHTS):
        sweep(cache_folder() / name)


def model_at_hand(wanted: Request, target: str) -> Path | None:
    """Return the gradient file for a request if it takes no work: a given or a shipped one."""
    return wanted.file or at_hand(wanted.layers, wanted.weights, target)


def find_model(wanted: Request, target: str) -> Path:
    """Return the gradient file for a request; download and export what is missing.

    Raise DreamError when there is none to be had.
    """
    return model_at_hand(wanted, target) or _joined(wanted, target) or _exported(wanted, target)


def find_weights(source: str) -> str:
    """Return what `load_weights` takes for `source`: a file, once it is here, or `seeded:N`."""
    return layers.find_weights(source, _downloaded)


def _downloaded(entry: Entry) -> Path:
    from ort_deepdream.weights.download import fetch

    with bar(f"downloading {entry.name}") as update:

        def show(done: int, total: int | None) -> None:
            size = total or entry.size
            update(done / size, f"downloading {entry.file_name}, {size / 1e6:.0f} MB")

        return fetch(entry, show)


def _joined(wanted: Request, target: str) -> Path | None:
    with stages() as show_stage:
        show_stage("reading the weights")
        return joined(wanted.layers, wanted.weights, target, find_weights)


def architecture_name(source: str) -> str:
    """Return the name of what weights are for; named ones need not be here yet."""
    from ort_deepdream.weights.prepared import prepare

    named = find_named(source)
    return named.architecture if named else prepare(find_weights(source)).architecture


def _exported(wanted: Request, target: str) -> Path:
    """Return the gradient file in the cache, exported first if it is not there."""
    named = find_named(wanted.weights)
    if named is not None and (named.shipped or not location(named).exists()):
        # Nothing can be kept of it yet; and what cannot be used then is not downloaded.
        layer = nearest(wanted.layers[0], shipped_layers())
        require_extra("export", f", or dream of one shipped layer: {layer}")
    weights = find_weights(wanted.weights)
    path = cache_folder() / GRAPHS / f"{_key(weights, wanted.layers, target)}.onnx"
    if not path.is_file():
        with cache_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
        export_to(path, weights, wanted.layers, target)
        with cache_errors():
            write_bytes(path, sealed(path.read_bytes()))
        note(f"exported {', '.join(wanted.layers)}; kept for the next time in {path.parent}")
    return path


def _key(weights: str, layers: Sequence[str], target: str) -> str:
    """Return a name for the file that these make; whatever changes it changes the name."""
    import hashlib

    from ort_deepdream.weights.readers import sha256_of

    content = weights if weights.startswith("seeded:") else sha256_of(weights)
    # The version alone is not enough: a rule changed in a checkout must not meet older files.
    parts = [content, list(layers), target, VERSION, _digest(_exporter())]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _exporter() -> list[Path]:
    """Return the source of `export`, found without importing it: that would need PyTorch."""
    spec = importlib.util.find_spec("ort_deepdream.export")
    folders = spec.submodule_search_locations if spec else None
    return sorted(path for folder in folders or () for path in Path(folder).rglob("*.py"))


def _digest(files: Sequence[Path]) -> str:
    """Return the sha256 of the files' contents, one after the other."""
    import hashlib

    digest = hashlib.sha256()
    for file in files:
        try:
            digest.update(file.read_bytes())
        except OSError as error:
            raise DreamError(f"{file}: cannot be read ({error.strerror})") from error
    return digest.hexdigest()
