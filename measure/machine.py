"""The machine that something is measured on: what it is, and who else is using it."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path

import onnxruntime
import psutil

from ort_deepdream.engine.machine.cores import quota, usable_cores
from ort_deepdream.engine.providers.devices import processor_name
from ort_deepdream.measure.result import Machine
from ort_deepdream.version import VERSION

PACKAGES = re.compile(r"(onnxruntime|nvidia|tensorrt|openvino)([-_].*)?|numpy|pillow|torch|triton")
VARIABLES = re.compile(
    r"(OMP|MKL|OPENBLAS|KMP|GOMP|CUDA|CUDNN|CUBLAS|NVIDIA|ORT|TORCH|PYTORCH|MALLOC)_\w+"
)
PRIVATE = re.compile(
    r".*(PATH|HOME|ROOT|DIR|CACHE|FILE|TOKEN|KEY)\w*"
)  # folders are the user's own

BUSY_CORES = 0.25  # of other processes, above which a measurement is disturbed
BUSY_GPU = 5  # percent
WATCHED = 0.5  # seconds for which other processes are watched

GPU_QUERY = "name,memory.total,driver_version,power.limit"


def this_machine() -> Machine:
    """Return what the figures depend on besides the code."""
    gpu = _gpu()
    return Machine(
        processor=processor_name(),
        cores=usable_cores(),
        cpu_quota=quota(),
        memory=psutil.virtual_memory().total,
        system=_system(),
        python=platform.python_version(),
        packages=_packages(),
        project=VERSION,
        commit=_commit(),
        environment=_environment(),
        gpu=gpu.get("name"),
        gpu_memory=int(float(gpu["memory.total"]) * 2**20) if "memory.total" in gpu else None,
        gpu_driver=gpu.get("driver_version"),
        gpu_power_limit=float(gpu["power.limit"]) if "power.limit" in gpu else None,
        cuda=_wheel("nvidia-cuda-runtime") if gpu else None,
        cudnn=_wheel("nvidia-cudnn") if gpu else None,
    )


def describe(machine: Machine) -> list[str]:
    """Return a machine in lines of at most 80 characters or so."""
    # ONNX Runtime comes in wheels of several names: onnxruntime-gpu, onnxruntime-openvino ...
    shown = [name for name in machine.packages if name.startswith("onnxruntime")]
    shown += [name for name in ("torch", "numpy") if name in machine.packages]
    versions = [f"{name} {machine.packages[name]}" for name in shown]
    commit = f", commit {machine.commit}" if machine.commit else ""
    lines = [
        f"{machine.processor}, {_cores(machine)}, {machine.memory / 2**30:.1f} GiB",
        f"python {machine.python}, {', '.join(versions)}",
        f"{machine.system}; ort-deepdream {machine.project}{commit}",
    ]
    if machine.gpu is not None:
        memory = "" if machine.gpu_memory is None else f", {machine.gpu_memory / 2**30:.0f} GiB"
        lines.insert(1, f"{machine.gpu}{memory}, driver {machine.gpu_driver}")
    return lines


def _cores(machine: Machine) -> str:
    counted = f"{machine.cores} core{'s' if machine.cores != 1 else ''}"
    granted = machine.cpu_quota
    return counted if granted is None else f"{counted} by a quota of {granted:g}"


def disturbances() -> list[str]:
    """Return who else is using this machine, in sentences, after watching for WATCHED seconds."""
    return [*_busy_processes(), *_busy_gpu()]


class Others:
    """The cores that other processes keep busy, from one moment to the next."""

    def __init__(self) -> None:
        self.before = self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        # On Linux a guest's time is in `user` already.
        double = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        total = sum(times) - double
        return total - idle, total

    def busy(self, own: float = 0.0) -> float:
        """Return the busy cores since the last call, less `own` seconds of processor time."""
        (busy, total), (busy_before, total_before) = self._now(), self.before
        self.before = busy, total
        elapsed = (total - total_before) / (psutil.cpu_count() or 1)
        return max(0.0, (busy - busy_before - own) / elapsed) if elapsed > 0 else 0.0


def _busy_processes() -> Iterator[str]:
    processes = [process for process in psutil.process_iter() if process.pid != os.getpid()]
    for process in processes:
        _share(process)  # the first call begins the count
    others, own = Others(), sum(psutil.Process().cpu_times()[:2])
    psutil.cpu_percent(WATCHED)
    busy = others.busy(sum(psutil.Process().cpu_times()[:2]) - own)
    if busy > BUSY_CORES:
        worst = max(processes, key=_share, default=None)
        name = _name(worst) if worst is not None else ""
        most = f", most of all {name}" if name else ""
        yield f"other processes kept {busy:.1f} cores busy as it began{most}"


def _share(process: psutil.Process) -> float:
    try:
        return float(process.cpu_percent())
    except psutil.Error:
        return 0.0


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return ""


def _busy_gpu() -> Iterator[str]:
    used = _nvidia_smi("--query-gpu=utilization.gpu")
    if used and used[0][0].isdecimal() and int(used[0][0]) > BUSY_GPU:
        yield f"the GPU was {used[0][0]}% busy before it began"
    others = _nvidia_smi("--query-compute-apps=pid,process_name")
    if others:
        names = ", ".join(sorted({Path(row[-1]).name for row in others}))
        yield f"other processes hold the GPU: {names}"


def device_memory(process: int) -> int | None:
    """Return the bytes of GPU memory that a process holds, where nvidia-smi knows them."""
    for row in _nvidia_smi("--query-compute-apps=pid,used_memory"):
        if row[0] == str(process) and row[-1].isdecimal():
            return int(row[-1]) * 2**20
    return None


def gpu_names() -> list[str]:
    """Return the names of all NVIDIA GPUs, in the order of their numbers.

    None where `CUDA_VISIBLE_DEVICES` has chosen already.
    """
    chosen = "CUDA_VISIBLE_DEVICES" in os.environ
    return [] if chosen else [row[0] for row in _nvidia_smi("--query-gpu=name")]


def _gpu() -> dict[str, str]:
    """Return the first GPU's answers to GPU_QUERY, without those that it does not know."""
    rows = _nvidia_smi(f"--query-gpu={GPU_QUERY}")
    if not rows:
        return {}
    answers = zip(GPU_QUERY.split(","), rows[0], strict=False)
    return {key: value for key, value in answers if not value.startswith("[")}


def _nvidia_smi(query: str) -> list[list[str]]:
    """Return rows of cells; none where there is no NVIDIA driver."""
    words = ["nvidia-smi", query, "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return []
    return [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines() if line]


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform()
    return f"{name}, {platform.platform()}"


def _packages() -> dict[str, str]:
    # A package that was half removed has no name.
    known = [(package.name.lower(), package.version) for package in distributions() if package.name]
    found = {name: number for name, number in known if PACKAGES.fullmatch(name) and number}
    if not any(name.startswith("onnxruntime") for name in found):  # as it can come without pip
        found["onnxruntime"] = onnxruntime.__version__
    return dict(sorted(found.items()))


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in sorted(os.environ.items())
        if VARIABLES.fullmatch(name) and not PRIVATE.fullmatch(name)
    }


def _wheel(name: str) -> str | None:
    """Return the version of a wheel whose name may end in CUDA's: nvidia-cudnn-cu13."""
    pattern = re.compile(rf"{name}(-cu\d+)?")
    found = (number for package, number in _packages().items() if pattern.fullmatch(package))
    return next(found, None)


def _commit() -> str | None:
    """Return the commit of what runs, with a + when files of a checkout differ from it.

    It is the checkout's, what pip noted when it installed from a repository, or what the build did
    in a checkout (scripts/fresh_build.py). Other installed copies have a version only: None.
    """
    return _commit_of_checkout(Path(__file__).resolve().parents[1]) or _commit_of_install()


def _commit_of_checkout(folder: Path) -> str | None:
    with suppress(OSError, subprocess.SubprocessError):
        if Path(_git(folder, "rev-parse", "--show-toplevel")).resolve() != folder:
            return None  # of another project, in whose environment this one is installed
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no", ":/")
        return _git(folder, "rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    return None


def _git(folder: Path, *words: str) -> str:
    """Ask git of a checkout that may be another user's, as in a container, and change nothing."""
    trusted = ("-c", f"safe.directory={folder}", "-c", "core.fsmonitor=false")
    command = ["git", "--no-optional-locks", *trusted, *words]
    # A hook's variables name the repository that the hook is of.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        command, cwd=folder, env=outside, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()


def _commit_of_install() -> str | None:
    """Return the commit that pip installed, where that was from a repository or a checkout."""
    with suppress(PackageNotFoundError, OSError, ValueError, KeyError, TypeError):
        noted = json.loads(distribution("ort-deepdream").read_text("direct_url.json") or "{}")
        return str(noted["vcs_info"]["commit_id"])[:12]
    with suppress(OSError, ValueError):
        return _built_of(Path(__file__).resolve().parents[1] / "commit.txt")
    return None


def _built_of(path: Path) -> str | None:
    text = path.read_text("ascii").strip()
    return text if re.fullmatch(r"[0-9a-f]{7,40}\+?", text) else None
