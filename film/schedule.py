"""What changes while a film goes on: layers, and settings of the dream and of the motion.

`50:step=2.5` has each frame from the 50th on dreamt with that step, and `50:inception_3b/output` of
that layer, until another entry says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Any, NamedTuple, get_args

from ort_deepdream.engine.model import Model
from ort_deepdream.engine.settings import Settings, as_text, as_typed
from ort_deepdream.errors import DreamError, nearest
from ort_deepdream.film.settings import MOST_FRAMES, ZoomSettings

MOTION = ("zoom", "turn", "pan", "centre")  # of the ZoomSettings; the others are the whole film's
KINDS: dict[str, Any] = {
    **{one.name: one.type for one in fields(Settings)},
    **{one.name: one.type for one in fields(ZoomSettings) if one.name in MOTION},
}
OF_THE_FILM = [one.name for one in fields(ZoomSettings) if one.name not in MOTION]
MISTYPED = 0.7  # how like a setting a name is that can only be meant for it
SWITCHES = {"yes": True, "no": False}

Changes = Mapping[int, Mapping[str, Any]]  # by the frame that they begin with, the first being 1


class Change(NamedTuple):
    """One entry as it is typed: from a frame on a setting, or a layer where it has no name."""

    frame: int
    name: str
    value: Any

    def __str__(self) -> str:
        if not self.name:
            return f"{self.frame}:{self.value}"
        words = {switch: word for word, switch in SWITCHES.items()}
        value = words[self.value] if isinstance(self.value, bool) else as_text(self.value)
        return f"{self.frame}:{as_typed(self.name)}={value}"


def read_change(text: str) -> Change:
    """Return an entry such as `50:step=2.5` or `50:inception_3b/output`. Raise DreamError."""
    number, colon, what = text.partition(":")
    if not (number.isdecimal() and colon and what):
        raise DreamError(
            f"--at {text[:60]}: write FRAME:LAYER or FRAME:SETTING=VALUE, such as 50:step=2.5"
        )
    if not 1 <= int(number[:10]) <= MOST_FRAMES:
        raise DreamError(f"--at {text[:60]}: the first frame is 1, the last {MOST_FRAMES}")
    typed, equals, value = what.partition("=")
    name = typed.replace("-", "_")
    if name in KINDS:
        return Change(int(number), name, _value(text, name, value))
    if name in OF_THE_FILM:
        raise DreamError(f"--at {text[:60]}: {typed} is the whole film's; use --{typed}")
    settings = list(map(as_typed, KINDS))
    # A layer may have a weight; one in torchvision's manner, such as layer4, has no slash.
    if equals and (not _is_number(value) or get_close_matches(typed, settings, 1, MISTYPED)):
        known = nearest(typed, settings)
        raise DreamError(f"--at {text[:60]}: there is no setting {typed[:40]}: {known}")
    return Change(int(number), "", what)


def layers_by_frame(changes: Iterable[Change]) -> dict[int, tuple[str, ...]]:
    """Return the layers that are dreamt of from each frame on at which they change."""
    found: dict[int, tuple[str, ...]] = {}
    for change in changes:
        if not change.name:
            found[change.frame] = (*found.get(change.frame, ()), change.value)
    return found


@dataclass(frozen=True)
class Scene:
    """How one frame is dreamt, and how it moved to get there."""

    model: Model
    settings: Settings
    motion: ZoomSettings


class Schedule:
    """How each frame of a film is dreamt.

    changes: by the frame that they begin with, values of Settings, of the motion in ZoomSettings
    (zoom, turn, pan, centre), and a `model`. Raise DreamError for other names, and for a value
    that a setting cannot have.
    """

    def __init__(
        self, model: Model, settings: Settings, motion: ZoomSettings, changes: Changes
    ) -> None:
        self.begin = Scene(model, settings, motion)
        self.scenes: list[tuple[int, Scene]] = []
        scene = self.begin
        for frame in sorted(changes):
            scene = _changed(scene, frame, changes[frame])
            self.scenes.append((frame, scene))

    def require_size(self, height: int, width: int) -> None:
        """Raise DreamError now for a picture that is too small for a later layer."""
        for frame, scene in self.scenes:
            least = scene.model.least_side
            if min(height, width) < least:
                raise DreamError(
                    f"frame {frame}: the picture is {width}x{height} pixels, too small for "
                    f"{', '.join(scene.model.info.layers)}: both sides must be {least} or more"
                )

    def scene(self, frame: int) -> Scene:
        """Return how a frame is dreamt; its seed is its own, so that no pattern stands still."""
        found = self.begin
        for first, scene in self.scenes:
            if first <= frame:
                found = scene
        seed = found.settings.seed + frame - 1
        return replace(found, settings=replace(found.settings, seed=seed))


def _changed(scene: Scene, frame: int, values: Mapping[str, Any]) -> Scene:
    for name in values:
        if name not in ("model", *KINDS):
            known = nearest(name, ("model", *KINDS))
            raise DreamError(f"from frame {frame} on: there is no setting {name}: {known}")
    motion = {name: value for name, value in values.items() if name in MOTION}
    dreamt = {name: value for name, value in values.items() if name not in (*MOTION, "model")}
    return Scene(
        values.get("model", scene.model),
        replace(scene.settings, **dreamt),
        replace(scene.motion, **motion),
    )


def _value(text: str, name: str, typed: str) -> Any:
    """Return the value of a setting. Raise DreamError for what is none."""
    kind = KINDS[name]
    try:
        if kind is bool:
            return SWITCHES[typed]
        if several := get_args(kind):
            return tuple(several[0](part) for part in typed.split(",") if typed)
        return kind(typed)
    except (KeyError, ValueError):
        wanted = {bool: "yes or no", int: "a whole number", float: "a number"}
        said = wanted.get(kind, "numbers with commas between")
        raise DreamError(f"--at {text[:60]}: {as_typed(name)} takes {said}") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
