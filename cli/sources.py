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
from ort_deepdream.cli.exporting import export_network_to, export_to
from ort_deepdream.cli.extras import require_extra
from ort_deepdream.cli.messages import bar, note, stages
from ort_deepdream.cli.networks import Network, require_layers
from ort_deepdream.cli.options.models import DEFAULT_LAYER, DEFAULT_WEIGHTS
from ort_deepdream.engine.presets import PRESETS
from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.files import is_missing, sweep
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
    guided: tuple[str, ...] = ()  # layers that a guide leads, beside the others
    network: Network | None = None  # another than the built-in ones; its usual weights are ""

    @property
    def files(self) -> tuple[Path | str, ...]:
        """The files that it names; a name of weights may be that of none."""
        if self.file is not None:
            return (self.file,)
        code = self.network.name.rpartition(":")[0] if self.network is not None else ""
        return tuple(name for name in (self.weights, code) if name)


def request(
    file: Path | None,
    weights: str | None,
    layers: Sequence[str] | None,
    preset: str = "",
    guide: bool = False,
    guide_layers: Sequence[str] | None = None,
    network: Network | None = None,
) -> Request:
    """Return what was asked for, with the preset's layers or the defaults where none are named.

    With a `guide` it leads at `guide_layers`, or else at all layers.
    Raise DreamError when both a file and what it would be made of are named.
    """
    if weights == "":
        raise DreamError("--weights has an empty name; name weights, or leave the option out")
    usual = PRESETS[preset].layers if preset else ()
    if file is not None and usual:
        strengths = " or ".join(name for name, one in PRESETS.items() if not one.layers)
        raise DreamError(
            f"--model and --preset {preset} exclude each other: a gradient file has its layers in "
            f"it; {strengths} has none of its own"
        )
    if file is not None and (weights or layers or network is not None):
        other = "--layer" if layers else "--weights" if weights else "--network"
        raise DreamError(
            f"--model and {other} exclude each other: a gradient file has its layers and weights "
            f"in it; leave one out, or make another file with `dream export`"
        )
    if guide_layers and not guide:
        raise DreamError("--guide-layer says where a guide leads; name the guide with --guide")
    if guide_layers and file is not None:
        raise DreamError(
            "--model and --guide-layer exclude each other: a gradient file has its layers in it; "
            "leave one out, or make another file with `dream export`"
        )
    if network is not None:
        require_layers(network, [*(layers or ()), *(guide_layers or ())])
    chosen = weights or ("" if network is not None else DEFAULT_WEIGHTS)
    if guide_layers:
        return Request(file, chosen, tuple(layers or ()), tuple(guide_layers), network)
    named = tuple(layers or usual or [DEFAULT_LAYER])
    plain, led = ((), named) if guide else (named, ())
    return Request(file, chosen, plain, led, network)


def sweep_cache() -> None:
    """Delete what killed commands left half-written in the cache folder."""
    for name in (GRAPHS, OPTIMISED, WEIGHTS):
        sweep(cache_folder() / name)


def model_at_hand(wanted: Request, target: str) -> Path | None:
    """Return the gradient file for a request if it takes no work: a given or a shipped one."""
    if wanted.file is not None or wanted.guided or wanted.network is not None:
        return wanted.file
    return at_hand(wanted.layers, wanted.weights, target)


def find_model(wanted: Request, target: str) -> Path:
    """Return the gradient file for a request; download and export what is missing.

    Raise DreamError when there is none to be had.
    """
    if wanted.network is not None:
        return _of_network(wanted, wanted.network, target)
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
    if wanted.layers and wanted.guided:
        return None
    with stages() as show_stage:
        show_stage("reading the weights")
        named, guided = wanted.layers or wanted.guided, bool(wanted.guided)
        return joined(named, wanted.weights, target, find_weights, guided)


def architecture_name(source: str) -> str:
    """Return the name of what weights are for; named ones need not be here yet."""
    from ort_deepdream.weights.prepared import prepare

    named = find_named(source)
    return named.architecture if named else prepare(find_weights(source)).architecture


def _exported(wanted: Request, target: str) -> Path:
    """Return the gradient file in the cache, exported first if it is not there."""
    named = find_named(wanted.weights)
    layers = (*wanted.layers, *wanted.guided)
    if named is not None and (named.shipped or is_missing(location(named))):
        # Nothing can be kept of it yet; and what cannot be used then is not downloaded.
        layer = nearest(layers[0], shipped_layers())
        require_extra("export", f", or dream of one shipped layer: {layer}")
    weights = find_weights(wanted.weights)
    path = cache_folder() / GRAPHS / f"{_key(weights, wanted, target)}.onnx"
    if is_missing(path):
        with cache_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
        export_to(path, weights, wanted.layers, target, guided=wanted.guided)
        note(f"exported {', '.join(layers)}; kept for the next time in {path.parent}")
    return path


def _of_network(wanted: Request, network: Network, target: str) -> Path:
    """Return the gradient file in the cache of another network; one's own is exported each time.

    Nobody can tell what its code depends on.
    """
    require_extra("export")
    asked = json.dumps(network.words())
    path = cache_folder() / GRAPHS / f"{_key(wanted.weights, wanted, target, asked)}.onnx"
    if network.is_own or is_missing(path):
        with cache_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
        weights = wanted.weights or None
        export_network_to(path, network, weights, wanted.layers, target, guided=wanted.guided)
        layers = ", ".join((*wanted.layers, *wanted.guided))
        note(f"exported {layers} of {network.name}; `dream export` makes a file of it to keep")
    return path


def _key(weights: str, wanted: Request, target: str, network: str = "") -> str:
    """Return a name for the file that these make; whatever changes it changes the name."""
    import hashlib

    from ort_deepdream.weights.readers import sha256_of

    is_file = not network or Path(weights).is_file()
    content = sha256_of(weights) if is_file and not weights.startswith("seeded:") else weights
    # The version alone is not enough: a rule changed in a checkout must not meet older files.
    layers = [list(wanted.layers), list(wanted.guided)]
    named = [network] if network else []
    parts = [content, *layers, target, VERSION, _digest(_exporter()), *named]
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
