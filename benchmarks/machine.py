"""The machine and what is installed on it: what asv itself does not write down.

Beside `ort_deepdream.measure.machine`, and on purpose: asv runs these files on old commits, whose
package may not have it.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

GPU_FIELDS = ("name", "driver_version", "memory.total", "power.limit")
# Variables that change what is measured.
VARIABLES = re.compile(
    r"(ORT_|OMP_|MKL_|KMP_|OPENBLAS_|CUDA_|CUDNN_|NVIDIA_|TORCH|PYTORCH_|MALLOC_)\w*"
    r"|LD_PRELOAD|PYTHONHASHSEED"
)


def threads() -> int:
    """CPU threads of every contender: the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def free_memory() -> int | None:
    """Bytes that can be had without swapping; None where the system does not say."""
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return None
    found = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def load() -> float | None:
    """Processes that wanted a core, on average over the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def nvidia_smi(*arguments: str) -> list[list[str]]:
    """The rows of an nvidia-smi query. Raises OSError with the reason when there are none."""
    command = ["nvidia-smi", *arguments, "--format=csv,noheader,nounits"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise OSError(f"nvidia-smi: {(done.stderr or done.stdout).strip()}")
    return [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines()]


def gpus() -> tuple[list[dict[str, str]], str | None]:
    """NVIDIA's GPUs by nvidia-smi, and why none could be asked."""
    try:
        rows = nvidia_smi(f"--query-gpu={','.join(GPU_FIELDS)}")
    except (OSError, subprocess.TimeoutExpired) as error:
        return [], str(error)
    return [dict(zip(GPU_FIELDS, row, strict=True)) for row in rows], None


def packages() -> dict[str, str]:
    """Every package in the environment of the measurement."""
    found = {d.metadata["Name"]: d.version for d in metadata.distributions()}
    return dict(sorted(found.items(), key=lambda pair: pair[0].lower()))


def asv_version() -> str | None:
    """Of the asv that runs us: it is no part of our environment, but its script started us."""
    folder = Path(sys.argv[0]).resolve().parent
    if folder.name != "asv":
        return None
    found = metadata.distributions(name="asv", path=[str(folder.parent)])
    return next((d.version for d in found), None)


def describe() -> dict[str, object]:
    """All of it, for the sidecar."""
    found, missing = gpus()
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads(),
        "free_memory": free_memory(),
        "load": load(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "gpus": found,
        "gpus_missing": missing,
        "asv": asv_version(),
        "packages": packages(),
        "variables": {k: v for k, v in sorted(os.environ.items()) if VARIABLES.fullmatch(k)},
    }
