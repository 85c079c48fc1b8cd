"""Which node of a gradient file computes something else than it should: the first one, by name.

Every value of the graph becomes an output, so that one run on a backend tells what each node was
given and what it made of it. Each node is then judged alone, by what it was given: in float64, by
the node of the same name in a graph that is exported anew from the file's own weights. So an error
is blamed on the node that makes it and on none that it reaches, and where rounding chooses another
winner in a pool the nodes behind it are not blamed either. A node that was changed in the file is
told, for the graph that it is compared with does not come from the file.

Two backends are compared by their values instead, in the order in which the graph computes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from ort_deepdream.errors import DreamError
from ort_deepdream.export.folding import fold_batch_norms
from ort_deepdream.export.lower import lower
from ort_deepdream.export.model_file import initializer_name
from ort_deepdream.export.objective import CHANNELS, objective, open_channels
from ort_deepdream.export.targets import TARGETS
from ort_deepdream.export.trace import trace_gradient
from ort_deepdream.export.verify import guides_of, rebuild
from ort_deepdream.gradient_format import PREFIX

Values = Mapping[str, NDArray[Any]]  # by their names in the graph
RunAll = Callable[[Path, NDArray[np.float32]], Values]  # all outputs of a file, for a picture

SIDE = 40  # pixels of the picture's shorter side, or what the layer needs
LIMIT = 1e-3  # |found - wanted| / |wanted| of one node; rounding is 1e-6 and less
LIMIT_ROUNDED = 0.03  # where it computes with eleven bits, or with eight as bfloat16
LIMIT_BETWEEN = 0.02  # of values, to which the choices of pools before them are added
FRESH, OWN = "a fresh export", "the file's own node"  # what a node is judged by
WEIGHTS = (".weight", ".bias")


@dataclass(frozen=True)
class Judged:
    """One node, and how far what it computed is from what it should have."""

    node: str
    operator: str
    layer: str  # whose weights it has, or those before it; "" before any
    backward: bool  # whether it belongs to the gradient
    error: float  # relative, in the 2-norm; infinite for another shape, or what is no number
    judge: str  # FRESH, OWN where a fresh export has no such node, or the other backend's name

    @property
    def place(self) -> str:
        """Return where it is, in words."""
        way = "on the way back" if self.backward else "on the way there"
        return f"{self.operator} of {self.layer or 'the picture'}, {way} (node {self.node})"


# --- the graph, with all its values as outputs ----------------------------------------------------


def expose(path: Path, folder: Path) -> Path:
    """Write the graph with every node's values as outputs, into `folder`; return the new file."""
    model = onnx.load(path)
    known = {output.name for output in model.graph.output}
    for node in model.graph.node:
        model.graph.output.extend(
            onnx.ValueInfoProto(name=name) for name in node.output if name and name not in known
        )
    exposed = folder / "exposed.onnx"
    onnx.save(model, exposed)
    return exposed


def picture(path: Path, network: str | None = None) -> NDArray[np.float32]:
    """Return the noise [1, 3, H, W], in the network's units, that a file is judged by.

    Raise DreamError for a file that wants a guide, or that computes in float16.
    """
    if guides_of(path):
        raise DreamError(f"{path.name}: is for dreams with a guide, which --bisect does not judge")
    properties = onnx.load(path, load_external_data=False).metadata_props
    told = {one.key.removeprefix(PREFIX): one.value for one in properties}
    if told.get("precision", "float32") != "float32":
        raise DreamError(f"{path.name}: is of {told['precision']}; --bisect judges float32 files")
    _, _, low, high = rebuild(path, network)
    least = max(SIDE, int(told.get("least_side", told["stride"])))
    height, width = json.loads(told.get("size", "null")) or (least, least + least // 4)
    unit = np.random.default_rng(0).uniform(size=(3, height, width))
    return (low + (high - low) * unit)[None].astype(np.float32)


# --- against float64 ------------------------------------------------------------------------------


def judge_nodes(path: Path, values: Values, network: str | None = None) -> Iterator[Judged]:
    """Judge each node by what it was given, in the file's order.

    `values` are those of the graph of `expose`, as a backend computed them, and the `image`.
    """
    graph = onnx.load(path).graph
    exported = export_again(path, network)
    fresh = {node.name: node for node in exported.graph.node}
    ours = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    theirs = {one.name: onnx.numpy_helper.to_array(one) for one in exported.graph.initializer}
    names = _same_values(graph, exported.graph)
    given = {**ours, **values}
    for node, place in _placed(graph):
        twin = fresh.get(node.name)
        feed = twin and _feed(twin, {**theirs, **_renamed(given, names)})
        judge = FRESH if feed else OWN
        wanted = _computed(twin, feed) if twin and feed else _computed(node, _feed(node, given))
        for name, value in zip(node.output, wanted or (), strict=False):
            if name in values:
                yield Judged(*place, relative_error(values[name], value), judge)


def export_again(path: Path, network: str | None = None) -> onnx.ModelProto:
    """Return the graph of a gradient file as it is exported now, from the weights in the file."""
    model = ir.load(path)
    built, terms, _, _ = rebuild(path, network)
    told = {key.removeprefix(PREFIX): value for key, value in model.metadata_props.items()}
    only = json.loads(told.get("size", "null"))
    if CHANNELS in model.graph.initializers:
        open_channels(built, terms[0])
    trace = trace_gradient(built, objective(built, terms), built.example_sizes(only))
    fold_batch_norms(trace)
    made = lower(trace, {name: initializer_name(name) for name in trace.tensors})
    TARGETS[told["target"]].apply(made, only)
    return ir.to_proto(made)


def _same_values(ours: onnx.GraphProto, theirs: onnx.GraphProto) -> dict[str, str]:
    """Return our names of values by theirs: of nodes with one name, and of inputs."""
    made = {node.name: node.output for node in ours.node}
    names = {one.name: one.name for one in ours.input}
    for node in theirs.node:
        names.update(zip(node.output, made.get(node.name, ()), strict=False))
    return names


def _renamed(values: Values, names: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    return {theirs: values[ours] for theirs, ours in names.items() if ours in values}


def _feed(node: onnx.NodeProto, values: Values) -> dict[str, NDArray[Any]] | None:
    """Return what a node reads, in float64; None where some of it is not known."""
    wanted = [name for name in node.input if name]
    if not all(name in values for name in wanted):
        return None
    return {name: _double(values[name]) for name in wanted}


def _double(value: NDArray[Any]) -> NDArray[Any]:
    return value.astype(np.float64) if np.issubdtype(value.dtype, np.floating) else value


def _computed(
    node: onnx.NodeProto, feed: Mapping[str, NDArray[Any]] | None
) -> list[NDArray[Any]] | None:
    """Return what a node makes of what it is given; None where ONNX's reference lacks it."""
    if feed is None:
        return None
    inputs = [onnx.ValueInfoProto(name=name) for name in feed]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output]
    graph = onnx.helper.make_graph([node], "node", inputs, outputs)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)])
    try:
        return list(ReferenceEvaluator(model).run(None, dict(feed)))
    except (NotImplementedError, RuntimeError, TypeError, ValueError, IndexError):
        return None


# --- between two backends -------------------------------------------------------------------------


def compare_values(path: Path, ours: Values, theirs: Values, judge: str) -> Iterator[Judged]:
    """Compare each node's values on two backends, in the file's order."""
    for node, place in _placed(onnx.load(path, load_external_data=False).graph):
        for name in node.output:
            if name in ours and name in theirs:
                yield Judged(*place, relative_error(ours[name], theirs[name]), judge)


def relative_error(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    """Return |found - wanted| / |wanted| in the 2-norm; infinite where that is no number."""
    if found.shape != np.shape(wanted):
        return np.inf
    one, other = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    distance, norm = float(np.linalg.norm(one - other)), float(np.linalg.norm(other))
    error = distance / norm if norm else distance
    return error if np.isfinite(error) else np.inf


# --- where a node is ------------------------------------------------------------------------------

Place = tuple[str, str, str, bool]  # node, operator, layer, whether it is on the way back


def _placed(graph: onnx.GraphProto) -> Iterator[tuple[onnx.NodeProto, Place]]:
    """Yield each node with its place: the layer whose weights it reads, or one that it follows."""
    there = _before_the_objective(graph)
    layers: dict[str, str] = {
        one.name: one.name.removesuffix(suffix)
        for one in graph.initializer
        for suffix in WEIGHTS
        if one.name.endswith(suffix)
    }
    for node in graph.node:
        read = (*node.input[1:], *node.input[:1])  # weights come second, the value first
        layer = next((layers[name] for name in read if layers.get(name)), "")
        layers.update(dict.fromkeys(node.output, layer))
        yield node, (node.name, node.op_type, layer, node.name not in there)


def _before_the_objective(graph: onnx.GraphProto) -> set[str]:
    """Return the names of the nodes that the objective is computed by."""
    makers = {name: node for node in graph.node for name in node.output}
    found: set[str] = set()
    left = ["objective"]
    while left:
        node = makers.get(left.pop())
        if node is not None and node.name not in found:
            found.add(node.name)
            left += node.input
    return found
