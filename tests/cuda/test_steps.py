"""What a step asks of CUDA: where its nodes are, and what is launched, copied and held.

A bound that is exceeded names what became dearer; one that could be lower is lowered by hand.
"""

from __future__ import annotations

import collections
import json
from typing import Any

import onnx_ir as ir
import pytest
from graphs import exported
from sampled import sampled

from ort_deepdream.weights.builtin import shipped_file
from scripts.cuda_counts import (
    CAPTURED,
    HALF,
    PLAIN,
    STEM,
    WAYS,
    form,
    forms,
    measured,
    of_file,
    ways_of,
)
from scripts.cuda_counts import SHIPPED as COUNTS

LAYER = "inception_4c/output"
SIZE = (158, 182)  # the reference picture
LARGE = (1024, 1024)  # where the zeros that pools' gradients are added to are made in each step
MIB = 2**20
BY_WAY = pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
FORMS = json.loads(COUNTS.read_text())


def steady(found: Any) -> collections.Counter[str]:
    """What a step counts once what is made at the first is there."""
    return collections.Counter(found["steps"][-1])


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
@BY_WAY
def test_memory_held(cuda, options, size, mebibytes):
    """By a session that has stepped: at 1024x1024 half of what the portable graph held."""
    found = measured(cuda, shipped_file(LAYER, "cuda"), options, size)
    assert found["bytes"] / MIB <= mebibytes


@pytest.mark.nightly
@pytest.mark.parametrize(("options", "seconds"), [(PLAIN, 5e-4), (CAPTURED, 1e-4)])
def test_the_hosts_time(cuda, options, seconds):
    """Of the processor, for all that is between Python and NVIDIA's libraries."""
    path = shipped_file(LAYER, "cuda")
    assert measured(cuda, path, options, times=200)["seconds"] <= seconds


HALVES = {"cuda": 129, "portable": 320}  # launches, to inception_3a/output


@pytest.mark.parametrize("target", HALVES)
def test_float16(cuda, target, tmp_path):
    path = tmp_path / "half.onnx"
    ir.save(exported("bvlc", ("inception_3a/output",), target, "float16"), path)
    assert steady(measured(cuda, path, CAPTURED))["graph_launches"] == 1
    assert steady(measured(cuda, path, PLAIN))["launches"] <= HALVES[target]


def test_the_channels_last(cuda):
    """Transposes take 14 launches more."""
    found = measured(cuda, shipped_file(LAYER, "portable"), {**PLAIN, "prefer_nhwc": "1"})
    assert steady(found)["launches"] <= 715


@BY_WAY
@pytest.mark.parametrize("layers", [("inception_3a/output=0.5", "pool1/norm1:3=-2"), ("conv1",)])
def test_other_objectives(cuda, options, layers, tmp_path):
    path = tmp_path / "other.onnx"
    architecture = "bvlc" if len(layers) > 1 else "torchvision"
    ir.save(exported(architecture, layers, "cuda"), path)
    assert steady(measured(cuda, path, options))["graph_launches"] == (options == CAPTURED)


@pytest.mark.parametrize(
    "name",
    sampled(
        zip(forms(), strict=True),
        lambda name: name.startswith(f"{STEM}." if HALF in name else ("conv2", "inception_4c-")),
    ),
)
def test_every_form(cuda, name, tmp_path):
    """`python -m scripts.cuda_counts --shipped` wrote down what is dearer or cheaper."""
    path = form(name, tmp_path)
    found = {way: of_file(cuda, path, options) for way, options in ways_of(name).items()}
    assert found == FORMS[name]
