"""The gradient file: from weights and layers to an ONNX file that carries its own description.

The file's contract is in docs/model-file.md; the engine reads it without this package.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import torch

import ort_deepdream.export.rules  # noqa: F401  registers the rules
from ort_deepdream.errors import DreamError
from ort_deepdream.export.folding import fold_batch_norms
from ort_deepdream.export.guided import give_features, insert_guides, trial_feed
from ort_deepdream.export.lower import lower
from ort_deepdream.export.objective import objective, open_channels, open_guides
from ort_deepdream.export.passes.half import compute_in_half
from ort_deepdream.export.targets import TARGETS, Size, Target
from ort_deepdream.export.trace import Trace, trace_gradient
from ort_deepdream.export.weights import Weights, build_network
from ort_deepdream.files import replacing, writing
from ort_deepdream.gradient_format import FORMAT, PREFIX, sealed
from ort_deepdream.text import storable
from ort_deepdream.weights.architecture import Architecture
from ort_deepdream.weights.guiding import guided_entry
from ort_deepdream.weights.terms import Term, guided_terms, parse_term

CHECK_SIZE = (45, 38)  # one side odd, both small: a file for any size is run once at this one

OnStage = Callable[[str], None]


@dataclass(frozen=True)
class Traced:
    """Layers of a network, traced: what PyTorch computes of them, whatever target it is for."""

    weights: Weights
    terms: Sequence[Term]
    guides: Sequence[Term]
    size: Size | None  # of the only pictures; None: of any size
    least: int  # pixels of a picture's shorter side
    trace: Trace


def export_gradient(
    weights: Weights,
    layers: Sequence[str],
    target: Target = TARGETS["cpu"],
    precision: str = "float32",
    size: Size | None = None,
    on_stage: OnStage = lambda stage: None,
    channels: bool = False,
    guided: Sequence[str] = (),
) -> ir.Model:
    """Make the model image -> (objective, gradient) for `layers`, each `LAYER[:CHANNEL][=WEIGHT]`.

    `guided` are layers that a guide leads, each `LAYER[=WEIGHT]`, beside the others.
    `precision` is what the network is computed in; image, objective and gradient are float32.
    `size` is that of the only pictures it will be for; None: of any size. `on_stage` is told what
    begins. Raise DreamError for a layer that is not there, a precision that the target does not
    have, or a size below the layer's stride.
    """
    if precision not in target.precisions:
        raise DreamError(
            f"the target {target.name} has no precision {precision}, only "
            f"{', '.join(target.precisions)}"
        )
    if guided and (size is not None or precision != "float32"):
        raise DreamError(
            "a file for dreams with a guide is of float32 and for pictures of any size"
        )
    traced = trace_layers(weights, layers, size, on_stage, channels, guided)
    return lower_for(traced, target, precision, on_stage)


def trace_layers(
    weights: Weights,
    layers: Sequence[str],
    size: Size | None = None,
    on_stage: OnStage = lambda stage: None,
    channels: bool = False,
    guided: Sequence[str] = (),
) -> Traced:
    """Trace `layers` once for all targets: most of an export's time. As for `export_gradient`."""
    if not layers and not guided:
        raise DreamError("no layer to dream of; name one or more")
    architecture = weights.architecture
    terms = [parse_term(layer, architecture) for layer in layers]
    guides = guided_terms(guided, architecture)
    stride = _stride(architecture, [*terms, *guides])
    if size is not None and min(size) < stride:
        raise DreamError(
            f"{size[1]}x{size[0]} pixels are too small for {', '.join(layers)}: both sides must be "
            f"{stride} or more"
        )
    network = build_network(weights)
    wanted = {term.layer for term in (*terms, *guides)}
    size = size or network.only_size(wanted)
    least = network.least_side(wanted, stride)
    if channels:
        (term,) = terms
        open_channels(network, term)
    open_guides(network, guides)
    on_stage("tracing PyTorch's autograd")
    evaluate = objective(network, terms, guides)
    trace = trace_gradient(network, evaluate, network.example_sizes(size))
    fold_batch_norms(trace)
    return Traced(weights, terms, guides, size, least, trace)


def lower_for(
    traced: Traced,
    target: Target,
    precision: str = "float32",
    on_stage: OnStage = lambda stage: None,
) -> ir.Model:
    """Make the model of what was traced, for a target that has the precision."""
    weights, guides, size = traced.weights, traced.guides, traced.size
    architecture = weights.architecture
    on_stage("lowering to ONNX")
    names = {name: initializer_name(name) for name in traced.trace.tensors}
    model = lower(traced.trace, names, open_seed=precision == "float16")
    insert_guides(model, [(term, architecture.layers[term.layer].stride) for term in guides])
    on_stage(f"writing for the {target.name} target")
    target.apply(model, size, precision)
    give_features(model, guides)
    if precision == "float16":
        compute_in_half(model)
    model.producer_name = "ort-deepdream"
    model.producer_version = version("ort-deepdream")
    model.metadata_props.update(_metadata(weights, traced.terms, guides, target))
    if precision != "float32":
        model.metadata_props[PREFIX + "precision"] = precision
        if target.half_expansions is not None:
            model.metadata_props[PREFIX + "any_layout"] = json.dumps(True)
    if traced.least > _stride(architecture, [*traced.terms, *guides]) and size is None:
        model.metadata_props[PREFIX + "least_side"] = json.dumps(traced.least)
    if size is not None:
        model.metadata_props[PREFIX + "size"] = json.dumps(size)
    return model


def _stride(architecture: Architecture, terms: Sequence[Term]) -> int:
    return max(architecture.layers[term.layer].stride for term in terms)


def initializer_name(tensor: str) -> str:
    """Return a tensor's name as in a weights file: without what the network's class calls it by."""
    return tensor.removeprefix("convolutions.").removeprefix("norms.").removeprefix("module.")


def _metadata(
    weights: Weights, terms: Sequence[Term], guides: Sequence[Term], target: Target
) -> dict[str, str]:
    architecture = weights.architecture
    preprocessing = architecture.preprocessing
    values = {
        "format": FORMAT,
        "architecture": architecture.name,
        "layers": [
            *({"layer": t.layer, "channel": t.channel, "weight": t.weight} for t in terms),
            *(guided_entry(term, architecture.layers[term.layer]) for term in guides),
        ],
        "objective": "half_square_sum",
        "stride": _stride(architecture, [*terms, *guides]),
        "preprocessing": {
            "order": preprocessing.order,
            "mean": preprocessing.mean,
            "scale": preprocessing.scale,
        },
        "weights": {
            "identity": weights.identity,
            "kind": weights.kind,
            "sha256": weights.sha256,
        },
        "target": target.name,
        "exporter": f"ort-deepdream {version('ort-deepdream')}",
        "torch": str(torch.__version__),
    }
    return {
        PREFIX + key: value if isinstance(value, str) else json.dumps(value)
        for key, value in values.items()
    }


def save(
    model: ir.Model, path: Path, on_stage: OnStage = lambda stage: None, seal: bool = True
) -> None:
    """Write `model` to `path`, checked by onnx's checker and by running it; whole or not at all.

    With `seal` it ends with its own sum, by which whoever loads it sees whether it is still whole.
    Raise DreamError when the folder cannot be written or the file fails a check.
    """
    on_stage("writing and checking the file")
    with writing(path), replacing(path) as temporary:
        ir.save(model, temporary)
        if seal:
            temporary.write_bytes(sealed(temporary.read_bytes()))
        _check(temporary)


def _check(path: Path) -> None:
    """Run onnx's checker and the file: finite numbers of the right shapes. Raise DreamError."""
    # Both want a name that is text; what lies beside a file is found by its name alone.
    source = path if storable(str(path)) == str(path) else path.read_bytes()
    try:
        onnx.checker.check_model(source, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise DreamError(f"the exported graph is not valid ONNX: {error}") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    described = session.get_modelmeta().custom_metadata_map
    least = json.loads(described.get(PREFIX + "least_side", "1"))
    sizes = zip(session.get_inputs()[0].shape[2:], CHECK_SIZE, strict=True)
    shape = (
        *(1, 3),
        *(size if isinstance(size, int) else max(usual, least) for size, usual in sizes),
    )
    image = np.random.default_rng(0).uniform(-100, 100, shape).astype(np.float32)
    feed = {"image": image, **trial_feed(described)}
    value, gradient = session.run(["objective", "gradient"], feed)
    if gradient.shape != image.shape or not np.isfinite([value, abs(gradient).max()]).all():
        raise DreamError("the exported graph runs, but its gradient is not finite")
