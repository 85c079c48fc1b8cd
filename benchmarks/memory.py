"""Peak memory of two steps, the host's and the device's, each beside a control without any step.

The host's is the largest resident set of the process, imports and session included: subtract
the control. The device's is what nvidia-smi says of the whole GPU, less what was taken before.
The meters are asv's own and this file's, for old commits lack those of `ort_deepdream.measure`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import machine
from benchmarks.base import Benchmark, Prepared, check_gradient, loaded, network_image
from benchmarks.profiles import PROFILE

if TYPE_CHECKING:
    from ort_deepdream import Model

ON_NVIDIA = ("cuda", "tensorrt")


class Host(Benchmark):
    params = (PROFILE.backends, PROFILE.sizes)
    param_names = ("backend", "pixels")

    def setup(self, prepared: Prepared, backend: str, pixels: int) -> None:
        self.require_backend(prepared, backend, pixels)
        self.require_size(prepared, backend, pixels)

    def peakmem_two_steps(self, prepared: Prepared, backend: str, pixels: int) -> None:
        two_steps(loaded(prepared.model(backend), backend), pixels)


class HostControl(Benchmark):
    params = (PROFILE.backends,)
    param_names = ("backend",)

    def setup(self, prepared: Prepared, backend: str) -> None:
        self.require_backend(prepared, backend)

    def peakmem_session(self, prepared: Prepared, backend: str) -> None:
        loaded(prepared.model(backend), backend)


class Device(Benchmark):
    params = (PROFILE.backends, PROFILE.sizes)
    param_names = ("backend", "pixels")
    unit = "bytes"

    def setup(self, prepared: Prepared, backend: str, pixels: int) -> None:
        self.require_backend(prepared, backend, pixels)
        self.require_size(prepared, backend, pixels)
        if backend not in ON_NVIDIA:
            self.skip(f"nvidia-smi knows nothing of the backend {backend}", backend, pixels)

    def track_session(self, prepared: Prepared, backend: str, pixels: int) -> int:
        before = device_bytes()
        loaded(prepared.model(backend), backend)
        return device_bytes() - before

    def track_two_steps(self, prepared: Prepared, backend: str, pixels: int) -> int:
        before = device_bytes()
        two_steps(loaded(prepared.model(backend), backend), pixels)
        return device_bytes() - before  # ONNX Runtime's arena gives nothing back before the end


def two_steps(model: Model, pixels: int) -> None:
    """The least that holds a step's buffers at their steady size."""
    image = network_image(model, pixels, pixels)
    for _ in range(2):
        objective, gradient = model.gradient(image)
    check_gradient(image, objective, gradient)


def device_bytes() -> int:
    """Taken on the first GPU, by everybody."""
    used = machine.nvidia_smi("--query-gpu=memory.used")[0][0]
    return int(used) * 2**20
