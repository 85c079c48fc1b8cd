"""Backends: the execution providers that a dream can run on, and why one cannot.

ONNX Runtime falls back to the CPU without a word when a provider's libraries are missing, so a
backend is asked for one by one and never believed before a session has said where its nodes are.
A backend is one entry in `BACKENDS`; docs/backends.md tells what was verified on each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import onnxruntime

from ort_deepdream.engine.providers.devices import cuda_driver, processor_name
from ort_deepdream.engine.providers.libraries import why_not_cuda, why_not_tensorrt
from ort_deepdream.engine.providers.plugins import DEVICE_TYPE, Plugin, is_built_in, plugin_of
from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.step import PACKED, Feed, move_feed, packed

# ONNX Runtime prints its own lines when a provider fails to load; ours say what to do about it.
FATAL_ONLY = 4

TF32_OVERRIDE = "NVIDIA_TF32_OVERRIDE"  # cuBLAS and cuDNN read it when they are loaded
FIRST_WITH_TF32 = (8, 0)
# Where the processor has no such arithmetic, OpenVINO computes in float32 all the same.
BFLOAT16 = '{"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}}'
RTX = "onnxruntime-ep-nv-tensorrt-rtx-cu13"


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
    whole_windows: bool = False  # it has no pool whose window is wider than its padded picture
    provider_options: Mapping[str, str] = field(default_factory=dict)
    plugin: Plugin | None = None  # with the provider, for an onnxruntime that was built without it
    # The provider options that have it compute float32 files in another type, by that type.
    roundings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def plugged_in(self) -> Plugin | None:
        """The plug-in that its provider comes from: a file that was named, or for want of it."""
        named = self.plugin is not None and self.plugin.file is not None
        return self.plugin if named or not is_built_in(self.provider) else None

    def as_installed(self) -> Backend:
        """Return this backend as its provider is installed here.

        What a plug-in's device memory is called in Python differs from provider to provider, so
        there the picture is in the host's.

        Raise DreamError when its plug-in has no device of the type that was asked for.
        """
        if self.plugged_in is None:
            return self
        self.plugged_in.device(self.provider_options)  # there is one of the type asked for
        return replace(self, memory="cpu")

    @property
    def device(self) -> str | None:
        """What the device is called, where that can be told."""
        if self.memory == "cuda":
            driver = cuda_driver()
            return driver.device if driver is not None else None
        if self.plugged_in is not None:
            return _device_of(self.plugged_in, self.provider_options)
        on_processor = self.provider == "CPUExecutionProvider" or (
            self.provider_options.get(DEVICE_TYPE) == "CPU"
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
    def rounding(self) -> str | None:
        """The type that it computes float32 files in by its options, such as bfloat16."""
        given = self.provider_options.items()
        return next((name for name, by in self.roundings.items() if by.items() <= given), None)

    def in_precision(self, name: str) -> Backend:
        """Return this backend, computing in the type called `name`, float32 or what it has.

        Raise DreamError when it does not have it.
        """
        if name == "float32":
            return self
        if name not in self.roundings:
            others = [backend.name for backend in BACKENDS.values() if name in backend.roundings]
            have = f"{' and '.join(others)} has it" if others else "no backend has it"
            raise DreamError(f"backend {self.name} does not compute in {name}; {have}")
        return self.with_options(self.roundings[name])

    def margin(self, stride: int) -> int:
        """Return how many pixels beyond a layer's stride a side must have.

        GoogLeNet's pools of 3 with a stride of 2 read two elements where a side is as long as the
        stride; they read three from one half longer on, less a pixel.
        """
        return max(stride // 2 - 1, 0) if self.whole_windows else 0

    @property
    def captures(self) -> bool:
        """Whether a step is captured as a CUDA graph, to be launched as a whole."""
        return self.provider_options.get("enable_cuda_graph", "0").lower() in ("1", "true")

    @property
    def channels_last(self) -> bool:
        """Whether CUDA computes convolutions and pools with a pixel's channels side by side."""
        return self.provider_options.get("prefer_nhwc", "0").lower() in ("1", "true")

    @property
    def file_target(self) -> str:
        """The graph target that its gradient files should be exported for.

        With the channels last, a pool's numbers of elements count in another order: CUDA's float32
        graphs would send gradients to wrong places, and portable ones ask for no numbers. CUDA's
        float16 graphs ask in one channel at a time, where both orders are the same.
        """
        return "portable" if self.channels_last else self.target

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


def _device_of(plugin: Plugin, options: Mapping[str, str]) -> str | None:
    if not plugin.is_there or plugin.why_not() is not None:
        return None
    hardware = plugin.device(options).device
    kind = str(hardware.type.name)
    return processor_name() if kind == "CPU" else f"{hardware.vendor} {kind}".strip()


def _needs(provider: str, install: str, plugin: Plugin | None = None) -> Callable[[], str | None]:
    def why_not() -> str | None:
        if is_built_in(provider):
            return None
        if plugin is not None and plugin.is_there:
            return plugin.why_not()
        return f"this onnxruntime was built without {provider}; {install}"

    return why_not


def _plugged_in(plugin: Plugin, **differences: Any) -> Backend:
    """Return a backend whose provider comes as a plug-in, in a package, if it is not built in."""
    usual: dict[str, Any] = {
        "name": plugin.package.removeprefix("onnxruntime-").removeprefix("ep-"),
        "memory": "cpu",
        "fixed_sizes": True,
        "in_auto": False,
    }
    return Backend(
        provider=plugin.provider,
        target="portable",
        why_not=_needs(plugin.provider, f"pip install {plugin.package}", plugin),
        plugin=plugin,
        **usual | differences,
    )


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
        _plugged_in(
            Plugin("NvTensorRTRTXExecutionProvider", RTX, "onnxruntime_ep_nv_tensorrt_rtx"),
            name="nv-tensorrt-rtx",
        ),
        _plugged_in(
            Plugin("WebGpuExecutionProvider", "onnxruntime-ep-webgpu", "onnxruntime_ep_webgpu"),
            memory="gpu",
            # Its device may be a processor that plays a GPU, a hundred times slower.
            in_auto=False,
        ),
        _plugged_in(
            Plugin(
                "OpenVINOExecutionProvider",
                "onnxruntime-ep-openvino",
                "onnxruntime_ep_openvino",
                otherwise="it knows Intel's; for other processors, in an environment of its own, "
                "pip install onnxruntime-openvino",
            ),
            fixed_sizes=True,  # it compiles for a shape
            whole_windows=True,
            in_auto=False,  # its device may be the CPU
            provider_options={
                DEVICE_TYPE: "CPU",  # GPU and NPU by --provider-option
            },
            roundings={"bfloat16": {"load_config": BFLOAT16}},
        ),
        _plugged_in(Plugin("QNNExecutionProvider", "onnxruntime-qnn", "onnxruntime_qnn")),
        Backend(  # written by ONNX Runtime's tables, and never run
            "coreml",
            "CoreMLExecutionProvider",
            "coreml",
            _needs("CoreMLExecutionProvider", "the onnxruntime for macOS has it"),
            memory="cpu",
            fixed_sizes=True,  # an ML Program has no operator that waits for a size
            in_auto=False,
            provider_options={
                "ModelFormat": "MLProgram",
                # The Neural Engine computes in float16, which the masks' slope does not fit into.
                "MLComputeUnits": "CPUAndGPU",
                "RequireStaticInputShapes": "1",
            },
        ),
        Backend(  # as coreml
            "directml",
            "DmlExecutionProvider",
            "portable",
            _needs(
                "DmlExecutionProvider",
                "on Windows, in an environment of its own, pip install onnxruntime-directml",
            ),
            memory="cpu",
            fixed_sizes=True,
            in_auto=False,
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


MEANT = {"gpu": "cuda", "nvidia": "cuda"}  # rather than what is spelt alike


def backend_named(name: str) -> Backend:
    """Return the backend called `name`, usable or not.

    A name that ends in ExecutionProvider is that provider of ONNX Runtime's. Raise DreamError when
    there is none of that name.
    """
    if name in BACKENDS:
        return BACKENDS[name]
    if name.endswith("ExecutionProvider"):
        return _other(name, _needs(name, "`dream backends` lists what is usable"))
    known = nearest(MEANT.get(name.lower(), name), ["auto", *BACKENDS])
    raise DreamError(f"there is no backend '{name}': {known}")


def backend_in(library: Path, name: str = "auto") -> Backend:
    """Return the backend whose provider is in a plug-in's file, by any name; `auto`: the file's.

    Raise DreamError when the library does not load, has no device here, or is not `name`'s.
    """
    known = BACKENDS.get(name)
    if known is not None and known.plugin is None:
        raise DreamError(f"{library}: backend {name} is no plug-in's; leave --backend away")
    plugin = plugin_of(library, known.provider if known else name.removeprefix("auto"))
    called = name if known else plugin.provider
    provider = plugin.device({}).ep_name
    usual = known or _other(called, plugin.why_not)
    return replace(usual, provider=provider, why_not=plugin.why_not, plugin=plugin)


def open_session(
    backend: Backend,
    graph: bytes | str,
    options: onnxruntime.SessionOptions,
    provider_options: Mapping[str, str],
) -> onnxruntime.InferenceSession:
    """Make a session on a backend, by its plug-in where its provider comes from one.

    `provider_options` take the place of the backend's own.
    """
    if backend.plugged_in is not None:
        backend.plugged_in.choose(options, provider_options)
        return onnxruntime.InferenceSession(graph, options, enable_fallback=False)
    return onnxruntime.InferenceSession(
        graph,
        options,
        providers=[(backend.provider, dict(provider_options))],
        enable_fallback=False,  # to the CPU, with a message of its own
    )


def _other(name: str, why_not: Callable[[], str | None]) -> Backend:
    return Backend(name, name, "portable", why_not, memory="cpu", fixed_sizes=True)
