"""An endless zoom: a dream, enlarged a little, dreamt on again, and so on, as in the notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.engine.deepdream import Dream, Progress, dream
from ort_deepdream.engine.image import levels
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.settings import Settings
from ort_deepdream.errors import DreamError
from ort_deepdream.film.motion import moved
from ort_deepdream.film.schedule import Changes, Scene, Schedule
from ort_deepdream.film.settings import ZoomSettings
from ort_deepdream.step import Array

Frame = NDArray[np.uint8]
OnStep = Callable[[int, Progress], bool | None]  # of the frame with this number, the first being 1


def zoom(
    model: Model,
    rgb: Array,
    settings: Settings | None = None,
    motion: ZoomSettings | None = None,
    changes: Changes | None = None,
    done: Sequence[Frame] = (),
    on_step: OnStep | None = None,
    **how: Any,
) -> Iterator[Frame]:
    """Yield the frames of a zoom into an RGB picture [H, W, 3] in 0..255, as uint8.

    The first one is a dream on the picture. Each other one is a dream on the one before, which was
    enlarged by `motion` around its centre, turned and moved. Each frame has the next seed, and what
    is dreamt on is what was yielded, in whole levels: a film that was interrupted goes on as if it
    had not been.

    changes: what is otherwise from some frames on, the first being 1: values of Settings, of the
    motion, and a `model`, such as {50: {"step": 2.5, "model": other}}.

    done: the frames that are there already; what is yielded goes on after them. Of a loop it is
    asked for the first ones again, while it closes.

    Of a `motion` with a loop, `motion.dreamt` frames are yielded: the last `loop` of them are drawn
    towards the first ones, and `motion.order(motion.dreamt)` tells which make the film.

    `on_step` is called with a frame's number and its Progress; when it returns False the film
    ends, without the frame that is going on. `how` is for `dream`: mask, tile, halo.

    Raise DreamError as `dream` does, and for a change that there cannot be.
    """
    motion = motion or ZoomSettings()
    schedule = Schedule(model, settings or Settings(), motion, changes or {})
    if np.ndim(rgb) == 3:  # what is no picture, `dream` refuses
        schedule.require_size(*rgb.shape[:2])
    first: list[Frame] = [done[number] for number in range(min(motion.loop, len(done)))]
    frame = done[-1] if len(done) else None

    for number in range(len(done) + 1, motion.dreamt + 1):
        # What closes the loop is dreamt as the frames that it becomes.
        again = max(number - motion.frames, 0)
        scene = schedule.scene(again or number)
        begin = rgb if frame is None else moved(frame, scene.motion)
        result = _dreamt(scene, begin, number, on_step, how)
        if result.stopped:
            return
        made = result.rgb
        if again:
            made = made + (first[again - 1] - made) * np.float32(pull(again, motion.loop))
        frame = levels(made)
        if number <= motion.loop:
            first.append(frame)
        yield frame


def pull(number: int, loop: int) -> float:
    """Return how far one of the frames that close a loop is drawn to the frame that it becomes.

    Each goes on from the one before, which was drawn so far already. Of what the film had come to,
    1 - (3 t^2 - 2 t^3) is left at t = number / (loop + 1).
    """

    def left(count: int) -> float:
        t = count / (loop + 1)
        return 1 - t * t * (3 - 2 * t)

    return 1 - left(number) / left(number - 1)


def _dreamt(
    scene: Scene, begin: Any, number: int, on_step: OnStep | None, how: dict[str, Any]
) -> Dream:
    """Return the dream of one frame. Raise DreamError, with its number unless it is the first."""

    def seen(at: Progress) -> bool | None:
        return None if on_step is None else on_step(number, at)

    try:
        return dream(scene.model, begin, scene.settings, seen, **how)
    except DreamError as error:
        if number == 1:
            raise
        raise DreamError(f"frame {number}: {error}") from error
