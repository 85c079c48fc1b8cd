"""What is done to a gradient before the ascent: the strengths, and the graph that does it.

export/shaping.py has the mathematics. A step's graph is the gradient file's with fragments of
engine/graphs appended: the plain one, or those of the stages that are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ort_deepdream.engine.settings import Settings, as_typed
from ort_deepdream.errors import DreamError
from ort_deepdream.protobuf import bytes_field
from ort_deepdream.step import SHAPING, STAGES, TAPS, Array, Feed

GRAPHS = Path(__file__).parent / "graphs"
GRAPH, NODE, INPUT, OUTPUT, OP_TYPE = 7, 1, 1, 2, 4  # fields of ONNX's messages (onnx.proto)
TAPS_PER_SIGMA = 6  # beyond three sigmas to each side a Gaussian has 0.3% of its weight
LARGEST_SIGMA = TAPS // TAPS_PER_SIGMA
SMALLEST_SIGMA = 0.05  # pixels, which leaves everything as it is


@dataclass(frozen=True)
class Shaping:
    """How strong each stage is; one of 0 is left out, and costs nothing."""

    laplacian: float = 0.0  # 1 gives all levels of the pyramid the same strength
    smooth: float = 0.0  # sigma in pixels, in an octave's first step
    total_variation: float = 0.0  # relative to the gradient

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that a step has, in their order."""
        return tuple(stage for stage in STAGES if getattr(self, stage))

    def feed(self, done: float = 0.0) -> Feed:
        """Return what a step's graph is fed when this share of an octave's steps is done."""
        if not self.stages:
            return {}
        sigma = self.smooth * (1 - done)
        values = [self.laplacian, self.total_variation, *gaussian(sigma)]
        return {SHAPING: np.array(values, np.float32)}


PLAIN = Shaping()


def shaping_of(settings: Settings) -> Shaping:
    """Return the shaping that a dream's settings ask for."""
    return Shaping(settings.laplacian, settings.smooth, settings.total_variation)


def refuse_tiles(settings: Settings) -> None:
    """Raise DreamError for settings that shape a gradient, which tiles never have as a whole."""
    stages = shaping_of(settings).stages
    if stages:
        named = " and ".join(f"--{as_typed(stage)}" for stage in stages)
        raise DreamError(
            f"{named} shape the gradient of a whole picture, and this one is dreamt on in tiles; "
            f"leave them out, or choose a picture that fits with --tile off"
        )


def gaussian(sigma: float) -> Array:
    """Return a kernel [TAPS] whose middle is 1; the graph divides by its sum."""
    distance = np.arange(TAPS) - TAPS // 2
    kernel: Array = np.exp(-0.5 * (distance / max(sigma, SMALLEST_SIGMA)) ** 2)
    return kernel


def step_fragments(target: str, stages: tuple[str, ...]) -> bytes:
    """Return what makes a step of a gradient file for a graph target, appended to it."""
    if not stages:
        return _read(f"ascent.{target}")
    shaping = (
        _read(f"shape.{stage}") if stage in stages else _passed_on(*values)
        for stage, values in STAGES.items()
    )
    return b"".join([_read("shape.begin"), *shaping, _read(f"shaped-ascent.{target}")])


def _read(name: str) -> bytes:
    return (GRAPHS / f"{name}.pb").read_bytes()


def _passed_on(given: str, gives: str) -> bytes:
    """Return the fragment of a stage that does nothing; ONNX Runtime takes it out."""
    node = bytes_field(INPUT, f"ascent/{given}".encode())
    node += bytes_field(OUTPUT, f"ascent/{gives}".encode()) + bytes_field(OP_TYPE, b"Identity")
    return bytes_field(GRAPH, bytes_field(NODE, node))
