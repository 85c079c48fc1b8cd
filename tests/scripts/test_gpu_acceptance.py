"""The GPU acceptance script with the CPU standing in, and its judgement."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from gradient_files import write_gradient_file
from synthetic_results import SIZES, contender, missing, result, series

from ort_deepdream import find_backend, why_unusable
from ort_deepdream.measure.pictures import parse_size
from ort_deepdream.measure.result import read_result
from scripts.gpu_acceptance import (
    STEPS,
    Acceptance,
    judge_times,
    judge_verify,
    last_words,
    main,
    profiled_kernels,
)


def test_without_a_gpu_it_says_why(capsys, tmp_path):
    if why_unusable(find_backend("auto")) is None and find_backend("auto").name == "cuda":
        pytest.skip("CUDA works here")
    assert main(["--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "gpu_acceptance: error: backend cuda cannot be used here" in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_every_kernel_of_every_step_is_seen(tmp_path):
    path = write_gradient_file(tmp_path / "tiny.onnx")
    kernels = profiled_kernels(path, "cpu", parse_size("7x9"))
    assert {kernel["provider"] for kernel in kernels} == {"CPUExecutionProvider"}
    assert sum(kernel["op_name"] == "ReduceMean" for kernel in kernels) == STEPS


@pytest.mark.parametrize(
    ("kernels", "passed"),
    [
        ([("Conv", "CPUExecutionProvider")], [True, True]),
        ([("Conv", "CPUExecutionProvider"), ("Add", "Other")], [False, True]),
        ([("MemcpyToHost", "CPUExecutionProvider")], [True, False]),
        ([], [False, False]),
    ],
)
def test_a_kernel_elsewhere_or_a_copy_fails(tmp_path, monkeypatch, kernels, passed):
    found = [{"op_name": name, "provider": provider} for name, provider in kernels]
    monkeypatch.setattr("scripts.gpu_acceptance.profiled_kernels", lambda *_: found)
    o = argparse.Namespace(backend="cpu", sizes=[parse_size("9x7")], budget=1.0)
    acceptance = Acceptance(o, tmp_path)
    acceptance.placement(Path("any.onnx"))
    assert [outcome.passed for outcome in acceptance.outcomes] == passed


# As SwiftShader's device answers.
NO_FLOAT16 = (
    "dream: error: half.onnx: ONNX Runtime cannot load this file on webgpu (Program Transpose "
    "requires f16 but the device does not support it.)"
)


@pytest.mark.parametrize(
    ("code", "said", "cuda", "passed"),
    [
        (0, "half.onnx: all 15 comparisons pass on webgpu", False, True),
        (1, "half.onnx: 3 of 15 comparisons FAIL on webgpu", False, False),
        (2, NO_FLOAT16, False, None),
        (2, NO_FLOAT16, True, False),
        (2, "dream: error: half.onnx: cannot be read", False, False),
    ],
)
def test_only_what_the_device_lacks_is_left_out(code, said, cuda, passed):
    assert judge_verify(code, said, cuda) is passed


def test_times_need_every_way_of_the_backend():
    whole = result(("cpu", "cuda"))
    passed, detail = judge_times(whole, "cuda")
    assert (passed, detail) == (True, f"{len(whole.series)} measurements")
    captured = "cuda, enable_cuda_graph=0"
    lost = missing(captured, "no such stream")
    found = result(("cpu", "cuda"), contenders=(*whole.contenders, lost))
    passed, detail = judge_times(found, "cuda")
    assert not passed
    assert detail.endswith(f"; {captured}: no such stream")
    untimed = result(("cpu",), contenders=(contender("cpu"), contender("cuda")))
    assert judge_times(untimed, "cuda")[0] is False
    assert judge_times(untimed, "cpu")[0] is True


def test_pytorch_without_a_gpu_fails_no_times():
    names = ("cpu", "cuda")
    others = (contender("cpu"), contender("cuda"), missing("PyTorch eager, cuda", "sees no GPU"))
    measured = tuple(series(name, size, "step") for name in names for size in SIZES)
    assert judge_times(result(names, contenders=others, series=measured), "cuda")[0] is True


def test_a_command_that_takes_too_long_is_ended(tmp_path):
    acceptance = Acceptance(argparse.Namespace(backend="cpu", budget=1.0), tmp_path)
    done = acceptance.command("backends", seconds=0.01)
    assert done.returncode != 0
    assert last_words(done) == "it was ended after 0 s"


def test_without_time_nothing_is_measured(tmp_path):
    acceptance = Acceptance(argparse.Namespace(backend="cpu", budget=0.0), tmp_path)
    acceptance.bench("times", ["cpu"], [parse_size("9x7")], 1.0, "result")
    (outcome,) = json.loads((tmp_path / "acceptance.json").read_text())
    assert (outcome["check"], outcome["passed"]) == ("times", None)
    assert outcome["detail"] == "no time: 0 of 0 s are left"


@pytest.mark.nightly
def test_everything_with_the_cpu_standing_in(tmp_path, capsys):
    words = ["--backend", "cpu", "--layer", "inception_3a/output", "--size", "66x58"]
    assert main([*words, "--budget", "240", "--out", str(tmp_path)]) == 0
    outcomes = json.loads((tmp_path / "acceptance.json").read_text())
    assert {outcome["check"]: outcome["passed"] for outcome in outcomes} == {
        "a step": True,
        "parity, float32": True,
        "parity, TF32": None,
        "parity, float16": True,
        "the same to the bit": True,
        "placement": True,
        "no copy within the step": True,
        "times": True,
        "CUDA graph on and off": None,
    }
    result = read_result(tmp_path / "result.json")
    assert {series.kind for series in result.series} >= {"step", "warm", "cold"}
    assert "float16" in {contender.precision for contender in result.contenders}
    assert "left out" in capsys.readouterr().out
