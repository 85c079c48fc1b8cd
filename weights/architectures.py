"""Every network that there is, by its name: a new one is an entry here."""

from __future__ import annotations

from collections.abc import Mapping

from ort_deepdream.weights.architecture import Architecture
from ort_deepdream.weights.googlenet import BVLC, TORCHVISION

ARCHITECTURES: Mapping[str, Architecture] = {a.name: a for a in (BVLC, TORCHVISION)}
DEFAULT_ARCHITECTURE: Architecture = BVLC
