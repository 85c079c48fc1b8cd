"""The settings of zooms and films, declared as those of a dream are: engine/settings.py."""

# Without postponed annotations: a field's type is read from it.

from dataclasses import dataclass

from ort_deepdream.engine.settings import Limits, check_settings, setting
from ort_deepdream.errors import DreamError

MOST_FRAMES = 1_000_000


@dataclass(frozen=True)
class ZoomSettings:
    """How the picture moves between two dreams. Raise DreamError for a setting out of range."""

    frames: int = setting(100, "How many frames the film has.", Limits(1, MOST_FRAMES))
    zoom: float = setting(
        0.05,
        "How much of its width and height each frame loses around the centre, as the next one is "
        "enlarged from the rest. Less than 0 zooms out.",
        Limits(-0.9, 0.9),
    )
    turn: float = setting(
        0.0, "How far each frame turns, clockwise.", Limits(-180, 180), unit="degrees"
    )
    pan: tuple[float, ...] = setting(
        (),
        "How far the view moves in each frame, to the right and down, in widths and heights.",
        Limits(-1, 1),
    )
    centre: tuple[float, ...] = setting(
        (),
        "What stays in its place: 0,0 is the left upper corner, 1,1 the right lower.",
        Limits(0, 1),
        shown_default="0.5,0.5",
    )
    loop: int = setting(
        0,
        "Close the film to a loop: so many frames more are dreamt, which become the first ones "
        "again.",
        Limits(0, MOST_FRAMES),
        unit="frames",
    )
    reverse: bool = setting(False, "Show the last frame first, and the photograph at the end.")
    fps: float = setting(25.0, "Frames a second.", Limits(0.1, 1000))

    def __post_init__(self) -> None:
        check_settings(self)
        for name, two in (("pan", self.pan), ("centre", self.centre)):
            if len(two) not in (0, 2):
                raise DreamError(f"{name} must be two numbers such as 0.5,0.5, not {len(two)}")
        if self.loop >= self.frames:
            raise DreamError(f"loop must be less than frames, not {self.loop} of {self.frames}")

    @property
    def dreamt(self) -> int:
        """How many frames are dreamt: those of the film, and more to close a loop."""
        return self.frames + self.loop

    def order(self, there: int) -> range:
        """Return the numbers of the dreamt frames that a film shows, the first one's being 1.

        `there` is how many have been dreamt: fewer than `dreamt` are all shown.
        """
        first = 1 + self.loop if there == self.dreamt else 1
        shown = range(first, there + 1)
        return shown[::-1] if self.reverse else shown


@dataclass(frozen=True)
class FilmSettings:
    """How a film's frames follow one another. Raise DreamError for a setting out of range."""

    blend: float = setting(
        0.7,
        "How much of a frame's dream is the one before, carried along with what moves: 0 dreams "
        "anew each time, and more is calmer.",
        Limits(0, 0.95),
    )
    every: int = setting(
        1, "Dream on the first of so many frames, and leave out the others.", Limits(least=1)
    )

    def __post_init__(self) -> None:
        check_settings(self)
