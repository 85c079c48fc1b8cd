"""What is wrong with a device, its driver or its libraries is told in one line, with what to do."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from standins import LIBRARIES

from ort_deepdream.weights.builtin import shipped_file

SMALL = shipped_file("conv2/3x3", "cuda")
SIZE = (64, 96)
PLAIN = {"enable_cuda_graph": "0"}


def test_a_device_that_works(cuda):
    assert cuda("reason") is None
    assert cuda("device") == "Stand-in"


def test_a_device_that_computes_nothing_is_found_out(cuda):
    assert cuda("unusable").startswith("a step comes out wrong there")


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        (
            {"STANDIN_OLD_DRIVER": "12080"},
            "the NVIDIA driver is for CUDA 12.8, and this onnxruntime needs CUDA 13; install "
            "driver 580 or newer, or use --backend cpu",
        ),
        (
            {"STANDIN_NO_DEVICE": "1"},
            "the NVIDIA driver finds no GPU; see what nvidia-smi says, or use --backend cpu",
        ),
        (
            {"STANDIN_CAPABILITY": "61"},
            "Stand-in has compute capability 6.1, and this onnxruntime needs 7.5 or more; use "
            "--backend cpu",
        ),
    ],
    ids=["an old driver", "no device", "an old device"],
)
def test_what_the_driver_says(broken, environment, reason):
    assert broken(**environment)("reason") == reason


MISSING = {
    "libcuda.so.1": "no NVIDIA driver was found (libcuda.so.1: ",
    "libcublas.so.13": "CUDA 13 is missing (libcublas.so.13: ",
    "libcublasLt.so.13": "CUDA 13 is missing (libcublasLt.so.13: ",
    "libcurand.so.10": "cuRAND 10 is missing (libcurand.so.10: ",
    "libcudnn.so.9": "cuDNN 9 is missing (libcudnn.so.9: ",
}


@pytest.mark.parametrize("library", MISSING)
def test_a_library_that_is_missing(broken, libraries, library, tmp_path):
    for name in LIBRARIES:
        if name != library:
            shutil.copy(libraries / name, tmp_path / name)
    reason = broken(tmp_path)("reason")
    assert reason.startswith(MISSING[library])
    assert "install" in reason
    assert "\n" not in reason


NVINFER = ("libnvinfer.so.10", "libnvinfer_plugin.so.10", "libnvonnxparser.so.10")


@pytest.mark.parametrize(
    ("there", "error"),
    [
        ((), "libnvinfer.so.10: cannot open"),
        (("libnvinfer.so.11",), "libnvinfer.so.10: cannot open"),  # tensorrt-cu13 without a bound
        (NVINFER, "undefined symbol"),
    ],
    ids=["none", "a newer one", "a broken one"],
)
def test_a_tensorrt_that_does_not_load(broken, libraries, there, error, tmp_path):
    for name in there:
        part(tmp_path / name)
    reason = broken(LD_LIBRARY_PATH=f"{libraries}:{tmp_path}")("reason", name="tensorrt")
    assert reason.startswith("TensorRT 10 does not load (")
    assert error in reason
    assert reason.endswith("; pip install 'tensorrt-cu13<11'")
    assert "\n" not in reason


def test_a_convolution_that_fails(broken):
    """As with libraries that do not fit one another: the probe has one."""
    reason = broken(STANDIN_CUDNN_FAILS="1")("unusable")
    assert reason.startswith("backend cuda failed on a picture of 8x8 pixels (")
    assert "json" not in reason
    assert "; GPU=" not in reason
    assert "\n" not in reason


@pytest.mark.parametrize("options", [{}, PLAIN], ids=["captured", "plain"])
@pytest.mark.parametrize(
    ("spare", "begins"),
    [
        (2**18, f"{SMALL}: ONNX Runtime cannot load this file on cuda for 192x128 pixels ("),
        (2**22, "backend cuda failed on a picture of 192x128 pixels ("),
    ],
    ids=["for a session", "for a step"],
)
def test_too_little_memory_in_the_middle_of_a_dream(cuda, options, spare, begins):
    """With so many bytes left, an octave of twice the size does not fit."""
    said = cuda("failing", path=SMALL, size=SIZE, options=options, spare=spare)
    assert said.startswith(f"{begins}Failed to allocate memory for requested buffer of size ")
    assert "choose a smaller picture" in said
    assert "\n" not in said


@pytest.mark.parametrize("options", [{}, PLAIN], ids=["captured", "plain"])
def test_gradients_take_no_part_in_captures(cuda, options):
    """Nor do they disturb the graph of a step."""
    found = cuda("gradients", path=SMALL, size=SIZE, options=options)
    for counts in found["gradients"]:
        assert counts["launches"] > 40
        assert "captures" not in counts
        assert "graph_launches" not in counts
    assert found["step"].get("graph_launches", 0) == (options == {})


def test_sums_are_reproducible(cuda):
    """cuDNN's reductions take the place of those that end in atomic additions."""
    found = cuda("gradients", path=SMALL, size=SIZE, options=PLAIN)
    assert found["step"]["reductions"] >= 2


def test_a_second_dream_holds_no_more(cuda):
    size = (160, 160)
    found = cuda("whole_dream", path=SMALL, size=size, options={}, dreams=2)
    first, second = found["most"]
    assert second == first
    assert found["complaints"] == []


def test_tf32_is_ruled_out_for_the_whole_process(broken):
    child = broken()
    assert child("rounding", options={}) == {"tf32": True, "override": None}
    assert child("rounding", options={"use_tf32": "0"}) == {"tf32": False, "override": "0"}
    assert child("rounding", options={})["tf32"] is False  # what is loaded stays so


@pytest.mark.parametrize(("capability", "tf32"), [("75", False), ("80", True)])
def test_tf32_is_amperes_and_newer(broken, capability, tf32):
    assert broken(STANDIN_CAPABILITY=capability)("rounding", options={})["tf32"] is tf32


def test_all_of_one_cudnn_is_loaded(broken, libraries, tmp_path):
    """Its parts, which it would look for by name at the first convolution."""
    ours, other = tmp_path / "ours", tmp_path / "other"
    shutil.copytree(libraries, ours)
    other.mkdir()
    for folder in (ours, other):
        part(folder / "libcudnn_ops.so.9")
    found = broken(ours, LD_LIBRARY_PATH=f"{ours}:{other}")("loaded")
    assert found == [str(ours / name) for name in ("libcudnn.so.9", "libcudnn_ops.so.9")]


def part(path: Path) -> None:
    """A library with nothing in it."""
    words = ["gcc", "-shared", "-x", "c", "/dev/null", "-o", str(path)]
    subprocess.run(words, check=True)
