"""What shaping the gradient asks of CUDA: all of it on the device, and in the captured step."""

from __future__ import annotations

from typing import Any

import pytest

from ort_deepdream.step import STAGES
from ort_deepdream.weights.builtin import shipped_file
from scripts.cuda_counts import CAPTURED, NEVER, PLAIN

LAYER = "inception_4c/output"
STRENGTHS = {"laplacian": 1.0, "smooth": 2.0, "total_variation": 0.5}
LAUNCHES = {"laplacian": 59, "smooth": 12, "total_variation": 29}  # beyond a plain step's


def measured(cuda: Any, options: dict[str, str], **shaping: float) -> dict[str, int]:
    """What a step counts in the steady state, in which nothing is on the host."""
    path = shipped_file(LAYER, "cuda")
    found = cuda("measure", path=path, size=(158, 182), options=options, shaping=shaping)
    assert set(found["placement"]) == {"CUDAExecutionProvider"}
    assert found["complaints"] == []
    *_, before, last = found["steps"]
    assert before == last
    assert not [name for name in (*NEVER, "allocations") if name in last]
    return dict(last)


@pytest.mark.parametrize("stage", [*STAGES, "all"])
def test_a_shaped_step_is_captured_whole(cuda, stage):
    """The strengths travel to it beside the shift."""
    shaping = {name: STRENGTHS[name] for name in STAGES if stage in (name, "all")}
    step = measured(cuda, CAPTURED, **shaping)
    assert step.pop("synchronisations") > 0
    assert step == {"graph_launches": 1, "copies_in": 2, "copies_out": 1}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_asks_for_no_more(cuda, stage):
    more = measured(cuda, PLAIN, **{stage: STRENGTHS[stage]})["launches"]
    assert more - measured(cuda, PLAIN)["launches"] <= LAUNCHES[stage]
