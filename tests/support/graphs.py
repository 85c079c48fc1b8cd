"""Tiny graphs from PyTorch functions, exported graphs, and running both."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import ort_deepdream.export.rules  # noqa: F401  registers the rules
from ort_deepdream.export.lower import lower
from ort_deepdream.export.model_file import Traced, lower_for, trace_layers
from ort_deepdream.export.targets import TARGETS, Size, Target
from ort_deepdream.export.trace import Trace, trace_gradient
from ort_deepdream.export.weights import Weights, load_weights

Array = NDArray[np.float32]
Layer = Callable[[Tensor], Tensor]
Runner = Callable[[Array], tuple[float, Array]]  # image [1, 3, H, W] -> (objective, gradient)


def half_square(x: Tensor) -> Tensor:
    return (x * x).sum() * 0.5


def trace_layer(layer: Layer, parameters: dict[str, Tensor] | None = None) -> Trace:
    """The trace of `layer(image)`, half its sum of squares and the gradient of that.

    A tensor that is not the picture has to be among `parameters`; `layer` then takes them as
    keywords.
    """
    module = nn.Module()
    for name, tensor in (parameters or {}).items():
        module.register_buffer(name, tensor)

    def objective(image: Tensor) -> Tensor:
        return half_square(layer(image, **dict(module.named_buffers())))

    return trace_gradient(module, objective)


def session(model: ir.Model, **settings: object) -> onnxruntime.InferenceSession:
    """`model` on one thread; `settings` are attributes of ONNX Runtime's SessionOptions."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    for name, value in settings.items():
        setattr(options, name, value)
    content = ir.to_proto(model).SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def runner(model: ir.Model) -> Runner:
    running = session(model)

    def run(image: Array) -> tuple[float, Array]:
        value, gradient = running.run(["objective", "gradient"], {"image": image})
        return float(value), gradient

    return run


def write(trace: Trace, target: Target) -> ir.Model:
    """The ONNX model of a trace, as `export_gradient` writes it for `target`."""
    model = lower(trace, {name: name for name in trace.tensors})
    target.apply(model)
    return model


def autograd(objective: Layer, image: Array) -> tuple[float, NDArray[np.float64]]:
    """The objective and its gradient in float64."""
    picture = torch.from_numpy(image).double().requires_grad_(True)
    value = objective(picture)
    (gradient,) = torch.autograd.grad(value, picture)
    return value.item(), gradient.numpy()


@functools.cache
def seeded(architecture: str = "bvlc") -> Weights:
    return load_weights(f"seeded:0:{architecture}")


@functools.cache
def exported(
    architecture: str, layers: tuple[str, ...], target: str, precision: str = "float32"
) -> ir.Model:
    """Each model once for all tests, and nobody may change it."""
    return lower_for(traced(architecture, layers), TARGETS[target], precision)


@functools.cache
def traced(architecture: str, layers: tuple[str, ...], size: Size | None = None) -> Traced:
    """Each trace once for all targets, for it takes its time; nobody may change it."""
    return trace_layers(seeded(architecture), layers, size)
