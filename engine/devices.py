"""What a backend's device is called."""

from __future__ import annotations

import ctypes
import itertools
import platform
import sys
from pathlib import Path

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


def cuda_device_name() -> str | None:
    """Return the name of the first CUDA device, as its driver calls it; None without one."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        name = ctypes.create_string_buffer(LONGEST_NAME)
        device = ctypes.c_int()
        failed = (
            driver.cuInit(0)
            or driver.cuDeviceGet(ctypes.byref(device), 0)
            or driver.cuDeviceGetName(name, LONGEST_NAME, device)
        )
    except (OSError, AttributeError):
        return None
    return None if failed else name.value.decode(errors="replace")
