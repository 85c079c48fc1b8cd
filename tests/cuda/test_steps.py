"""What a step asks of CUDA: where its nodes are, and what is launched, copied and held.

A bound that is exceeded names what became dearer; one that could be lower is lowered by hand.
"""

from __future__ import annotations

import collections
from pathlib import Path
from typing import Any

import onnx_ir as ir
import pytest
from graphs import exported
from standins import Standins

from ort_deepdream.weights.builtin import WEIGHTS_FILE, shipped_file

LAYER = "inception_4c/output"
SIZE = (158, 182)  # the reference picture
LARGE = (1024, 1024)  # where the zeros that pools' gradients are added to are made in each step
MIB = 2**20
CAPTURED, PLAIN = {"enable_cuda_graph": "1"}, {"enable_cuda_graph": "0"}
WAYS = pytest.mark.parametrize("options", [PLAIN, CAPTURED], ids=["plain", "captured"])
# What a step may never ask for, however it is made.
NEVER = ("host_callbacks", "forbidden", "captured_host_copies", "stale_replays")
SHIPPED = sorted(
    path for target in ("cuda", "portable") for path in WEIGHTS_FILE.parent.glob(f"*.{target}.onnx")
)


def measured(
    cuda: Standins, path: Path, options: dict[str, str], size: tuple[int, int] = SIZE, **more: int
) -> Any:
    """What the child measured, and what holds of every step: nothing on the host, no complaint."""
    found = cuda("measure", path=path, size=size, options=options, **more)
    assert set(found["placement"]) == {"CUDAExecutionProvider"}
    assert found["complaints"] == []
    for step in found["steps"]:
        assert not [name for name in NEVER if name in step], step
        assert (step["copies_in"], step["copies_out"]) == (1, 1)
    return found


def steady(found: Any) -> collections.Counter[str]:
    """What a step counts once what is made at the first is there; the same from then on."""
    *_, before, last = found["steps"]
    assert before == last
    assert "allocations" not in last
    return collections.Counter(last)


BOUNDS = {  # launches, copies within the device, and fills, of a step that is not captured
    ("cuda", SIZE): (198, 37, 8),
    ("cuda", LARGE): (204, 37, 8),
    ("portable", SIZE): (701, 26, 3),
}


@pytest.mark.parametrize(("target", "size"), BOUNDS)
def test_a_step_asks_for_no_more(cuda, target, size):
    counts = steady(measured(cuda, shipped_file(LAYER, target), PLAIN, size))
    found = tuple(counts[name] for name in ("launches", "copies_within", "fills"))
    bounds = BOUNDS[target, size]
    assert all(count <= bound for count, bound in zip(found, bounds, strict=True)), found


@pytest.mark.parametrize("target", ["cuda", "portable"])
def test_a_captured_step_is_one_launch(cuda, target):
    """And is captured once: the picture is one buffer, read and written."""
    found = measured(cuda, shipped_file(LAYER, target), CAPTURED)
    first, *others = found["steps"]
    assert first["captures"] == 1
    for step in others:
        assert step == {
            "graph_launches": 1,
            "copies_in": 1,
            "copies_out": 1,
            "synchronisations": step["synchronisations"],
        }


def test_steps_are_captured_by_default(cuda):
    assert steady(measured(cuda, shipped_file(LAYER, "cuda"), {}))["graph_launches"] == 1


@pytest.mark.parametrize(("size", "mebibytes"), [(SIZE, 48), ((512, 512), 280), (LARGE, 1024)])
@WAYS
def test_memory_held(cuda, options, size, mebibytes):
    """By a session that has stepped: at 1024x1024 half of what the portable graph held."""
    found = measured(cuda, shipped_file(LAYER, "cuda"), options, size)
    assert found["bytes"] / MIB <= mebibytes


@pytest.mark.nightly
@pytest.mark.parametrize(("options", "seconds"), [(PLAIN, 5e-4), (CAPTURED, 1e-4)])
def test_the_hosts_time(cuda, options, seconds):
    """Of the processor, for all that is between Python and NVIDIA's libraries."""
    path = shipped_file(LAYER, "cuda")
    assert measured(cuda, path, options, times=500)["seconds"] <= seconds


@WAYS
def test_float16(cuda, options, tmp_path):
    path = tmp_path / "half.onnx"
    ir.save(exported("bvlc", ("inception_3a/output",), "portable", "float16"), path)
    assert steady(measured(cuda, path, options))["graph_launches"] == (options == CAPTURED)


@WAYS
@pytest.mark.parametrize("layers", [("inception_3a/output=0.5", "pool1/norm1:3=-2"), ("conv1",)])
def test_other_objectives(cuda, options, layers, tmp_path):
    path = tmp_path / "other.onnx"
    architecture = "bvlc" if len(layers) > 1 else "torchvision"
    ir.save(exported(architecture, layers, "cuda"), path)
    assert steady(measured(cuda, path, options))["graph_launches"] == (options == CAPTURED)


@pytest.mark.slow
@WAYS
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_file(cuda, path, options):
    counts = steady(measured(cuda, path, options))
    assert counts["graph_launches"] == (options == CAPTURED)
