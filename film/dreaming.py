"""Dreams on the frames of a film, each beginning with what the one before left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ort_deepdream.engine.deepdream import Progress, dream
from ort_deepdream.engine.image import levels
from ort_deepdream.engine.keeping import as_mask
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.settings import Settings
from ort_deepdream.errors import DreamError
from ort_deepdream.film.following import Beginning, Follower
from ort_deepdream.film.settings import FilmSettings
from ort_deepdream.step import Array

Frame = NDArray[np.uint8]
OnStep = Callable[[int, Progress], bool | None]  # of the frame with this number, the first being 1
DreamOne = Callable[[int, Beginning], Array | None]  # None where it was stopped


def dream_film(
    model: Model,
    frames: Iterable[Frame],
    settings: Settings | None = None,
    film: FilmSettings | None = None,
    mask: Array | None = None,
    done: Sequence[Frame] = (),
    on_step: OnStep | None = None,
    first: int = 1,
    **how: Any,
) -> Iterator[Frame]:
    """Yield the dream of each frame of a film, uint8 [H, W, 3] as the frames are.

    Each begins with what the last one added, carried along by optical flow; what stands still is
    not dreamt again. All frames have the same seed, which is calmer than one for each. Carried on
    is what was yielded, in whole levels: a film that was interrupted goes on as if it had not been.

    mask: where it dreams, as for `dream`, in all frames. done: the first frames' dreams, if they
    are there already; what is yielded goes on after them. `on_step` is called with a frame's number
    and its Progress; when it returns False the film ends, without the frame that is going on.
    first: the first frame's number, where these are those of a shot. `how` is for `dream`: tile,
    halo.

    Raise DreamError as `dream` does, and for frames of different sizes.
    """
    settings, film = settings or Settings(), film or FilmSettings()

    def dream_one(number: int, beginning: Beginning) -> Array | None:
        def seen(at: Progress) -> bool | None:
            return None if on_step is None else on_step(first - 1 + number, at)

        try:
            made = dream(model, beginning.rgb, settings, seen, mask=beginning.mask, **how)
        except DreamError as error:
            if number == 1:
                raise
            raise DreamError(f"frame {first - 1 + number}: {error}") from error
        return None if made.stopped else made.rgb

    return followed(frames, dream_one, film.blend, mask, done)


def followed(
    frames: Iterable[Frame],
    dream_one: DreamOne,
    blend: float,
    mask: Array | None = None,
    done: Sequence[Frame] = (),
) -> Iterator[Frame]:
    """Yield the dream of each frame after those that are `done`; `dream_one` dreams on one."""
    follower, within = Follower(blend), None
    for number, frame in enumerate(frames, 1):
        if number == 1:
            within = as_mask(mask, *frame.shape[:2])
        beginning = follower.begin(frame)
        if number <= len(done):
            follower.dreamt(done[number - 1])
            continue
        made = _dreamt(_within(beginning, frame, within), number, dream_one)
        if made is None:
            return
        dreamt = levels(made)
        follower.dreamt(dreamt)
        yield dreamt


def _within(beginning: Beginning, frame: Frame, mask: Array | None) -> Beginning:
    """Return what a dream begins with in a film's mask; without, it is the frame itself."""
    if mask is None:
        return beginning
    rgb = np.where((mask > 0)[..., None], beginning.rgb, frame)
    share = mask if beginning.mask is None else mask * beginning.mask
    return beginning._replace(rgb=rgb, mask=share)


def _dreamt(beginning: Beginning, number: int, dream_one: DreamOne) -> Array | None:
    return beginning.rgb if beginning.is_done else dream_one(number, beginning)
