"""Layers by their names: the shipped gradient files, with whatever weights and channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.files import is_missing
from ort_deepdream.weights.builtin import shipped_layers, shipped_model
from ort_deepdream.weights.catalogue import CATALOGUE, Entry

if TYPE_CHECKING:
    from ort_deepdream.engine.backends import Backend
    from ort_deepdream.engine.model import Model

BUILTIN = "builtin"


def load_layer(
    layer: str | Sequence[str],
    weights: str | Path = BUILTIN,
    backend: str | Backend = "auto",
    threads: int | None = None,
    allow_cpu_nodes: bool = False,
    graph_cache: Path | None = None,
    guided: bool = False,
) -> Model:
    """Load a model for a shipped layer, such as inception_4e/output; PyTorch is not needed.

    `layer` is LAYER, LAYER:CHANNEL or either with =WEIGHT, or several of these of one layer.
    `weights` are builtin, bvlc or torchvision (downloaded the first time), a file, or seeded:N for
    random ones. `guided` is for dreams with a guide: `model.with_guide(rgb)`, or `dream` with
    `guide`. The other arguments are those of `load_model`.

    Raise DreamError for a layer or weights that are not there, a layer that is not shipped, and
    what `load_model` raises it for.
    """
    from ort_deepdream.engine.backends import Backend
    from ort_deepdream.engine.loading import find_backend, load_model

    layers = [layer] if isinstance(layer, str) else list(layer)
    if not layers:
        raise DreamError("name a layer, such as inception_4e/output")
    chosen = backend if isinstance(backend, Backend) else find_backend(backend)
    path = None if guided else at_hand(layers, str(weights), chosen.file_target)
    path = path or joined(layers, str(weights), chosen.file_target, find_weights, guided)
    if path is None:
        meant = nearest(
            layers[0], shipped_layers(), otherwise="`dream layers` lists those that are"
        )
        raise DreamError(
            f"{', '.join(layers)}: is not shipped: {meant}; `dream export` makes a file of others, "
            f"for load_model"
        )
    return load_model(path, chosen, threads, allow_cpu_nodes, graph_cache)


def at_hand(layers: Sequence[str], weights: str, target: str) -> Path | None:
    """Return the gradient file if it is shipped as it is; None when there is work to do for it."""
    if weights != BUILTIN or len(layers) != 1:
        return None
    return shipped_model(layers[0], target)


def joined(
    layers: Sequence[str],
    weights: str,
    target: str,
    find: Callable[[str], str],
    guided: bool = False,
) -> Path | None:
    """Return a shipped gradient file joined with what is asked for; None where none is shipped.

    With `guided` a guide leads the layer.

    `find` is `find_weights`, or one that shows its progress. Raise DreamError for a layer, a
    channel or weights that are not there.
    """
    from ort_deepdream.weights.architectures import ARCHITECTURES
    from ort_deepdream.weights.joining import join
    from ort_deepdream.weights.prepared import prepare
    from ort_deepdream.weights.terms import guided_terms, parse_terms

    # Named ones need not be here yet; others are hashed, so once.
    known = find_named(weights) or prepare(find(weights))
    architecture = ARCHITECTURES[known.architecture]
    read = guided_terms if guided else parse_terms
    terms = read(layers, architecture)
    shipped = shipped_model(terms[0].layer, target, architecture.name)
    if shipped is None or len({term.layer for term in terms}) > 1:
        return None
    shape = architecture.layers[terms[0].layer] if guided else None
    prepared = prepare(find(weights)) if isinstance(known, Entry) else known
    return join(shipped, prepared, terms, shape)


def find_named(source: str) -> Entry | None:
    """Return the named weights that `source` asks for; None when it is no name."""
    return next((entry for entry in CATALOGUE if entry.name == source), None)


def find_weights(source: str, download: Callable[[Entry], Path] | None = None) -> str:
    """Return what reads weights takes for `source`: a file, once it is here, or `seeded:N`.

    `download` gets named ones, by default without a word. Raise DreamError for a file that is not
    there, or cannot be had.
    """
    entry = find_named(source)
    if entry is not None:
        return str((download or _fetched)(entry))
    if not source.startswith("seeded:") and is_missing(source):
        names = [entry.name for entry in CATALOGUE]
        hint = nearest(source, names, otherwise="`dream weights` lists the named ones")
        raise DreamError(f"there is no weights file {source}: {hint}")
    return source


def _fetched(entry: Entry) -> Path:
    # Here, for Python's HTTP takes as long to import as two steps.
    from ort_deepdream.weights.download import fetch

    return fetch(entry)
