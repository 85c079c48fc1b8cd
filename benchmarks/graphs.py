"""What the graph costs, counted rather than timed: the same on a busy machine and a quiet one.

The optimised graph is that of ONNX Runtime's CPU provider for this processor; counts of different
processors differ, for the blocks of its layout are 8 or 16 channels wide.
"""

from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path

from benchmarks import machine
from benchmarks.base import Benchmark, Prepared, profiled_step
from benchmarks.dreams import REFERENCE

TARGETS = ("cpu", "portable")


class Graph(Benchmark):
    params = (TARGETS,)
    param_names = ("target",)
    unit = "nodes"

    def setup(self, prepared: Prepared, target: str) -> None:
        self.require_commit(prepared, target)
        if target not in prepared.models:
            self.skip(f"this commit has no target {target}", target)


class Nodes(Graph):
    def track_exported(self, prepared: Prepared, target: str) -> int:
        return count_nodes(prepared.models[target]).total()

    def track_optimised(self, prepared: Prepared, target: str) -> int:
        return count_nodes(optimised(prepared.models[target])).total()

    def track_layout_changes(self, prepared: Prepared, target: str) -> int:
        """Copies into the blocked layout of convolutions, and out of it."""
        counts = count_nodes(optimised(prepared.models[target]))
        return counts["ReorderInput"] + counts["ReorderOutput"]


class Bytes(Graph):
    unit = "bytes"

    def track_file(self, prepared: Prepared, target: str) -> int:
        return Path(prepared.models[target]).stat().st_size

    def track_written(self, prepared: Prepared, target: str) -> int:
        """By every kernel of one step on a picture of 182x158 pixels."""
        events = profiled_step(prepared.models[target], "cpu", *REFERENCE)
        assert events, "the profiler saw no kernel"
        return sum(int(event["args"]["output_size"]) for event in events)


def count_nodes(path: str) -> Counter[str]:
    import onnx

    counts = Counter(node.op_type for node in onnx.load(path).graph.node)
    assert counts, f"{path} has no nodes"
    return counts


@functools.cache
def optimised(path: str) -> str:
    """The graph that the CPU provider runs, as a file in the working folder."""
    import onnxruntime

    written = str(Path.cwd() / f"optimised-{Path(path).name}")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = machine.threads()
    options.optimized_model_filepath = written
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return written
