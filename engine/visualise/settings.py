"""The settings of a visualisation, declared as those of a dream are: engine/settings.py."""

# Without postponed annotations: a field's type is read from it.

from dataclasses import dataclass

from ort_deepdream.engine.settings import Limits, check_settings, drawn_seed, setting
from ort_deepdream.errors import DreamError


@dataclass(frozen=True)
class VisualiseSettings:
    """How a channel is drawn from noise. Raise DreamError for a setting out of range."""

    size: int = setting(224, "Width and height of the picture.", Limits(8, 8192), unit="pixels")
    steps: int = setting(160, "Steps, each on another view of the picture.", Limits(least=1))
    rate: float = setting(
        0.05, "How far a step changes each frequency of the picture.", Limits(0, 10)
    )
    transforms: float = setting(
        1.0,
        "How far each view is moved, turned and enlarged: 1 is up to 8 pixels, 10 degrees and 10%.",
        Limits(0, 10),
    )
    seed: int = setting(
        drawn_seed,
        "What the noise and the views are drawn with. The same seed, model, backend and machine "
        "give the same picture.",
        Limits(least=0),
        shown_default="drawn, and stored in the picture",
    )
    neuron: bool = setting(
        False, "Draw the unit in the middle of the layer, not its whole channel."
    )
    colour: tuple[float, ...] = setting(
        (),
        "Red, green and blue of the picture to begin with, instead of grey; its noise is added.",
        Limits(0, 255),
        unit="levels",
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if len(self.colour) not in (0, 3):
            raise DreamError(f"colour must be red, green and blue, not {len(self.colour)} numbers")
