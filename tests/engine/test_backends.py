"""Backends by name, and the reasons why one cannot be used."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from gradient_files import write_gradient_file

import ort_deepdream.engine.loading
import ort_deepdream.engine.model
import ort_deepdream.engine.probe
import ort_deepdream.engine.providers.libraries
import ort_deepdream.engine.sessions.session
from ort_deepdream import BACKENDS, DreamError, find_backend, load_model, why_unusable
from ort_deepdream.engine.ascent import Ascent
from ort_deepdream.engine.providers.libraries import why_not_cuda, why_not_tensorrt

CHOICE = (
    "choose auto, cuda, tensorrt, nv-tensorrt-rtx, webgpu, openvino, qnn, coreml, directml or cpu"
)


@pytest.fixture
def cuda(monkeypatch):
    """Decides whether CUDA can be used: `cuda("a reason")`, `cuda(None)`."""

    def decide(reason: str | None) -> None:
        backend = dataclasses.replace(BACKENDS["cuda"], why_not=lambda: reason)
        monkeypatch.setitem(BACKENDS, "cuda", backend)

    return decide


def test_the_cpu_is_always_there():
    backend = find_backend("cpu")
    assert (backend.provider, backend.target) == ("CPUExecutionProvider", "cpu")
    assert backend.why_not() is None


def test_auto_takes_the_best_that_works(monkeypatch):
    """A second CPU stands in for the device: it is the real provider under another name."""
    other = dataclasses.replace(BACKENDS["cpu"], name="other", fixed_sizes=True, target="portable")
    monkeypatch.setattr(
        ort_deepdream.engine.loading, "BACKENDS", {"other": other, "cpu": BACKENDS["cpu"]}
    )
    assert find_backend("auto").name == "other"
    broken = dataclasses.replace(other, why_not=lambda: "no driver")
    monkeypatch.setattr(
        ort_deepdream.engine.loading, "BACKENDS", {"other": broken, "cpu": BACKENDS["cpu"]}
    )
    assert find_backend("auto").name == "cpu"


def test_auto_passes_over_a_backend_that_only_looks_usable(cuda):
    """Its libraries load, and no session gets there: a driver that is too old."""
    if why_not_cuda() is None:
        pytest.skip("CUDA works here")
    cuda(None)
    assert find_backend("auto").name == "cpu"


def test_a_backend_that_does_not_work_is_refused_with_the_reason(cuda):
    cuda("no driver; install one")
    with pytest.raises(
        DreamError, match=r"^backend cuda cannot be used here: no driver; install one$"
    ):
        find_backend("cuda")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cpuu", "there is no backend 'cpuu': did you mean cpu?"),
        ("CUDA", "there is no backend 'CUDA': did you mean cuda?"),
        ("gpu", "there is no backend 'gpu': did you mean cuda?"),
        ("cud", "there is no backend 'cud': did you mean cuda?"),
        ("aut", "there is no backend 'aut': did you mean auto?"),
        ("", f"there is no backend '': {CHOICE}"),
        ("openvin", "there is no backend 'openvin': did you mean openvino?"),
    ],
)
def test_an_unknown_backend(name, message):
    with pytest.raises(DreamError) as caught:
        find_backend(name)
    assert str(caught.value) == message


def test_an_unknown_backend_is_refused_with_a_good_file(tmp_path):
    with pytest.raises(DreamError, match="there is no backend 'gpu'"):
        load_model(write_gradient_file(tmp_path / "model.onnx"), "gpu")


def test_provider_options_are_added_to_the_backends_own():
    assert find_backend("cpu", {"a": "b"}).provider_options == {"a": "b"}
    assert BACKENDS["cpu"].provider_options == {}


def test_any_other_provider_goes_by_its_own_name():
    backend = find_backend("CPUExecutionProvider")
    assert (backend.provider, backend.target) == ("CPUExecutionProvider", "portable")
    assert why_unusable(backend) is None
    with pytest.raises(DreamError, match="was built without DmlExecutionProvider"):
        find_backend("DmlExecutionProvider")


# --- Libraries, through the real loader -------------------------------------------------------


def why_not(folder: Path, name: str = "cuda") -> str:
    """The reason in a process that looks for libraries in `folder` too."""
    code = f"from ort_deepdream import BACKENDS; print(BACKENDS[{name!r}].why_not())"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "LD_LIBRARY_PATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == ""
    (line,) = run.stdout.splitlines()  # none of ONNX Runtime's own
    return line


@pytest.fixture
def no_cuda() -> None:
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime was built without CUDA")
    if ort_deepdream.engine.providers.libraries.load_error("libcublasLt.so.13") is None:
        pytest.skip("CUDA is installed here")


def some_library() -> Path:
    """A library that loads, to be found under another name."""
    return Path(onnxruntime.__file__).parent / "capi" / "libonnxruntime_providers_shared.so"


@pytest.mark.usefixtures("no_cuda")
def test_no_driver(tmp_path):
    assert "no NVIDIA driver was found" in why_not(tmp_path)


@pytest.mark.usefixtures("no_cuda")
def test_a_broken_driver(tmp_path):
    (tmp_path / "libcuda.so.1").write_text("not a library")
    assert "the NVIDIA driver's library is broken" in why_not(tmp_path)


@pytest.mark.usefixtures("no_cuda")
def test_no_cuda(tmp_path):
    shutil.copy(some_library(), tmp_path / "libcuda.so.1")
    reason = why_not(tmp_path)
    assert reason.startswith("CUDA 13 is missing (libcublasLt.so.13: ")
    assert "pip install 'ort-deepdream[cuda]'" in reason


@pytest.mark.usefixtures("no_cuda")
def test_another_cuda(tmp_path):
    for name in ("libcuda.so.1", "libcublasLt.so.12"):
        shutil.copy(some_library(), tmp_path / name)
    assert "needs CUDA 13, and CUDA 12 is what was found" in why_not(tmp_path)


def test_no_cudnn(monkeypatch):
    """The provider loads without it, and fails at the first convolution."""
    missing = "libcudnn.so.9: cannot open shared object file: No such file or directory"
    providers = ["CUDAExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    monkeypatch.setattr(
        ort_deepdream.engine.providers.libraries,
        "load_error",
        lambda name: missing if "cudnn" in name else None,
    )
    assert str(why_not_cuda()).startswith(f"cuDNN 9 is missing ({missing})")


def test_a_build_without_cuda_says_so(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert "built without CUDA" in str(why_not_cuda())
    assert "built without TensorRT" in str(why_not_tensorrt())


# --- Sessions that are not where they were asked to be -----------------------------------------


def test_a_node_elsewhere_is_named(tmp_path):
    """The check itself, on the placement that ONNX Runtime really reports."""
    model = load_model(write_gradient_file(tmp_path / "tiny.onnx"), "cpu")
    run = model.session(8, 8).run
    asked = dataclasses.replace(BACKENDS["cuda"], provider_options={})
    with pytest.raises(
        DreamError,
        match=r"cuda left nodes of the step elsewhere: \w+ .* on CPU.* and \d+ more; --al",
    ):
        ort_deepdream.engine.sessions.session._check_placement(run, asked, allow_cpu_nodes=False)
    check = ort_deepdream.engine.sessions.session._check_placement
    placement = check(run, asked, allow_cpu_nodes=True)
    assert placement == model.placement
    assert placement["CPUExecutionProvider"] > 10


def test_a_fixed_size_session_is_made_once_for_each_size(tmp_path):
    path = write_gradient_file(tmp_path / "tiny.onnx")
    model = load_model(path, dataclasses.replace(BACKENDS["cpu"], fixed_sizes=True))
    assert model.sessions == {}
    for _ in range(2):
        for size in ((9, 7), (5, 8)):
            ascent = Ascent(model, *size)
            ascent.put(np.ones((1, 3, *size), np.float32))
            ascent.step(1.0, 2, 3)
    assert [size for size, *_ in model.sessions] == [(9, 7), (5, 8)]
    shape = model.session(9, 7).run.get_inputs()[0].shape
    assert shape == [1, 3, 9, 7]


def test_sessions_hold_memory_for_so_many_pixels_only(tmp_path, monkeypatch):
    """Those used longest ago go first, and a dream's ascent with them."""
    monkeypatch.setattr(ort_deepdream.engine.model, "KEPT_PIXELS", 150)
    path = write_gradient_file(tmp_path / "tiny.onnx")
    model = load_model(path, dataclasses.replace(BACKENDS["cpu"], fixed_sizes=True))
    for size in ((9, 7), (5, 8), (9, 7), (6, 9)):
        model.session(*size)
    assert [size for size, *_ in model.sessions] == [(9, 7), (6, 9)]
    model.session(20, 20)  # more than all: it is alone
    assert [size for size, *_ in model.sessions] == [(20, 20)]


def test_cpu_nodes_are_allowed_by_leaving_captures_out(tmp_path):
    backend = dataclasses.replace(BACKENDS["cpu"], provider_options={"enable_cuda_graph": "1"})
    assert backend.captures
    path = write_gradient_file(tmp_path / "tiny.onnx")
    assert not load_model(path, backend, allow_cpu_nodes=True).backend.captures
    assert BACKENDS["cuda"].captures


def test_with_the_channels_last_cuda_takes_portable_graphs(tmp_path):
    """In the others a pool tells where its maxima are, and counts the channels first."""
    backend = BACKENDS["cuda"].with_options({"prefer_nhwc": "1"})
    assert (backend.file_target, BACKENDS["cuda"].file_target) == ("portable", "cuda")
    own = write_gradient_file(tmp_path / "own.onnx", target="cuda")
    with pytest.raises(DreamError, match=r"own\.onnx: is written for the cuda target, .*portable"):
        load_model(own, backend)
    portable = write_gradient_file(tmp_path / "portable.onnx", target="portable")
    assert load_model(portable, backend).backend is backend
    either = write_gradient_file(tmp_path / "either.onnx", target="cuda", any_layout="true")
    assert load_model(either, backend).backend is backend


def test_tensorrt_keeps_its_engines_beside_the_graphs(tmp_path):
    caches = ort_deepdream.engine.sessions.session._caches
    found = caches(BACKENDS["tensorrt"], tmp_path)
    assert {value for name, value in found.items() if name.endswith("_path")} == {str(tmp_path)}
    assert caches(BACKENDS["tensorrt"], None) == caches(BACKENDS["cuda"], tmp_path) == {}


def test_tensorrt_may_not_round_a_float32_network():
    with pytest.raises(DreamError, match=r"trt_fp16_enable would round .* --precision float16"):
        find_backend("tensorrt", {"trt_fp16_enable": "1"})
    assert not [name for name in BACKENDS["tensorrt"].provider_options if "fp16" in name]


def test_tensorrt_builds_an_engine_for_each_size_and_captures_nothing():
    backend = BACKENDS["tensorrt"]
    assert (backend.target, backend.memory, backend.fixed_sizes) == ("portable", "cuda", True)
    assert not backend.captures
    assert not backend.in_auto


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Status Message: /onnxruntime_src/core/"
            "framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, "
            "bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 9",
            "Failed to allocate memory for requested buffer of size 9",
        ),
        (
            "[ONNXRuntimeError] : 1 : FAIL : shader_helper.cc:401 GenerateSourceCode Program "
            "Transpose requires f16 but the device does not support it.",
            "Program Transpose requires f16 but the device does not support it.",
        ),
        (
            'Status Message: Failed to find a plan with the cudnn frontend json: {"context": 1}',
            "Failed to find a plan",
        ),
        (
            "CUDNN failure 5000: CUDNN_STATUS_EXECUTION_FAILED ; GPU=0 ; hostname=h ; file=/a.cc",
            "CUDNN failure 5000: CUDNN_STATUS_EXECUTION_FAILED",
        ),
    ],
)
def test_a_reason_leaves_out_what_is_for_onnx_runtimes_developers(message, reason):
    assert ort_deepdream.engine.sessions.session._reason(RuntimeError(message)) == reason


def test_a_wrong_step_makes_a_backend_unusable(monkeypatch, tmp_path):
    model = onnx.load(Path(ort_deepdream.engine.__file__).parent / "graphs" / "probe.onnx")
    for node in model.graph.node:
        if node.op_type == "Conv":
            node.op_type = "Sin"
            del node.input[1:]
    folder = tmp_path / "graphs"
    shutil.copytree(Path(ort_deepdream.engine.__file__).parent / "graphs", folder)
    onnx.save(model, folder / "probe.onnx")
    monkeypatch.setattr(ort_deepdream.engine.probe, "GRAPHS", folder)
    assert "a step comes out wrong there" in str(why_unusable(BACKENDS["cpu"]))


def test_a_session_that_fell_back_is_refused(tmp_path, cuda):
    """Its libraries loaded, but ONNX Runtime quietly took the CPU."""
    if why_not_cuda() is None:
        pytest.skip("CUDA works here")
    cuda(None)
    model = load_model(write_gradient_file(tmp_path / "model.onnx"), "cuda")
    with pytest.raises(DreamError, match=r"cuda was asked for|cannot load this file"):
        model.session(8, 8)


def test_every_reason_is_one_line():
    for backend in BACKENDS.values():
        reason = backend.why_not()
        assert reason is None or ("\n" not in reason and reason.strip() == reason)


# --- What float32 files are computed in -----------------------------------------------------------


def test_a_precision_that_a_backend_lacks_names_the_one_that_has_it():
    with pytest.raises(DreamError) as caught:
        find_backend("cpu", precision="bfloat16")
    assert str(caught.value) == "backend cpu does not compute in bfloat16; openvino has it"
    with pytest.raises(DreamError, match="does not compute in int3; no backend has it"):
        find_backend("cpu", precision="int3")
    assert find_backend("cpu", precision="float32").rounding is None


def test_a_precision_is_an_option_of_its_provider():
    asked = BACKENDS["openvino"].in_precision("bfloat16")
    assert asked.rounding == "bfloat16"
    assert asked.provider_options.items() > BACKENDS["openvino"].provider_options.items()
    assert BACKENDS["openvino"].in_precision("float32") == BACKENDS["openvino"]


def test_a_picture_must_be_larger_where_windows_must_be_whole():
    margins = {stride: BACKENDS["openvino"].margin(stride) for stride in (1, 2, 4, 8, 16, 32)}
    assert margins == {1: 0, 2: 0, 4: 1, 8: 3, 16: 7, 32: 15}
    assert BACKENDS["cpu"].margin(16) == 0


def test_a_step_is_timed():
    assert 0 < ort_deepdream.engine.probe.step_time(BACKENDS["cpu"]) < 60
