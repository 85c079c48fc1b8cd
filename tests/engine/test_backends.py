"""Backends by name, and the reasons why one cannot be used."""

from __future__ import annotations

import dataclasses

import onnxruntime
import pytest
from gradient_files import write_gradient_file

import engine.backends
from engine import BACKENDS, DreamError, find_backend, load_model
from engine.backends import _why_not_cuda


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


def test_auto_takes_the_best_that_works(cuda):
    cuda(None)
    assert find_backend("auto").name == "cuda"
    cuda("no driver")
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
        ("CUDA", "there is no backend 'CUDA': choose one of auto, cuda, cpu"),
        ("cud", "there is no backend 'cud': did you mean cuda?"),
        ("aut", "there is no backend 'aut': did you mean auto?"),
        ("", "there is no backend '': choose one of auto, cuda, cpu"),
        ("openvino", "there is no backend 'openvino': choose one of auto, cuda, cpu"),
    ],
)
def test_an_unknown_backend(name, message):
    with pytest.raises(DreamError) as caught:
        find_backend(name)
    assert str(caught.value) == message


def test_an_unknown_backend_is_refused_with_a_good_file(tmp_path):
    with pytest.raises(DreamError, match="there is no backend 'gpu'"):
        load_model(write_gradient_file(tmp_path / "model.onnx"), "gpu")


def test_a_build_without_cuda_says_so(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert "built without CUDA" in str(_why_not_cuda())


def test_a_machine_without_driver_says_so(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(engine.backends, "_load_error", lambda library: f"{library}: not found")
    assert "no NVIDIA driver was found" in str(_why_not_cuda())


def test_libraries_that_do_not_load_say_so(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    monkeypatch.setattr(
        engine.backends,
        "_load_error",
        lambda library: None if "providers" not in library else "libcudnn.so.9: not found",
    )
    reason = str(_why_not_cuda())
    assert "libcudnn.so.9: not found" in reason
    assert "pip install" in reason


def test_a_session_that_fell_back_is_refused(tmp_path, cuda):
    """Its libraries loaded, but ONNX Runtime quietly took the CPU."""
    if _why_not_cuda() is None:
        pytest.skip("CUDA works here")
    cuda(None)
    with pytest.raises(DreamError, match=r"cuda was asked for|cannot load this file"):
        load_model(write_gradient_file(tmp_path / "model.onnx"), "cuda")


def test_every_reason_is_one_line():
    for backend in BACKENDS.values():
        reason = backend.why_not()
        assert reason is None or ("\n" not in reason and reason.strip() == reason)
