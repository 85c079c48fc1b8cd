"""Named ways to dream, each found by looking at what it makes of photographs.

It is imported at each start of the command: nothing heavy here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ort_deepdream.engine.settings import Settings
from ort_deepdream.errors import DreamError, nearest


class Preset:
    """A way to dream: the layers to amplify, and settings that belong together.

    layers: those of `load_layer`; empty for a strength alone, whatever the layers are. smallest:
    pixels that the shorter side of the smallest octave has at least. The number of octaves follows
    from it, so that figures grow with the picture; None for the settings' own number.
    """

    # Not a NamedTuple: to make one takes half a millisecond of each start.

    def __init__(
        self,
        about: str,
        layers: tuple[str, ...],
        changed: Mapping[str, Any],
        smallest: int | None = None,
    ) -> None:
        self.about, self.layers, self.changed, self.smallest = about, layers, changed, smallest

    def settings(self, height: int, width: int, typed: Mapping[str, Any] | None = None) -> Settings:
        """Return the settings for a picture of this size; what is `typed` has its way."""
        typed = typed or {}
        chosen = Settings(**{**self.changed, **typed})
        if self.smallest is None or {"octaves", "octave_sizes"} & typed.keys():
            return chosen
        times = max(min(height, width) / self.smallest, 1)
        return replace(chosen, octaves=1 + int(math.log(times, chosen.octave_scale)))


BOLD = {"iterations": 12, "step": 2.5}  # as 20 of 1.5, in little more than half of the time
GENTLE = {"iterations": 8, "step": 1.2, "smooth": 1.0, "keep_colours": True, "keep_contrast": True}

PRESETS = {
    "classic": Preset("the notebook of 2015: the default dream", ("inception_4c/output",), {}),
    "creatures": Preset("heads with eyes and snouts", ("inception_4a/output",), BOLD, 50),
    "eyes": Preset("eyes everywhere", ("inception_3b/output",), BOLD, 100),
    "birds": Preset("beaks, feathers and vessels", ("inception_4d/output",), BOLD, 50),
    "things": Preset("wheels, bells, buildings, people", ("inception_4c/output",), BOLD, 50),
    "spirals": Preset("ornaments of lines and dots", ("inception_3a/output",), {}, 140),
    "strokes": Preset("short strokes, as of a brush", ("conv2/3x3",), {}, 140),
    "soft": Preset("a few eyes, in the photo's own colours", ("inception_4a/output",), GENTLE, 50),
    "subtle": Preset("a weaker dream of any layer", (), {"iterations": 6, "step": 1.0}),
    "strong": Preset("a stronger dream of any layer", (), BOLD, 50),
}


def find_preset(name: str) -> Preset:
    """Return the preset of this name. Raise DreamError for none, with the nearest."""
    if name not in PRESETS:
        raise DreamError(f"there is no preset '{name}': {nearest(name, PRESETS)}")
    return PRESETS[name]
