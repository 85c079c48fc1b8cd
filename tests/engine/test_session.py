"""What goes wrong while a session runs: ONNX Runtime's errors are told, bugs stay bugs."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from gradient_files import write_gradient_file
from onnxruntime.capi import onnxruntime_pybind11_state as errors

from ort_deepdream import BACKENDS, DreamError, load_model
from ort_deepdream.engine.sessions.session import running

OURS = [
    TypeError("no"),
    KeyError("image"),
    ValueError("shapes differ"),
    IndexError(3),
    AttributeError("run"),
    RecursionError("too deep"),
    NotImplementedError(),
    ZeroDivisionError(),
    DreamError("told already"),
    OSError(28, "No space left on device"),
]


@pytest.mark.parametrize("bug", OURS, ids=lambda bug: type(bug).__name__)
def test_what_is_not_onnx_runtimes_stays_what_it_is(bug):
    with pytest.raises(type(bug)) as caught, running(BACKENDS["cpu"], 9, 11):
        raise bug
    assert caught.value is bug


THEIRS = (errors.Fail, errors.InvalidArgument, errors.RuntimeException, errors.EPFail, RuntimeError)


@pytest.mark.parametrize("kind", THEIRS)
def test_what_is_onnx_runtimes_is_one_line(kind):
    error = kind("no kernel")
    with pytest.raises(DreamError) as caught, running(BACKENDS["cpu"], 9, 11):
        raise error
    assert str(caught.value).startswith(
        "backend cpu failed on a picture of 11x9 pixels (no kernel)"
    )
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        MemoryError("std::bad_alloc"),
        RuntimeError("Exception during initialization: std::bad_alloc"),
    ],
    ids=repr,
)
def test_want_of_memory_is_one_line(error):
    told = r"11x9 pixels \(not enough memory\); choose a smaller"
    with pytest.raises(DreamError, match=told), running(BACKENDS["cpu"], 9, 11):
        raise error


def test_a_bug_in_what_is_fed_keeps_its_traceback(tmp_path, monkeypatch):
    """Through the real session: a picture of the wrong type is no failure of the backend."""
    model = load_model(write_gradient_file(tmp_path / "tiny.onnx"), "cpu")
    run = onnxruntime.InferenceSession.run
    monkeypatch.setattr(
        onnxruntime.InferenceSession, "run", lambda self, names, feed: run(self, names, [*feed])
    )
    with pytest.raises((TypeError, AttributeError)):
        model.gradient(np.zeros((1, 3, 9, 11), np.float32))
    monkeypatch.undo()
    with pytest.raises(DreamError, match="failed on a picture of 11x9 pixels"):
        model.gradient(np.zeros((1, 3, 9, 11), np.float64))  # refused by ONNX Runtime itself
