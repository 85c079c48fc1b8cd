"""What a backend's device is called."""

from __future__ import annotations

import ctypes
import itertools
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

CUDA_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
CAPABILITY_MAJOR, CAPABILITY_MINOR = 75, 76  # attributes of a device, by CUDA's numbers
LONGEST_NAME = 256
# Lines of /proc/cpuinfo, on x86 and on ARM.
FEATURES = ("vendor_id", "cpu family", "model", "flags", "CPU implementer", "CPU part", "Features")


def processor_name() -> str:
    """Return the name of this machine's processor, as the system calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def processor_features() -> str | None:
    """Return what tells two kinds of processor apart, by which ONNX Runtime chooses its kernels.

    It is text from /proc/cpuinfo; None on other systems than Linux.
    """
    try:
        with Path("/proc/cpuinfo").open() as file:
            first = itertools.takewhile(str.strip, file)  # the same of every core
            lines = [line for line in first if line.startswith(FEATURES)]
    except OSError:
        return None
    return "".join(lines) or None


@dataclass(frozen=True)
class CudaDriver:
    """What NVIDIA's driver says of itself and of the first device."""

    cuda: tuple[int, int]  # the newest CUDA that it is for
    device: str | None  # its name; None without one
    capability: tuple[int, int] | None  # of the device


def cuda_driver() -> CudaDriver | None:
    """Return what the driver says; None where its library does not load, or is no driver's."""
    try:
        driver = load_library(CUDA_DRIVER)
        version = ctypes.c_int()
        if driver.cuDriverGetVersion(ctypes.byref(version)):
            return None
        name, capability = _first_device(driver)
    except (OSError, AttributeError):
        return None
    return CudaDriver((version.value // 1000, version.value % 1000 // 10), name, capability)


def _first_device(driver: ctypes.CDLL) -> tuple[str | None, tuple[int, int] | None]:
    name = ctypes.create_string_buffer(LONGEST_NAME)
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    failed = (
        driver.cuInit(0)
        or driver.cuDeviceGet(ctypes.byref(device), 0)
        or driver.cuDeviceGetName(name, LONGEST_NAME, device)
        or driver.cuDeviceGetAttribute(ctypes.byref(major), CAPABILITY_MAJOR, device)
        or driver.cuDeviceGetAttribute(ctypes.byref(minor), CAPABILITY_MINOR, device)
    )
    if failed:
        return None, None
    return name.value.decode(errors="replace"), (major.value, minor.value)


def load_library(name: str) -> ctypes.CDLL:
    """Load a shared library for all that come after it. Raise OSError when it does not load.

    Windows looks for it along PATH too, as it does for ONNX Runtime.
    """
    return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL, winmode=0)
