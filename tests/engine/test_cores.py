"""Threads follow what a container and the affinity leave of the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ort_deepdream.engine.machine import cores

LINUX = pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="no Linux")


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A machine of 4 cores with 2 logical processors each, in whatever control groups."""
    monkeypatch.setattr(cores, "PROC", tmp_path)
    monkeypatch.setattr(cores, "GROUPS", tmp_path / "groups")
    monkeypatch.setattr(cores, "TOPOLOGY", tmp_path / "cpu")
    for number in range(8):
        folder = tmp_path / "cpu" / f"cpu{number}" / "topology"
        folder.mkdir(parents=True)
        (folder / "physical_package_id").write_text("0\n")
        (folder / "core_id").write_text(f"{number % 4}\n")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    may_use(monkeypatch, range(8))

    def make(groups: str, **files: str) -> None:
        (tmp_path / "self").mkdir()
        (tmp_path / "self" / "cgroup").write_text(groups)
        for name, text in files.items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return make


def may_use(monkeypatch: pytest.MonkeyPatch, processors: object) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(processors), raising=False)


V2 = "0::/a/b\n"
V1 = "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n0::/\n"
CASES = {
    "nothing is limited": (V2, {"a/b/cpu.max": "max 100000"}, None, None),
    "half a core": (V2, {"a/b/cpu.max": "50000 100000\n"}, 0.5, 1),
    "one core and a half": (V2, {"a/b/cpu.max": "150000 100000"}, 1.5, 2),
    "of the group around it": (
        V2,
        {"a/b/cpu.max": "max 100000", "a/cpu.max": "200000 100000"},
        2.0,
        2,
    ),
    "the least of several": (
        V2,
        {"a/b/cpu.max": "300000 100000", "a/cpu.max": "200000 100000"},
        2.0,
        2,
    ),
    "as much as there is": (V2, {"a/b/cpu.max": "400000 100000"}, 4.0, None),
    "more than there is": (V2, {"a/b/cpu.max": "600000 100000"}, 6.0, None),
    "in its own name space": ("0::/\n", {"cpu.max": "100000 100000"}, 1.0, 1),
    "version 1": (
        V1,
        {"cpu/docker/1/cpu.cfs_quota_us": "250000", "cpu/docker/1/cpu.cfs_period_us": "100000"},
        2.5,
        3,
    ),
    "version 1, mounted in a container": (
        V1,
        {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"},
        0.5,
        1,
    ),
    "version 1, unlimited": (
        V1,
        {"cpu/docker/1/cpu.cfs_quota_us": "-1", "cpu/docker/1/cpu.cfs_period_us": "100000"},
        None,
        None,
    ),
    "damaged": (V2, {"a/b/cpu.max": "x y z"}, None, None),
    "not mounted": (V2, {}, None, None),
}


@pytest.mark.parametrize("case", CASES)
def test_a_quota(case, system):
    groups, files, quota, threads = CASES[case]
    system(groups, **files)
    assert cores.quota() == quota
    assert cores.default_threads() == threads


AFFINITIES = [({0}, 1), ({0, 1}, 2), ({0, 4}, 1), ({0, 1, 2, 3}, None), ({1, 2, 5}, 2)]


@pytest.mark.parametrize(("processors", "threads"), AFFINITIES)
def test_affinity(processors, threads, system, monkeypatch):
    system(V2)
    may_use(monkeypatch, processors)
    assert cores.default_threads() == threads
    assert cores.cores() == len(processors)


def test_both(system, monkeypatch):
    system(V2, **{"a/b/cpu.max": "300000 100000"})
    may_use(monkeypatch, {0, 1})
    assert cores.default_threads() == cores.usable_cores() == 2


def test_where_nothing_is_known_the_default_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(cores, "PROC", tmp_path / "none")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert cores.quota() is None
    assert cores.default_threads() is None


@LINUX
def test_a_process_with_one_core_of_several_starts_no_thread_beside_its_own():
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one core")
    code = (
        "import os, time\n"
        "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "from ort_deepdream import load_model\n"
        "from ort_deepdream.engine.shaping import GRAPHS\n"
        "def now():\n"
        "    time.sleep(0.005)\n"
        "    return len(os.listdir('/proc/self/task'))\n"
        "for threads in (1, None, 2):\n"
        "    model = load_model(GRAPHS / 'probe.onnx', 'cpu', threads)\n"
        "    print(min(now() for _ in range(9)))\n"  # some are ended as soon as they are started
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    one, default, two = map(int, done.stdout.split())
    assert default == one < two


@pytest.fixture
def half_a_core() -> Iterator[Path]:
    """A real control group of version 1."""
    path = Path("/sys/fs/cgroup/cpu/ort-deepdream-test")
    try:
        path.mkdir()
        (path / "cpu.cfs_quota_us").write_text("50000")
    except OSError:
        pytest.skip("no control group can be made here")
    yield path
    path.rmdir()


def test_a_real_quota(half_a_core):
    code = (
        "import os, sys\n"
        "open(sys.argv[1], 'w').write(str(os.getpid()))\n"
        "from ort_deepdream.engine.machine.cores import default_threads, quota\n"
        "print(quota(), default_threads())\n"
    )
    words = [sys.executable, "-c", code, half_a_core / "cgroup.procs"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "0.5 1\n"
