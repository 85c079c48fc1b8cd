"""The table that this project began with: five dreams on a CPU and on a GPU, timed in 2019.

The default dream of one picture of 182x158 pixels, by Caffe with GoogLeNet (bvlc) to
inception_4c/output, in a cloud machine with 4 virtual CPUs, in a program that was already running:
a further dream, by this project's words. Seconds. Measured then, and not by this program.
"""

from __future__ import annotations

from dataclasses import dataclass

from ort_deepdream.measure.result import Size

YEAR = 2019
SIZE = Size(width=182, height=158)
ARCHITECTURE, LAYER = "bvlc", "inception_4c/output"
OCTAVES, OCTAVE_SCALE, ITERATIONS = 4, 1.4, 10


@dataclass(frozen=True)
class SeedRow:
    """Five dreams on one device."""

    name: str
    device: str
    seconds: tuple[float, ...]


CPU = SeedRow(
    "Caffe, CPU",
    "4 virtual CPUs of a cloud machine",
    (11.5642619133, 11.0189261436, 10.9254310131, 10.9863009453, 10.9531219006),
)
GPU = SeedRow(
    "Caffe, K80",
    "Tesla K80",
    (1.62579798698, 1.611369133, 1.61122298241, 1.61808490753, 1.62012815475),
)
ROWS = (CPU, GPU)
