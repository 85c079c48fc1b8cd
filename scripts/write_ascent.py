"""Remake engine/graphs from export/ascent.py: `python -m scripts.write_ascent`."""

from __future__ import annotations

from pathlib import Path

from ort_deepdream.export.ascent import ENDS, ascent_fragment, probe_model

GRAPHS = Path(__file__).parents[1] / "engine" / "graphs"


def contents() -> dict[str, bytes]:
    """Return every file of engine/graphs by name."""
    fragments = {f"ascent.{target}.pb": ascent_fragment(target) for target in ENDS}
    return {**fragments, "probe.onnx": probe_model().SerializeToString(deterministic=True)}


if __name__ == "__main__":
    for name, content in contents().items():
        (GRAPHS / name).write_bytes(content)
