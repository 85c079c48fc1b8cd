"""Backends: the execution providers that a dream can run on, and why one cannot.

ONNX Runtime falls back to the CPU without a word when a provider's libraries are missing, so a
backend is asked for one by one and never believed before a session has said where its nodes are.
A backend is one entry in `BACKENDS`; docs/backends.md tells what was verified on each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import onnxruntime

from ort_deepdream.engine.devices import cuda_driver, processor_name
from ort_deepdream.engine.libraries import why_not_cuda, why_not_tensorrt
from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.step import PACKED, Feed, move_feed, packed

# ONNX Runtime prints its own lines when a provider fails to load; ours say what to do about it.
FATAL_ONLY = 4

TF32_OVERRIDE = "NVIDIA_TF32_OVERRIDE"  # cuBLAS and cuDNN read it when they are loaded
FIRST_WITH_TF32 = (8, 0)


@dataclass(frozen=True)
class Backend:
    """An execution provider and how it is used.

    `why_not()` is None when the provider is there and its libraries load, else the reason and the
    remedy in one line.
    """

    name: str
    provider: str
    target: str  # the graph target that its models should be exported for
    why_not: Callable[[], str | None]
    memory: str  # where its pictures lie, as `OrtValue` names devices
    fixed_sizes: bool  # a session for each size of picture, rather than one for all
    in_auto: bool = True
    margin: int = 0  # pixels that a side must have beyond the layer's stride
    provider_options: Mapping[str, str] = field(default_factory=dict)

    @property
    def device(self) -> str | None:
        """What the device is called, where that can be told."""
        if self.memory == "cuda":
            driver = cuda_driver()
            return driver.device if driver is not None else None
        on_processor = self.provider == "CPUExecutionProvider" or (
            self.provider_options.get("device_type") == "CPU"
        )
        return processor_name() if on_processor else None

    @property
    def uses_tf32(self) -> bool:
        """Whether factors of float32 products are rounded to 10 bits, as CUDA does by default.

        The option use_tf32=0 alone would not rule it out: ONNX Runtime tries again with TF32 where
        cuDNN has no other way. NVIDIA_TF32_OVERRIDE=0 does, for the whole process.
        """
        if self.memory != "cuda" or os.environ.get(TF32_OVERRIDE) == "0":
            return False
        driver = cuda_driver()
        return driver is None or driver.capability is None or driver.capability >= FIRST_WITH_TF32

    @property
    def captures(self) -> bool:
        """Whether a step is captured as a CUDA graph, to be launched as a whole."""
        return self.provider_options.get("enable_cuda_graph", "0").lower() in ("1", "true")

    @property
    def scalars(self) -> tuple[str, ...]:
        """The outputs of a step that hold the objective and the mean gradient, in this order."""
        return ("report",) if self.target in PACKED else ("objective", "mean")

    def move(
        self, height: int, width: int, length: float = 0.0, down: int = 0, across: int = 0
    ) -> Feed:
        """Return what `move_feed` does, in the form that this backend's steps take it in."""
        feed = move_feed(height, width, length, down, across)
        return packed(feed) if self.target in PACKED else feed

    @property
    def plain_options(self) -> dict[str, str]:
        """The provider options of a session whose steps are not captured."""
        options = dict(self.provider_options)
        options.pop("enable_cuda_graph", None)
        return options

    def with_options(self, options: Mapping[str, str]) -> Backend:
        """Return this backend with `options` added to its provider options."""
        return replace(self, provider_options={**self.provider_options, **options})


def _needs(provider: str, install: str) -> Callable[[], str | None]:
    def why_not() -> str | None:
        if provider in onnxruntime.get_available_providers():
            return None
        return f"this onnxruntime was built without {provider}; {install}"

    return why_not


BACKENDS = {
    backend.name: backend
    for backend in (  # best first: the order in which `auto` tries them
        Backend(
            "cuda",
            "CUDAExecutionProvider",
            "cuda",
            why_not_cuda,
            memory="cuda",
            # cuDNN's choice of algorithms belongs to a shape: a session that alternates between
            # shapes was reported to search again each time.
            fixed_sizes=True,
            provider_options={
                # EXHAUSTIVE, the default, times every algorithm for every convolution of every
                # octave before the first step; a dream has only ten steps in each.
                "cudnn_conv_algo_search": "HEURISTIC",
                # A step is launched as a whole. Its first runs are needed to capture it.
                "enable_cuda_graph": "1",
                # The other way rounds each extension of its memory up to a power of two.
                "arena_extend_strategy": "kSameAsRequested",
            },
        ),
        Backend(
            "tensorrt",
            "TensorrtExecutionProvider",
            "portable",
            why_not_tensorrt,
            memory="cuda",
            fixed_sizes=True,  # an engine is built for a range of shapes, best for one
            in_auto=False,  # building its engines can take minutes
        ),
        Backend(
            "webgpu",
            "WebGpuExecutionProvider",
            "portable",
            _needs(
                "WebGpuExecutionProvider",
                "in an environment of its own, pip install onnxruntime-webgpu",
            ),
            memory="gpu",
            fixed_sizes=True,
            in_auto=False,  # its device may be a processor that plays a GPU, a hundred times slower
        ),
        Backend(
            "openvino",
            "OpenVINOExecutionProvider",
            "portable",
            _needs(
                "OpenVINOExecutionProvider",
                "in an environment of its own, pip install onnxruntime-openvino",
            ),
            memory="cpu",
            fixed_sizes=True,  # it compiles for a shape
            margin=1,  # it has no pool whose window, 3 wide, is wider than its padded picture
            in_auto=False,  # its device may be the CPU
            provider_options={
                "device_type": "CPU",  # GPU and NPU by --provider-option
            },
        ),
        Backend(
            "cpu",
            "CPUExecutionProvider",
            "cpu",
            lambda: None,
            memory="cpu",
            # A session costs as much as ten steps at 182x158, and one for all sizes is as quick.
            fixed_sizes=False,
        ),
    )
}


def backend_named(name: str) -> Backend:
    """Return the backend called `name`, usable or not.

    A name that ends in ExecutionProvider is that provider of ONNX Runtime's. Raise DreamError when
    there is none of that name.
    """
    if name in BACKENDS:
        return BACKENDS[name]
    if name.endswith("ExecutionProvider"):
        return Backend(
            name,
            name,
            "portable",
            _needs(name, "`dream backends` lists what is usable"),
            memory="cpu",
            fixed_sizes=True,
        )
    known = nearest(name, ["auto", *BACKENDS])
    raise DreamError(f"there is no backend '{name}': {known}")
