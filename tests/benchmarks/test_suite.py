"""The benchmarks as asv sees them: found without heavy imports, run once, skipped with reasons."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import ort_deepdream.export
from benchmarks import base, profiles, sidecar
from benchmarks.steps import Gradient
from ort_deepdream import BACKENDS

ROOT = Path(__file__).parents[2]
HEAVY = ("ort_deepdream", "onnx", "onnxruntime", "torch")  # asv itself has numpy
MODULES = {"cold", "correctness", "dreams", "exports", "graphs", "memory", "peers", "steps"}
DISCOVER = """
import json, sys
from asv_runner._aux import update_sys_path
from asv_runner.discovery import disc_benchmarks
update_sys_path(sys.argv[1])
found = [{"name": b.name, "params": b.params, "version": b.version, "timeout": b.timeout}
         for b in disc_benchmarks(sys.argv[1])]
print(json.dumps([found, sorted(sys.modules)]))
"""


def discover(**variables: str) -> subprocess.CompletedProcess[str]:
    """What asv finds, in a fresh interpreter outside the checkout."""
    return subprocess.run(
        [sys.executable, "-c", DISCOVER, str(ROOT / "benchmarks")],
        env={**os.environ, **variables},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("profile", profiles.PROFILES)
def test_they_are_found_without_heavy_imports(profile):
    found, modules = json.loads(discover(ORT_DEEPDREAM_BENCH=profile).stdout)
    assert not {name.partition(".")[0] for name in modules} & set(HEAVY)
    names = [benchmark["name"] for benchmark in found]
    assert len(names) == len(set(names))
    assert {name.partition(".")[0] for name in names} == MODULES
    assert ("peers.Compiled.time_step" in names) == (profile == "full")
    for benchmark in found:
        assert benchmark["version"].isdecimal(), benchmark["name"]  # by hand: see README.md
        assert benchmark["timeout"] > 60, benchmark["name"]


def test_an_unknown_profile_is_refused_in_one_line():
    done = discover(ORT_DEEPDREAM_BENCH="quik")
    assert done.returncode != 0
    assert done.stderr == "ORT_DEEPDREAM_BENCH is 'quik': set it to one of quick, normal, full\n"


def test_every_backend_of_the_engine_is_asked():
    assert set(profiles.BACKENDS) == set(BACKENDS)


def test_profiles_grow():
    quick, normal, full = profiles.PROFILES.values()
    for less, more in ((quick, normal), (normal, full)):
        assert set(less.sizes) < set(more.sizes)
        assert set(less.dreams) < set(more.dreams)
        assert set(less.backends) <= set(more.backends)
        assert less.rounds < more.rounds
    assert (min(full.sizes), max(full.sizes)) == (64, 2048)


# --- each of them, once ---------------------------------------------------------------------------

SMALLEST = {"backend": "cpu", "pixels": 64, "target": "cpu"}


def benchmarks_there() -> list[Any]:
    from asv_runner.discovery import disc_benchmarks

    return list(disc_benchmarks(str(ROOT / "benchmarks")))


def run_once(benchmark: Any, prepared: base.Prepared) -> Any:
    """As asv's runner does, in this process; None when it is skipped."""
    wanted = tuple(SMALLEST[name] for name in benchmark.param_names)
    benchmark._current_params = tuple(
        value if value in values else values[0]
        for value, values in zip(wanted, benchmark._params, strict=True)
    )
    benchmark._attr_sources.insert(0, Once)
    benchmark.set_cache(prepared)
    if benchmark.do_setup():
        return None
    try:
        return benchmark.do_run()
    finally:
        benchmark.do_teardown()


class Once:
    rounds = repeat = number = 1


SLOW = ("exports.", "dreams.", "peers.", "cold.", "correctness.GradientError")
SLOWEST = ("dreams.Square", "cold.Import.timeraw_command", "exports.Export.timeraw_export")
SKIPPED = ("memory.Device.",)  # on the CPU
NAMES = [benchmark.name for benchmark in benchmarks_there()]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            name,
            marks=[pytest.mark.nightly if name.startswith(SLOWEST) else pytest.mark.slow]
            if name.startswith(SLOW)
            else [],
        )
        for name in NAMES
    ],
)
def test_each_runs_once(name, prepared):
    (benchmark,) = [one for one in benchmarks_there() if one.name == name]
    result = run_once(benchmark, prepared)
    if name.startswith(SKIPPED):
        assert result is None
    elif isinstance(result, dict):
        assert min(result["samples"]) > 0
    else:
        assert result >= 0
        if not name.endswith("track_strays"):
            assert result > 0


# --- skips and their reasons ----------------------------------------------------------------------


def skipped() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(sidecar.path().read_text("utf-8"))["skipped"]
    return found


def test_a_backend_that_is_not_there_is_skipped_with_its_reason(prepared, sidecar_root):
    name, reason = next((n, r) for n, r in prepared.backends.items() if r)
    for _ in range(2):  # a second round adds nothing
        with pytest.raises(NotImplementedError):
            Gradient().setup(prepared, name, 64)
    assert sidecar.path().is_relative_to(sidecar_root)
    expected = {
        "benchmark": "steps.Gradient",
        "parameters": {"backend": name, "pixels": 64},
        "reason": reason,
    }
    assert skipped().count(expected) == 1


def test_what_would_take_too_long_is_skipped(prepared):
    slow = dataclasses.replace(prepared, seconds={"cpu": 1000.0})
    with pytest.raises(NotImplementedError, match=r"a step would take about 64000\.0 s"):
        Gradient().setup(slow, "cpu", 1024)
    assert skipped()[-1]["parameters"] == {"backend": "cpu", "pixels": 1024}


def test_what_needs_more_memory_than_there_is_is_skipped(prepared, monkeypatch):
    monkeypatch.setattr(base.machine, "free_memory", lambda: 10**9)
    quick = dataclasses.replace(prepared, seconds={"cpu": 0.001})
    with pytest.raises(NotImplementedError, match=r"needs about 1\.6 GB, and 1\.0 GB are free"):
        Gradient().setup(quick, "cpu", 1024)


def test_a_commit_without_an_exporter_is_skipped(tmp_path, monkeypatch):
    monkeypatch.setenv("ASV_CONF_DIR", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ort_deepdream.export.targets", None)
    lacking = base.prepare(tmp_path)
    with pytest.raises(NotImplementedError, match=r"has no ort_deepdream\.export\.targets"):
        Gradient().setup(lacking, "cpu", 64)
    assert skipped()[-1]["reason"] == "this commit has no ort_deepdream.export.targets"


def test_a_package_that_the_environment_lacks_is_no_reason_to_skip(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    # What is imported anew becomes the package's attribute; so that the old one comes back:
    monkeypatch.setattr(ort_deepdream, "export", ort_deepdream.export)
    for name in [name for name in sys.modules if name.startswith("ort_deepdream.export")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ModuleNotFoundError, match="onnx"):
        base.prepare(tmp_path)


def test_the_sidecar_has_what_asv_does_not_write_down(prepared):
    found = json.loads(sidecar.path().read_text("utf-8"))
    assert found["schema"] == "ort-deepdream/asv-sidecar"
    assert found["packages"]["onnxruntime-gpu"]
    assert found["threads"] >= 1
    assert set(found["backends"]) == set(profiles.BACKENDS)
    assert found["backends"]["cpu"] is None
    assert bool(found["gpus"]) != bool(found["gpus_missing"])
    assert found["profile"] == profiles.PROFILE.name
    assert [line for line in found["left_out"] if "2048" in line]


# --- through asv itself ---------------------------------------------------------------------------


@pytest.mark.nightly
def test_asv_runs_them_in_this_environment(tmp_path):
    """Those of the graph, in a scratch clone whose benchmarks are the checkout's."""
    clone, home = tmp_path / "clone", tmp_path / "home"
    home.mkdir()
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    # asv.conf.json names the branch; CI's checkout is a commit without one.
    subprocess.run(["git", "checkout", "-q", "-B", "main"], cwd=clone, check=True)
    shutil.rmtree(clone / "benchmarks", ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "benchmarks", clone / "benchmarks", ignore=ignored)
    shutil.copy(ROOT / "asv.conf.json", clone)
    variables = {**os.environ, "HOME": str(home), "ORT_DEEPDREAM_BENCH": "quick"}
    variables.pop("ASV_CONF_DIR", None)  # of `sidecar_root`

    def asv(*words: str) -> str:
        command = [sys.executable, "-m", "asv", *words]
        done = subprocess.run(
            command, cwd=clone, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    asv("machine", "--yes")
    chosen = ("--bench", "graphs|correctness.Placement")
    shown = asv("run", "--quick", "--python=same", "--set-commit-hash", "HEAD", *chosen)
    assert "failed" not in shown
    (result,) = (clone / ".asv" / "results").glob("*/*-existing-*.json")
    values = json.loads(result.read_text())["results"]
    assert values["correctness.Placement.track_strays"][0][0] == 0
    assert min(values["graphs.Nodes.track_optimised"][0]) > 100
    (beside,) = (clone / ".asv" / "sidecar").glob("*/existing-quick.json")
    assert json.loads(beside.read_text())["profile"] == "quick"
