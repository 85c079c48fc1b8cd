"""What a result says: who is sound, what is an accelerator, what it is set against, or why not."""

from __future__ import annotations

import pytest
from synthetic_results import (
    SEED_SIZE,
    SIZES,
    check,
    contender,
    machine,
    missing,
    result,
    seconds,
    series,
)

from ort_deepdream.measure.analysis import analyse, computes_on_processor

PROCESSOR = "Synthetic Processor 4000"


@pytest.mark.parametrize(
    "changes",
    [
        {"backend": "cpu"},
        {"backend": "cpu", "library": "PyTorch", "provider": "PyTorch cpu"},
        {"backend": "openvino", "options": {}},
        {"backend": "openvino", "options": {"device_type": "CPU"}},
        {"backend": "OpenVINOExecutionProvider", "provider": "OpenVINOExecutionProvider"},
        {"backend": "openvino", "device": PROCESSOR},
        {"backend": "openvino", "options": {"device_type": "AUTO:GPU,CPU"}},
        {"backend": "DnnlExecutionProvider", "provider": "DnnlExecutionProvider"},
        {"backend": "XnnpackExecutionProvider", "provider": "XnnpackExecutionProvider"},
        {"backend": "CoreMLExecutionProvider", "options": {"MLComputeUnits": "CPUOnly"}},
        {"backend": "webgpu", "device": "llvmpipe (LLVM 15.0)"},
        {"backend": "webgpu", "device": "SwiftShader Device (LLVM 16.0.0)"},
        {"backend": "webgpu", "device": "Microsoft Basic Render Driver"},
    ],
    ids=lambda changes: " ".join(map(str, changes.values())),
)
def test_what_computes_on_the_processor_is_no_accelerator(changes):
    one = contender("one", **{"device": None, "options": {}, "provider": "SomeProvider"} | changes)
    assert computes_on_processor(one, machine())


@pytest.mark.parametrize(
    "changes",
    [
        {"backend": "cuda", "device": "Synthetic GPU"},
        {"backend": "cuda", "library": "PyTorch", "provider": "PyTorch cuda"},
        {"backend": "openvino", "options": {"device_type": "GPU"}},
        {"backend": "openvino", "options": {"device_type": "NPU"}},
        {"backend": "CoreMLExecutionProvider", "options": {"MLComputeUnits": "CPUAndGPU"}},
        {"backend": "webgpu", "device": "Synthetic GPU"},
        {"backend": "webgpu"},  # not known: see `unknown_devices`
    ],
    ids=lambda changes: " ".join(map(str, changes.values())),
)
def test_anything_else_is_one(changes):
    one = contender("one", **{"device": None, "options": {}, "provider": "SomeProvider"} | changes)
    assert not computes_on_processor(one, machine())


def test_the_figures_are_of_the_leading_pair():
    found = analyse(result())
    assert [one.name for one in found.contenders] == ["cpu", "cpu, 1 thread", "cuda"]
    assert found.sound == found.contenders
    assert [one.name for one in found.accelerators] == ["cuda"]
    assert found.leading is not None
    assert found.no_speedup is None
    assert (found.leading.cpu.name, found.leading.accelerator.name) == ("cpu", "cuda")
    assert found.baseline is found.leading.cpu
    assert list(found.leading.speedups) == ["warm", "step", "cold"]
    for kind, speedups in found.leading.speedups.items():
        assert [one.size for one in speedups] == list(SIZES)
        for one in speedups:
            ratio = seconds("cpu", one.size, kind) / seconds("cuda", one.size, kind)
            assert one.value == pytest.approx(ratio)
            assert one.low <= one.value <= one.high
    assert found.leading.kind == "warm"
    assert found.leading.headline.size == SEED_SIZE


def test_the_baseline_is_onnx_runtimes_with_all_threads():
    names = ("PyTorch cpu", "cpu, 1 thread", "cpu")
    contenders = (
        contender("PyTorch cpu", threads=None),  # all of them, too
        contender("cpu, 1 thread"),
        contender("cpu"),
    )
    times = tuple(series(name, SEED_SIZE, "warm", speed=(1e-3, 1e-6)) for name in names)
    found = analyse(result((), contenders=contenders, series=times))
    assert found.baseline is not None
    assert found.baseline.name == "cpu"


@pytest.mark.parametrize(
    ("failed", "sentence"),
    [
        (("cpu",), "No speed-up can be given: there is no CPU to compare with."),
        (("cuda",), "How much faster a GPU is cannot be said here: none was compared."),
        (
            ("cpu", "cuda"),
            "How much faster a GPU is cannot be said here: every contender failed its check.",
        ),
    ],
)
def test_why_no_speedup_can_be_given(failed, sentence):
    names = ("cpu", "cuda")
    checks = tuple(check(name, passed=name not in failed) for name in names)
    found = analyse(result(names, checks=checks))
    assert found.leading is None
    assert found.pairs == ()
    assert found.no_speedup is not None
    assert found.no_speedup.sentence == sentence
    assert {one.contender for one in found.failures} == set(failed)
    assert ("cuda failed its check." in found.no_speedup.details) == ("cuda" in failed)


def test_nothing_measured_is_no_speedup():
    found = analyse(result(("cpu",), series=()))
    assert found.no_speedup is not None
    assert found.no_speedup.sentence.endswith("nothing was measured.")
    assert found.baseline is None


def test_a_check_that_failed_counts_though_nothing_was_timed():
    gone = (contender("cpu"), missing("cuda", "it stopped"))
    checks = (check("cpu"), check("cuda", passed=False))
    found = analyse(result(("cpu",), contenders=gone, checks=checks))
    assert [one.contender for one in found.failures] == ["cuda"]


def test_sizes_that_only_one_measured_have_no_speedup():
    times = (series("cpu", SIZES[0], "warm"), series("cuda", SIZES[1], "warm"))
    found = analyse(result(("cpu", "cuda"), series=times))
    assert found.leading is None
    assert found.no_speedup is not None
    assert found.no_speedup.sentence.endswith("none was compared.")
    assert found.no_speedup.details == (
        "cuda was measured, but nothing of its kind on the CPU beside it.",
    )


def test_names_are_fit_to_be_shown_and_kept_as_they_are():
    name = "cpu\x1b[31m\u202e"
    times = (series("cpu", SEED_SIZE, "warm").model_copy(update={"contender": name}),)
    (one,) = analyse(result((), contenders=(contender(name),), series=times), "B").contenders
    assert one.name == "cpu\ufffd[31m\ufffd"
    assert one.label == "B · cpu\ufffd[31m\ufffd"
    assert one.record.name == name
