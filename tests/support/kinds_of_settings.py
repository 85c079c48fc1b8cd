"""The loop's settings with one more of each kind, as a later version may declare them."""

from dataclasses import dataclass

from ort_deepdream.engine.settings import Limits, Settings, setting


@dataclass(frozen=True)
class Kinds(Settings):
    """One more of each kind; one of them is on by default."""

    fade: float = setting(0.0, "How much of each step is lost.", Limits(0, 1))
    keep_it: bool = setting(False, "Keep it.")
    whole: bool = setting(True, "All of it.")
    colour_space: str = setting("", "Where colours are.", ("luma", "oklab"))
    rounds: tuple[int, ...] = setting((), "Steps in each octave.", Limits(least=1))
