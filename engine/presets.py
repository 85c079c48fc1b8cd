"""Named ways to dream, each found by looking at what it makes of photographs.

It is imported at each start of the command: nothing heavy here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ort_deepdream.engine.settings import Settings


class Preset(NamedTuple):
    """A way to dream: the layers to amplify, and settings that belong together.

    layers: those of `load_layer`; empty for the strength of a dream alone, whatever its layers.
    smallest: pixels of the shorter side that the smallest octave has at least. The number of
    octaves follows from it and grows with the picture; None for the settings' own number.
    """

    about: str
    layers: tuple[str, ...]
    changed: Mapping[str, Any]
    smallest: int | None = None

    def settings(self, height: int, width: int, typed: Mapping[str, Any]) -> Settings:
        """Return the settings for a picture of this size; what is `typed` has its way."""
        chosen = Settings(**{**self.changed, **typed})
        if self.smallest is None or {"octaves", "octave_sizes"} & typed.keys():
            return chosen
        times = max(min(height, width) / self.smallest, 1)
        return replace(chosen, octaves=1 + int(math.log(times, chosen.octave_scale)))


EYES, CREATURES = "inception_4a/output", "inception_4c/output"

PRESETS = {
    "classic": Preset("the notebook of 2015, as without a preset", (CREATURES,), {}),
    "subtle": Preset("a weaker dream, of any layer", (), {"iterations": 6, "step": 1.0}),
    "strong": Preset("a stronger dream, of any layer", (), {"iterations": 20}, smallest=90),
    "eyes": Preset("eyes in fur", (EYES,), {"iterations": 20}, smallest=90),
    "creatures": Preset("heads and bodies", (CREATURES,), {"iterations": 20}, smallest=90),
}
