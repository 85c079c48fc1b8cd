"""The loop's settings, each declared once: name, default, limits, unit and words.

From this follow the command line's options, what is stored in a dream, the settings in a result
file and the table of options. It is imported at each start of the command: nothing heavy here.
"""

# Without postponed annotations: a field's type is read from it.

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from ort_deepdream.errors import DreamError


class Limits:
    """The finite values that a setting may have: `least` to `most`, or those above `above`."""

    # Not a dataclass: to make one takes a millisecond of each start.

    def __init__(
        self, least: float = -math.inf, most: float = math.inf, above: float = -math.inf
    ) -> None:
        self.least, self.most, self.above = least, most, above

    def __contains__(self, value: float) -> bool:
        # In these words, NaN is outside.
        return self.least <= value <= self.most and self.above < value < math.inf

    def __str__(self) -> str:
        if self.above > -math.inf:
            return f"more than {self.above}"
        return f"{self.least} or more" if self.most == math.inf else f"{self.least} to {self.most}"


THREADS = Limits(1, 1024)  # ONNX Runtime would start a million, and hang


def setting(
    default: float | Callable[[], float],
    help: str,  # noqa: A002
    limits: Limits,
    unit: str = "",
    shown_default: str = "",
) -> Any:
    """Declare a field of Settings; `shown_default` stands for a default that is a function."""
    metadata = {"help": help, "limits": limits, "unit": unit, "shown_default": shown_default}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """The notebook's parameters, with its defaults. Raise DreamError for one out of range."""

    iterations: int = setting(10, "Steps in each octave.", Limits(least=1))
    octaves: int = setting(
        4,
        "Sizes to dream at, the smallest first: more make larger figures.",
        Limits(1, 1000),  # each is a little smaller than the last, so there cannot be more
    )
    octave_scale: float = setting(
        1.4, "How many times as large each size is as the one before.", Limits(above=1)
    )
    step: float = setting(
        1.5,
        "How far one step changes a pixel on average, in levels of 255.",
        # Beyond white a picture turns black and white at once, and far beyond it overflows.
        Limits(-255, 255),
        unit="levels",
    )
    jitter: int = setting(
        32,
        "Largest random shift before each step.",
        Limits(0, 100_000),  # more than any picture is wide, and not too much for numpy
        unit="pixels",
    )
    seed: int = setting(
        lambda: int.from_bytes(os.urandom(4)),
        "What the shifts are drawn with. The same seed, model, backend and machine give the same "
        "picture.",
        Limits(least=0),
        shown_default="drawn, and stored in the picture",
    )

    def __post_init__(self) -> None:
        for declared in fields(self):
            value, limits = getattr(self, declared.name), declared.metadata["limits"]
            if value not in limits:
                raise DreamError(f"{as_typed(declared.name)} must be {limits}, not {value}")


def as_typed(name: str) -> str:
    """Return a setting's name as it is typed on the command line, without the hyphens before it."""
    return name.replace("_", "-")
