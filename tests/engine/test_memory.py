"""What a dream takes and what there is: the machine's memory, control groups', and ulimit's."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from sampled import sampled

from ort_deepdream.engine.machine import memory
from ort_deepdream.engine.machine.memory import available, bytes_needed, enough_memory
from ort_deepdream.errors import DreamError

MIB = 1 << 20
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
BUILTIN = Path(__file__).parents[2] / "weights" / "builtin"


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Writes what the kernel would say; nothing at first."""
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    for name, root in (("VERSION_1", "cgroup/memory"), ("VERSION_2", "cgroup")):
        files = replace(getattr(memory, name), root=tmp_path / root)
        monkeypatch.setattr(memory, name, files)

    def write(**files):
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content))

    return write


def machine(free, swap=0):
    return f"MemTotal:  99999999 kB\nMemAvailable: {free // 1024} kB\nSwapFree: {swap // 1024} kB\n"


def group(kernel, folder, limit, used=0, files=0, **more):
    """A group of version 2."""
    stat = f"anon 1\ninactive_file {files // 4}\nactive_file {files - files // 4}\n"
    names = {"memory.max": limit, "memory.current": used, "memory.stat": stat, **more}
    kernel(**{f"{folder}__{name}": f"{content}\n" for name, content in names.items()})


def test_nothing_is_known_without_proc(kernel):
    assert available() is None
    with enough_memory(10**6, 10**6, 16, on_cpu=True):
        pass


def test_the_machines(kernel):
    kernel(proc__meminfo=machine(500 * MIB, swap=100 * MIB))
    assert available() == memory.Room(600 * MIB, "free here")


def test_a_container_of_version_2(kernel):
    kernel(proc__meminfo=machine(9000 * MIB), proc__self__cgroup="0::/\n")
    group(kernel, "cgroup", 300 * MIB, used=120 * MIB, files=40 * MIB)
    assert available() == memory.Room(220 * MIB, "left by the container's limit")


def test_the_tightest_of_nested_groups(kernel):
    kernel(proc__meminfo=machine(9000 * MIB), proc__self__cgroup="0::/user/session\n")
    group(kernel, "cgroup__user__session", "max")
    group(kernel, "cgroup__user", 200 * MIB, used=150 * MIB)
    assert available().free == 50 * MIB


def test_a_path_as_seen_from_outside(kernel):
    """A container whose control groups are mounted as its own, and named as the host's."""
    kernel(proc__meminfo=machine(9000 * MIB), proc__self__cgroup="4:memory:/docker/abc\n0::/\n")
    kernel(
        **{
            "cgroup__memory__memory.limit_in_bytes": f"{100 * MIB}\n",
            "cgroup__memory__memory.usage_in_bytes": f"{30 * MIB}\n",
            "cgroup__memory__memory.stat": f"total_inactive_file {MIB}\ntotal_active_file {MIB}\n",
        }
    )
    assert available().free == 72 * MIB


@pytest.mark.parametrize(
    ("said", "free"), [("max", 150), ("0", 100), (str(20 * MIB), 120), (None, 150)]
)
def test_swap_counts_as_far_as_the_group_may_use_it(said, free, kernel):
    kernel(proc__meminfo=machine(9000 * MIB, swap=50 * MIB), proc__self__cgroup="0::/\n")
    more = {} if said is None else {"memory.swap.max": said}
    group(kernel, "cgroup", 100 * MIB, **more)
    assert available().free == free * MIB


def test_swap_of_version_1_is_counted_with_memory(kernel):
    kernel(proc__meminfo=machine(9000 * MIB, swap=50 * MIB), proc__self__cgroup="4:memory:/\n")
    kernel(
        **{
            "cgroup__memory__memory.limit_in_bytes": f"{100 * MIB}\n",
            "cgroup__memory__memory.memsw.limit_in_bytes": f"{130 * MIB}\n",
            "cgroup__memory__memory.usage_in_bytes": "0\n",
            "cgroup__memory__memory.stat": "total_inactive_file 0\ntotal_active_file 0\n",
        }
    )
    assert available().free == 130 * MIB


def test_a_group_that_is_over_its_limit_has_nothing_left(kernel):
    kernel(proc__meminfo=machine(9000 * MIB), proc__self__cgroup="0::/\n")
    group(kernel, "cgroup", 100 * MIB, used=120 * MIB)
    assert available().free == 0


@pytest.mark.parametrize("content", ["", "nonsense", "0::", "a\n\0b:c:d:e\n", ":::\n"])
def test_what_the_kernel_says_in_other_words_is_passed_over(content, kernel):
    kernel(proc__meminfo=content, proc__self__cgroup=content, proc__self__status=content)
    assert available() is None


@LINUX
def test_this_machines_own_numbers_are_plausible():
    assert 10 * MIB < available().free < 1 << 50


# ---------------------------------------------------------------- refused


def test_what_does_not_fit_is_refused_with_the_size_that_would(kernel):
    kernel(proc__meminfo=machine(2_000_000 * 1024))
    with pytest.raises(DreamError) as caught, enough_memory(3000, 4000, 16, on_cpu=True):
        pytest.fail("began")
    message = str(caught.value)
    assert message == (
        "a dream of 4000x3000 pixels takes about 8.2 GB of memory, and 2.0 GB are free here; "
        "1953x1464 would fit: make the picture smaller"
    )
    assert bytes_needed(1464, 1953, 16) <= 0.96 * 2_000_000 * 1024
    with enough_memory(1464, 1953, 16, on_cpu=True):
        pass


def test_an_early_layer_takes_less(kernel):
    kernel(proc__meminfo=machine(500_000_000))
    with enough_memory(1000, 1000, 4, on_cpu=True):
        pass
    with pytest.raises(DreamError, match=r"0\.68 GB"), enough_memory(1000, 1000, 8, on_cpu=True):
        pass


def test_other_devices_have_memory_of_their_own(kernel):
    kernel(proc__meminfo=machine(0))
    with enough_memory(9000, 9000, 16, on_cpu=False):
        pass


@pytest.mark.parametrize("on_cpu", [True, False])
def test_what_runs_out_on_the_way_is_one_line(on_cpu):
    with (
        pytest.raises(DreamError, match=r"100x80 pixels takes about 0\.01 GB.*not enough"),
        enough_memory(80, 100, 16, on_cpu),
    ):
        np.empty(1 << 60, np.uint8)


# ---------------------------------------------------------------- in earnest

DREAM = """
import re, resource, sys
from pathlib import Path
import numpy as np
from ort_deepdream import DreamError, Settings, dream, load_model
model = load_model(sys.argv[1], "cpu")
height, width, limit = map(int, sys.argv[2:5])
rgb = np.random.default_rng(0).uniform(0, 255, (height, width, 3)).astype(np.float32)
def peak():  # not getrusage's, which begins with the parent's
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
before = peak()
if limit:
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    settings = Settings(iterations=1, octaves=int(sys.argv[5]), seed=1)
    dream(model, rgb, settings, tile="off")
except DreamError as error:
    print("refused:", error)
else:
    print(peak() - before)
"""


def dreamt(layer, height, width, limit=0, octaves=1):
    numbers = [str(number) for number in (height, width, limit, octaves)]
    command = [sys.executable, "-c", DREAM, str(BUILTIN / layer), *numbers]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@LINUX
def test_ulimit_is_heeded():
    said = dreamt("inception_4c-output.onnx", 2000, 2000, limit=2_000_000_000)
    assert said.startswith("refused: a dream of 2000x2000 pixels takes about 2.7 GB of memory")
    assert "left by ulimit" in said


@LINUX
@pytest.mark.parametrize(
    ("layer", "octaves"),
    sampled(
        product(("conv2-3x3", "inception_3a-output", "inception_4c-output"), (1, 4)),
        lambda layer, octaves: (layer, octaves) in (("conv2-3x3", 4), ("inception_4c-output", 1)),
    ),
)
def test_the_estimate_is_what_a_dream_takes(layer, octaves):
    taken = int(dreamt(f"{layer}.onnx", 800, 1000, octaves=octaves))
    needed = bytes_needed(800, 1000, 4 if layer.startswith("conv2") else 8)
    assert 0.85 < taken / needed < 1.15


GROUPS = Path("/sys/fs/cgroup/memory")


@LINUX
@pytest.mark.slow
@pytest.mark.skipif(
    not os.access(GROUPS / "cgroup.procs", os.W_OK), reason="no groups of version 1 to write to"
)
def test_a_group_refuses_instead_of_killing():
    folder = GROUPS / f"test-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / "memory.limit_in_bytes").write_text(str(800 * MIB))
        code = f"open({str(folder / 'cgroup.procs')!r}, 'w').write('0')\n" + DREAM
        arguments = [str(BUILTIN / "inception_4c-output.onnx"), "1200", "1600", "0", "1"]
        ended = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stderr
        assert "left by the container's limit" in ended.stdout
    finally:
        folder.rmdir()
