"""The machine: as the system itself tells it, and as NVIDIA's tool would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import onnxruntime
import psutil
import pytest
import synthetic_results

from ort_deepdream.engine.machine.cores import quota, usable_cores
from ort_deepdream.measure import machine
from ort_deepdream.measure.machine import Others, describe, disturbances, this_machine
from ort_deepdream.version import VERSION

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
    assert found.cores == usable_cores()
    assert found.cpu_quota == quota()
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


def test_every_gpu_is_known_unless_one_was_chosen(monkeypatch, tmp_path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho NVIDIA A\necho NVIDIA B\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert machine.gpu_names() == ["NVIDIA A", "NVIDIA B"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert machine.gpu_names() == []


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


# --- what it was measured with --------------------------------------------------------------------


def git(folder: Path, *words: object) -> str:
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
    command = ["git", *who, "-C", *map(str, (folder, *words))]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout of its own, whose module this one is taken for."""
    folder = tmp_path / "checkout"
    module = folder / "measure" / "machine.py"
    module.parent.mkdir(parents=True)
    module.write_text("1\n")
    git(tmp_path, "init", "-q", folder)
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    monkeypatch.setattr(machine, "__file__", str(module))
    return folder


def test_the_commit_is_the_checkouts(checkout):
    commit = git(checkout, "rev-parse", "--short=12", "HEAD")
    assert this_machine().commit == commit
    (checkout / "untracked").touch()
    assert this_machine().commit == commit
    (checkout / "measure" / "machine.py").write_text("2\n")
    assert this_machine().commit == f"{commit}+"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root gives files away")
def test_the_commit_of_another_users_checkout_is_known(checkout):
    """As that of a container's job, whose files the host's user owns."""
    for path in [checkout, *checkout.rglob("*")]:
        os.chown(path, 65534, 65534)
    usual = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}  # CI's own may trust every folder
    status = ["git", "-C", checkout, "status"]
    refused = subprocess.run(status, env=usual, capture_output=True, text=True)
    assert "dubious ownership" in refused.stderr
    assert this_machine().commit


def test_what_a_checkout_has_configured_is_not_run(checkout, tmp_path):
    monitor = tmp_path / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch {tmp_path / 'was-run'}\n")
    monitor.chmod(0o755)
    git(checkout, "config", "core.fsmonitor", monitor)
    assert this_machine().commit
    assert not (tmp_path / "was-run").exists()


def test_a_hooks_repository_is_not_taken_for_it(checkout, tmp_path, monkeypatch):
    git(tmp_path, "init", "-q", tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    found = this_machine().commit
    monkeypatch.delenv("GIT_DIR")
    assert found == git(checkout, "rev-parse", "--short=12", "HEAD")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """An installed copy in the environment of another project; what pip noted is to be written."""
    git(tmp_path, "init", "-q", tmp_path)
    site = tmp_path / "site-packages"
    package = site / "ort_deepdream" / "measure" / "machine.py"
    package.parent.mkdir(parents=True)
    noted = site / "ort_deepdream-0.1.0.dist-info"
    noted.mkdir()
    (noted / "METADATA").write_text("Metadata-Version: 2.1\nName: ort-deepdream\nVersion: 0.1.0\n")
    monkeypatch.setattr(machine, "__file__", str(package))
    monkeypatch.syspath_prepend(str(site))
    return noted / "direct_url.json"


COMMIT = "0123456789abcdef0123456789abcdef01234567"
NOTED = {
    "a repository": ({"vcs_info": {"vcs": "git", "commit_id": COMMIT}}, COMMIT[:12]),
    "a folder": ({"url": "file:///src", "dir_info": {}}, None),
    "an archive": ({"url": "https://example.org/a.tar.gz", "archive_info": {}}, None),
    "something else": (["what"], None),
}


@pytest.mark.parametrize("source", NOTED)
def test_the_commit_of_an_installed_copy_is_what_pip_noted(installed, source):
    content, commit = NOTED[source]
    assert this_machine().commit is None  # such as a release
    assert this_machine().project == VERSION
    installed.write_text(json.dumps(content))
    assert this_machine().commit == commit
    installed.write_text("{")
    assert this_machine().commit is None


@pytest.mark.parametrize("noted", ["0123456789ab", "0123456789ab+\n"])
def test_the_commit_of_an_installed_copy_is_what_its_build_noted(installed, noted):
    installed.write_text(json.dumps({"url": "file:///src", "dir_info": {}}))
    path = installed.parents[1] / "ort_deepdream" / "commit.txt"
    path.write_text(noted)
    assert this_machine().commit == noted.strip()
    path.write_text("\x1b[2J")
    assert this_machine().commit is None


@pytest.mark.parametrize("name", ["onnxruntime-openvino", "onnxruntime-webgpu", "onnxruntime"])
def test_the_version_of_onnx_runtime_is_told_whatever_its_wheel_is_called(name):
    packages = {"numpy": "2.0.0", name: "1.2.3", "torch": "3.0"}
    lines = describe(synthetic_results.machine(packages=packages))
    assert lines[2] == f"python 3.11.0, {name} 1.2.3, torch 3.0, numpy 2.0.0"


def test_an_onnx_runtime_that_no_package_brings_has_a_version(monkeypatch):
    monkeypatch.setattr(machine, "distributions", list)
    assert this_machine().packages == {"onnxruntime": onnxruntime.__version__}


def test_what_a_terminal_shows_of_a_machine():
    told = synthetic_results.machine(gpu=None, cores=1, cpu_quota=0.5, commit=None)
    first, _, last = describe(told)
    assert first == "Synthetic Processor 4000, 1 core by a quota of 0.5, 14.9 GiB"
    assert last == "Synthetic OS 1; ort-deepdream 0.1.0"
    assert describe(synthetic_results.machine())[-1].endswith("0.1.0, commit 0123456789ab")


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
