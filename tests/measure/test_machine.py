"""The machine: as the system itself tells it, and as NVIDIA's tool would."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from ort_deepdream.measure import machine
from ort_deepdream.measure.machine import Others, describe, disturbances, this_machine

# A copy of nvidia-smi's answers, for there is no GPU in a test.
NVIDIA_SMI = """#!/bin/sh
case "$1" in
    *gpu=name*) echo "NVIDIA Test 9000, 81559, 570.1, [N/A]" ;;
    *utilization*) echo "37" ;;
    *pid,process_name*) echo "42, /usr/bin/other" ;;
    *used_memory*) echo "42, 512" ;;
esac
"""


def test_it_is_what_the_system_says():
    found = this_machine()
    assert found.cores == len(os.sched_getaffinity(0))
    assert found.memory == psutil.virtual_memory().total
    assert found.packages["numpy"][0].isdigit()
    assert any(name.startswith("onnxruntime") for name in found.packages)
    assert found.project
    assert "Linux" in found.system
    assert len("\n".join(describe(found)).splitlines()) >= 3


def test_folders_and_secrets_of_the_environment_are_not_kept(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("CUDA_HOME", "/home/somebody/cuda")
    monkeypatch.setenv("TORCH_API_KEY", "secret")
    monkeypatch.setenv("ORT_DEEPDREAM_CACHE", "/home/somebody/cache")
    assert this_machine().environment.get("OMP_NUM_THREADS") == "3"
    assert not {"CUDA_HOME", "TORCH_API_KEY", "ORT_DEEPDREAM_CACHE"} & set(
        this_machine().environment
    )


def test_without_nvidias_tool_nothing_is_known_of_a_gpu(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = this_machine()
    assert (found.gpu, found.gpu_memory, found.gpu_driver) == (None, None, None)
    assert (found.cuda, found.cudnn) == (None, None)


def test_nvidias_tool_is_read(monkeypatch, tmp_path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(NVIDIA_SMI)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = this_machine()
    assert (found.gpu, found.gpu_driver) == ("NVIDIA Test 9000", "570.1")
    assert found.gpu_memory == 81559 * 2**20
    assert found.gpu_power_limit is None
    said = disturbances()
    assert "the GPU was 37% busy before it began" in said
    assert "other processes hold the GPU: other" in said
    assert machine.device_memory(42) == 512 * 2**20
    assert machine.device_memory(43) is None


def test_a_commit_is_of_this_checkout_only(monkeypatch, tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    package = tmp_path / "site-packages" / "ort_deepdream" / "measure" / "machine.py"
    package.parent.mkdir(parents=True)
    monkeypatch.setattr(machine, "__file__", str(package))
    assert this_machine().commit is None


@pytest.fixture
def busy():
    """A process that keeps a core busy."""
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield child
    child.kill()
    child.wait()


def test_a_busy_neighbour_is_noticed(busy):
    assert any("other processes kept" in sentence for sentence in disturbances())


@pytest.mark.nightly
def test_ones_own_work_is_not_another_ones(busy):
    child = psutil.Process(busy.pid)

    def own():
        return sum(child.cpu_times()[:2])

    others, before = Others(), own()
    time.sleep(1.0)
    apart = others.busy()
    others, before = Others(), own()
    time.sleep(1.0)
    together = others.busy(own() - before)
    assert apart > together >= 0
