"""The loop's settings, each declared once: name, kind, default, limits, unit and words.

From this follow the command line's options, what is stored in a dream, the settings in a result
file and the table of options. It is imported at each start of the command: nothing heavy here.
"""

# Without postponed annotations: a field's type is read from it.

import math
import os
from dataclasses import Field, dataclass, field, fields
from typing import Any

from ort_deepdream.errors import DreamError, nearest


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
    default: Any,
    help: str,  # noqa: A002
    limits: Limits | tuple[str, ...] | None = None,
    unit: str = "",
    shown_default: str = "",
) -> Any:
    """Declare a field of Settings. Its type says what it is, and `limits` what it may be.

    A number has Limits, and so has each of a tuple of numbers; a word is one of a tuple, or empty
    where the setting is off; a bool has none. A default that is a function is called for each
    dream; `shown_default` stands for it.
    """
    metadata = {"help": help, "limits": limits, "unit": unit, "shown_default": shown_default}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def drawn_seed() -> int:
    """Return a seed that nobody chose."""
    return int.from_bytes(os.urandom(4))


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
        drawn_seed,
        "What the shifts are drawn with. The same seed, model, backend and machine give the same "
        "picture.",
        Limits(least=0),
        shown_default="drawn, and stored in the picture",
    )
    laplacian: float = setting(
        0.0,
        "How far details of all sizes are given the same strength, by a Laplacian pyramid of the "
        "gradient: 1 wholly, 0 not at all.",
        Limits(0, 1),
    )
    smooth: float = setting(
        0.0,
        "Sigma of the Gaussian that the gradient is smoothed with in each octave's first step; it "
        "falls to nothing.",
        Limits(0, 4),
        unit="pixels",
    )
    total_variation: float = setting(
        0.0,
        "How hard differences between neighbouring pixels are pulled together, relative to the "
        "gradient.",
        Limits(0, 10),
    )
    octave_sizes: tuple[int, ...] = setting(
        (),
        "Longest side of each size to dream at, the smallest first, instead of octaves and "
        "octave-scale. The picture's own comes last by itself.",
        Limits(1, 100_000),
        unit="pixels",
    )
    octave_iterations: tuple[int, ...] = setting(
        (),
        "Steps in each octave, instead of iterations: the last number is for the picture's own "
        "size, and the first for all sizes that have none.",
        Limits(least=1),
    )
    keep_colours: bool = setting(
        False, "Dream in lightness alone: the photograph's colours stay, in Oklab."
    )
    keep_contrast: bool = setting(
        False,
        "Keep the mean and the spread of the photograph's red, green and blue, which a dream "
        "drifts away from.",
    )

    def __post_init__(self) -> None:
        check_settings(self)

    def iterations_of(self, octaves: int) -> list[int]:
        """Return how many steps each of so many octaves has, the smallest first."""
        given = self.octave_iterations or (self.iterations,)
        return [*given[:1] * (octaves - len(given)), *given][-octaves:]


def check_settings(settings: Any) -> None:
    """Raise DreamError for a value that a setting cannot have; make tuples of lists."""
    for declared in fields(settings):
        value = getattr(settings, declared.name)
        if isinstance(value, list):  # from JSON
            value = tuple(value)
            object.__setattr__(settings, declared.name, value)
        _check(as_typed(declared.name), value, declared.metadata["limits"])


def _check(name: str, value: Any, limits: Limits | tuple[str, ...] | None) -> None:
    """Raise DreamError for a value that a setting cannot have."""
    if isinstance(limits, Limits):
        for number in value if isinstance(value, tuple) else (value,):
            if number not in limits:
                raise DreamError(f"{name} must be {limits}, not {number}")
    elif limits is None and not isinstance(value, bool):
        raise DreamError(f"{name} must be True or False, not {value!r}")
    elif limits is not None and value and value not in limits:
        raise DreamError(f"{name} cannot be {value!r}: {nearest(str(value), limits)}")


def as_typed(name: str) -> str:
    """Return a setting's name as it is typed on the command line, without the hyphens before it."""
    return name.replace("_", "-")


def as_text(value: Any) -> str:
    """Return a setting's value as it is typed and stored: `5,10,20` for a tuple."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def off_by_default(declared: Field[Any]) -> bool:
    """Return whether a setting does nothing unless it is asked for."""
    return not declared.default


def chosen(settings: Any) -> dict[str, Any]:
    """Return the settings that make a dream, by name: all but those that are off, as by default."""
    values = {declared: getattr(settings, declared.name) for declared in fields(settings)}
    return {
        declared.name: value
        for declared, value in values.items()
        if value or not off_by_default(declared)
    }


def option_words(settings: Any) -> list[str]:
    """Return the words that ask `dream run` for these settings."""
    words = []
    for name, value in chosen(settings).items():
        option = as_typed(name)
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words.append(f"--{option}={as_text(value)}")
    return words
