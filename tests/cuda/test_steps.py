"""What a step asks of CUDA: where its nodes are, and what is launched, copied and held.

A bound that is exceeded names what became dearer; one that could be lower is lowered by hand.
"""

from __future__ import annotations

import collections
from pathlib import Path
from typing import Any

import pytest
from standins import Standins

from ort_deepdream.weights.builtin import WEIGHTS_FILE, shipped_file

LAYER = "inception_4c/output"
SIZE = (158, 182)  # the reference picture
CAPTURED, PLAIN = {"enable_cuda_graph": "1"}, {"enable_cuda_graph": "0"}
WAYS = pytest.mark.parametrize("options", [PLAIN, CAPTURED], ids=["plain", "captured"])
# What a step may never ask for, however it is made.
NEVER = ("host_callbacks", "forbidden", "captured_host_copies", "stale_replays")
SHIPPED = sorted(path for path in WEIGHTS_FILE.parent.glob("*.portable.onnx"))


def measured(
    cuda: Standins, path: Path, options: dict[str, str], size: tuple[int, int] = SIZE, **more: int
) -> Any:
    """What the child measured, and what holds of every step: nothing on the host, no complaint."""
    found = cuda("measure", path=path, size=size, options=options, **more)
    assert set(found["placement"]) == {"CUDAExecutionProvider"}
    assert found["complaints"] == []
    for step in found["steps"]:
        assert not [name for name in NEVER if name in step], step
    return found


def steady(found: Any) -> collections.Counter[str]:
    """What a step counts once what is made at the first is there; the same from then on."""
    *_, before, last = found["steps"]
    assert before == last
    assert "allocations" not in last
    return collections.Counter(last)


@WAYS
def test_a_step(cuda, options):
    found = measured(cuda, shipped_file(LAYER, "portable"), options)
    counts = steady(found)
    captured = options == CAPTURED
    assert counts["graph_launches"] == captured
    assert counts["launches"] <= (0 if captured else 702)
    assert (counts["copies_in"], counts["copies_out"]) == (3, 2)


@pytest.mark.slow
@WAYS
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_file(cuda, path, options):
    counts = steady(measured(cuda, path, options))
    assert counts["graph_launches"] == (options == CAPTURED)
