"""Remake engine/graphs from export/ascent.py and shaping.py: `python -m scripts.write_ascent`."""

from __future__ import annotations

from pathlib import Path

from ort_deepdream.export.ascent import (
    ENDS,
    ascent_fragment,
    probe_model,
    shaped_ascent_fragment,
)
from ort_deepdream.export.shaping import begin_fragment, stage_fragment
from ort_deepdream.step import STAGES

GRAPHS = Path(__file__).parents[1] / "engine" / "graphs"


def contents() -> dict[str, bytes]:
    """Return every file of engine/graphs by name."""
    fragments = {f"ascent.{target}.pb": ascent_fragment(target) for target in ENDS}
    fragments |= {f"shaped-ascent.{target}.pb": shaped_ascent_fragment(target) for target in ENDS}
    fragments |= {f"shape.{stage}.pb": stage_fragment(stage) for stage in STAGES}
    fragments["shape.begin.pb"] = begin_fragment()
    return {**fragments, "probe.onnx": probe_model().SerializeToString(deterministic=True)}


if __name__ == "__main__":
    for name, content in contents().items():
        (GRAPHS / name).write_bytes(content)
