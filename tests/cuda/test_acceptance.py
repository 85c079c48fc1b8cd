"""The acceptance of a GPU, rehearsed where nothing is computed: it goes to its end, and says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import onnx_ir as ir
import pytest
from graphs import exported

from ort_deepdream.measure.result import read_result

ROOT = Path(__file__).parents[2]
WORDS = ("--layer", "conv2/3x3", "--size", "66x58", "--budget", "14")
CHECKS = ("bits", "placement", "times")  # parity takes float64 a while, here as elsewhere


@pytest.mark.slow
def test_the_acceptance(libraries, tmp_path):
    files, out = tmp_path / "files", tmp_path / "out"
    files.mkdir()
    ir.save(exported("bvlc", ("conv2/3x3",), "cuda", "float16"), files / "float16.cuda.onnx")
    words = [sys.executable, "-m", "scripts.gpu_acceptance", *WORDS, "--files", files, "--out", out]
    words += [word for name in CHECKS for word in ("--only", name)]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(libraries)}
    with subprocess.Popen(
        words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        seen = set()
        while running.poll() is None:
            seen.add(many(out / "acceptance.json"))
            time.sleep(0.05)
        _, errors = running.communicate()
    assert running.returncode == 1, errors
    assert len(seen) > 2  # it grew
    outcomes = {one["check"]: one for one in json.loads((out / "acceptance.json").read_text())}
    assert "a step comes out wrong there" in outcomes["a step"]["detail"]
    passed = {check: one["passed"] for check, one in outcomes.items()}
    assert passed == {
        "a step": False,
        "the same to the bit": True,
        "placement": True,
        "no copy within the step": True,
        "times": False,
        "times, TF32 off": None,
        "times, PyTorch compiled": None,
    }
    assert "no time" in outcomes["times, TF32 off"]["detail"]
    found = read_result(out / "result.json")
    names = [contender.name for contender in found.contenders]
    assert names[:4] == ["cuda", "cuda, float16", "cuda, enable_cuda_graph=0", "cuda, NHWC"]
    missing = {contender.name: contender.missing for contender in found.contenders}
    assert "sees no GPU" in missing["PyTorch graphed, cuda"]
    assert not any(check.passed for check in found.checks if check.contender.startswith("cuda"))


def many(path: Path) -> int:
    """How many outcomes are written down."""
    try:
        return len(json.loads(path.read_text()))
    except (OSError, ValueError):  # not yet, or half of it
        return 0
