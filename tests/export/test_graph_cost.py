"""What the CPU's graph of `inception_4c/output` costs, counted rather than timed.

Timings on a busy machine say little; the number of kernels, of changes of layout and of bytes
written says the same on every machine. A bound that is exceeded names what became dearer; one that
could be lower is lowered by hand, so that it stays won.
"""

from __future__ import annotations

import collections
import json
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from graphs import exported, seeded, session

from ort_deepdream.export.model_file import export_gradient
from ort_deepdream.export.targets import TARGETS

LAYER = "inception_4c/output"
SIZE = (158, 182)  # the reference picture
EVEN_SIZE = (128, 192)
SLACK = 1.02

# Nodes in the exported file: what each kind means when it rises.
EXPORTED_BOUNDS = {
    "Conv": (169, "more convolutions, depthwise taps included"),
    "HardSigmoid": (56, "masks are no longer merged before slices and pools"),
    "Slice": (34, "gradients are cut more often"),
    "Mul": (70, "factors or masks are no longer merged"),
}
# Nodes that ONNX Runtime runs, once it has fused and laid out the graph.
OPTIMISED_BOUNDS = {
    "ReorderInput": (24, "more copies into the blocked layout"),
    "ReorderOutput": (18, "more copies out of the blocked layout"),
    "Slice": (3, "more slices, each of them outside the blocked layout"),
    "Add": (3, "sums are no longer fused into convolutions: are equal sizes named alike?"),
    "Mul": (70, "more passes over memory"),
    "HardSigmoid": (18, "masks are no longer fused into convolutions"),
    "Relu": (0, "ReLUs are no longer fused into convolutions"),
    "Transpose": (0, "weights are turned at run time instead of once"),
    "all": (398, "more kernels"),
}
ONE_SIZE_BOUNDS = {
    "Slice": (0, "values are longer than they need be, and cut"),
    "all": (385, "more kernels"),
}
NEVER = ("Pad", "Where", "ScatterElements", "ScatterND", "GatherElements", "ConvTranspose", "Equal")
MEGABYTES = 133.6  # written by all kernels for one gradient at SIZE


CPU_FLAGS = Path("/proc/cpuinfo")
# ONNX Runtime's blocks are 16 channels wide there, and 24 channels do not fill them.
WIDE_BLOCKS = CPU_FLAGS.exists() and "avx512f" in CPU_FLAGS.read_text()


@pytest.fixture(scope="module")
def model() -> ir.Model:
    return exported("bvlc", (LAYER,), "cpu")


@pytest.fixture(scope="module")
def optimised(model, tmp_path_factory) -> collections.Counter[str]:
    return optimised_nodes(model, tmp_path_factory.mktemp("optimised"))


def optimised_nodes(model: ir.Model, folder: Path) -> collections.Counter[str]:
    """What ONNX Runtime runs."""
    path = folder / "optimised.onnx"
    session(model, optimized_model_filepath=str(path), log_severity_level=4)
    graph = onnx.load(path).graph
    if not any(node.domain == "com.microsoft.nchwc" for node in graph.node):
        pytest.skip("ONNX Runtime has no blocked layout on this processor")
    return count(node.op_type for node in graph.node)


def count(kinds) -> collections.Counter[str]:  # type: ignore[no-untyped-def]
    counted = collections.Counter(kinds)
    counted["all"] = counted.total()
    return counted


def assert_within(found: collections.Counter[str], bounds: dict[str, tuple[int, str]]) -> None:
    dearer = {
        f"{kind}: {found[kind]} nodes, {bound} allowed": meaning
        for kind, (bound, meaning) in bounds.items()
        if found[kind] > bound
    }
    assert not dearer


def test_exported_nodes(model):
    found = count(node.op_type for node in model.graph)
    assert_within(found, EXPORTED_BOUNDS)


@pytest.mark.skipif(WIDE_BLOCKS, reason="bounds are counted with the 8-channel blocks of AVX2")
def test_optimised_nodes(optimised):
    assert_within(optimised, OPTIMISED_BOUNDS)


@pytest.mark.skipif(WIDE_BLOCKS, reason="bounds are counted with the 8-channel blocks of AVX2")
def test_optimised_nodes_for_one_size(tmp_path):
    """Where a pool halves an even size, no value is longer than it and none is cut."""
    layers, target = (LAYER,), TARGETS["cpu"]
    model = export_gradient(seeded(), layers, target, size=EVEN_SIZE)
    found = optimised_nodes(model, tmp_path)
    assert_within(found, OPTIMISED_BOUNDS | ONE_SIZE_BOUNDS)


@pytest.mark.parametrize("kind", NEVER)
def test_slow_kernels_are_avoided(optimised, kind):
    assert optimised[kind] == 0


@pytest.mark.skipif(WIDE_BLOCKS, reason="bounds are counted with the 8-channel blocks of AVX2")
def test_bytes_written(model, optimised, tmp_path):
    """By every kernel of one run, as ONNX Runtime's own profile has it."""
    running = session(
        model,
        enable_profiling=True,
        profile_file_prefix=str(tmp_path / "profile"),
        log_severity_level=4,
    )
    image = np.random.default_rng(0).uniform(-100, 100, (1, 3, *SIZE)).astype(np.float32)
    running.run(["gradient"], {"image": image})
    written = megabytes_written(running)
    assert written <= MEGABYTES * SLACK, (
        f"{written:.1f} MB written for one gradient, {MEGABYTES} so far: "
        "a value is made twice, kept larger than it need be, or no longer fused"
    )


def megabytes_written(running: onnxruntime.InferenceSession) -> float:
    events = json.loads(Path(running.end_profiling()).read_text("utf-8"))
    kernels = [event for event in events if event["name"].endswith("_kernel_time")]
    assert kernels
    return sum(int(event["args"]["output_size"]) for event in kernels) / 1e6
