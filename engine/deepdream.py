"""The DeepDream loop of Google's 2015 notebook: octaves, jitter, normalised gradient ascent."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import default_rng

from ort_deepdream.engine.ascent import Ascent, UnfinishedStepError, make_ascent
from ort_deepdream.engine.guide import bytes_per_pixel
from ort_deepdream.engine.keeping import Keeping, as_mask
from ort_deepdream.engine.machine.mapped import Store
from ort_deepdream.engine.machine.memory import enough_memory
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.octaves import grown, octave_sizes, shrunk, sizes_by_hand
from ort_deepdream.engine.settings import Settings, as_text, as_typed, chosen
from ort_deepdream.engine.shaping import refuse_tiles, shaping_of
from ort_deepdream.errors import DreamError
from ort_deepdream.step import NO_GRADIENT, Array

if TYPE_CHECKING:
    from PIL.Image import Image

    from ort_deepdream.engine.tiles.ascent import TiledAscent
    from ort_deepdream.engine.tiles.tiling import Tiling


def _no_picture() -> Array:
    raise RuntimeError("no dream is going on here, so there is no picture of it")


@dataclass(frozen=True)
class Progress:
    """Where a dream is, after an iteration. Octaves and iterations count from 1."""

    octave: int
    octaves: int
    iteration: int
    iterations: int
    height: int
    width: int
    objective: float
    fraction: float  # of all the work, by pixels
    # The whole picture [H, W, 3] in 0..255 as it would be if the dream ended here. It is made when
    # this is called, which takes a while, and only until `on_step` returns.
    rgb: Callable[[], Array] = field(default=_no_picture, repr=False, compare=False)
    # Of an iteration that is going on: how many of its tiles are done. Else both are 0.
    tile: int = 0
    tiles: int = 0


@dataclass(frozen=True, repr=False)
class Dream:
    """A finished dream."""

    rgb: Array  # [H, W, 3], 0..255
    settings: Settings
    objectives: tuple[tuple[float, ...], ...]  # of each iteration, by octave, smallest first
    sizes: tuple[tuple[int, int], ...]  # (height, width) of each octave, smallest first
    octaves: tuple[Array, ...]  # each octave's picture, if asked for
    left_out: int  # octaves that were asked for and are below the layer's smallest picture
    idle_steps: int  # iterations whose gradient was zero or not finite: they change nothing
    stopped: bool  # by `on_step`
    photo: Array  # what was dreamt on, as it was given
    tiling: Tiling | None = None  # None: dreamt on as a whole

    def __repr__(self) -> str:
        height, width = self.rgb.shape[:2]
        steps = sum(map(len, self.objectives))
        stopped = ", stopped" if self.stopped else ""
        return f"<Dream {width}x{height}, {steps} steps, seed {self.settings.seed}{stopped}>"

    @property
    def image(self) -> Image:
        """Pillow's image of the dream, 8-bit RGB: to show, to save, or as uint8 for numpy."""
        from ort_deepdream.engine.image.picture import to_image  # a dream itself needs no Pillow

        return to_image(self.rgb)

    def _repr_html_(self) -> str:
        from ort_deepdream.engine.image.picture import to_image
        from ort_deepdream.engine.notebook import dream_html

        facts = {as_typed(name): as_text(value) for name, value in chosen(self.settings).items()}
        facts["sizes"] = ", ".join(f"{width}x{height}" for height, width in self.sizes)
        return dream_html(to_image(self.photo), self.image, repr(self), self.objectives, facts)


OnStep = Callable[[Progress], bool | None]


def dream(
    model: Model,
    rgb: Array,
    settings: Settings | None = None,
    on_step: OnStep | None = None,
    keep_octaves: bool = False,
    mask: Array | None = None,
    tile: int | str = "auto",
    halo: int | None = None,
    on_tile: OnStep | None = None,
    guide: Array | None = None,
) -> Dream:
    """Dream on an RGB picture [H, W, 3] in 0..255.

    mask: [H, W], 1 where it dreams and 0 where the picture stays exactly as it is; between them it
    dreams more weakly. None for everywhere.

    guide: an RGB picture [H, W, 3] in 0..255 whose features lead the dream, for a model that was
    loaded or exported for one. None where `model.with_guide` has it already, or there is none.

    `on_step` hears of each iteration; when it returns False the dream stops there and is returned
    as it is, while an exception in it, such as KeyboardInterrupt, loses the dream: `watching` makes
    an interrupt a False. Octaves whose shorter side would be below `model.least_side` are left out.

    tile: how the gradient of a large picture is computed: in tiles of so many pixels, `off` for
    all at once, or `auto` for tiles where the memory does not suffice otherwise. It is the same
    gradient, but for rounding, unless `halo` is smaller than what the layers see around a tile.
    `on_tile` hears of each tile as `on_step` does of iterations; when it returns False, the dream
    is as it was before the iteration.

    Raise DreamError for what is no picture or no mask, and for a picture that is too small or, on
    the CPU, takes more memory than there is.
    """
    rgb = _numbers(rgb)
    if guide is not None:
        model = model.with_guide(_numbers(guide, "guide"))
    model.require_guide()
    height, width = rgb.shape[:2]
    settings = settings or Settings()
    keeping = Keeping(model, settings, as_mask(mask, height, width))
    sizes, left_out = _sizes(height, width, settings, model)
    tiling, store = None, Store()
    # What is divided, which is rare, is imported where it is needed.
    if halo is not None or not (tile == "off" or (tile == "auto" and model.fits(height, width))):
        from ort_deepdream.engine.tiles.tiling import require_room_to_keep, store_for, tiling_for

        tiling = tiling_for(model, height, width, tile, halo)
        if tiling is not None:
            refuse_tiles(settings)
            if keeping.is_wanted:
                require_room_to_keep(height, width)
            store = store_for(height, width, keep_octaves)
    climb = _Climb(model, settings, sizes, tiling, store, on_step, on_tile)
    on_cpu = model.backend.provider == "CPUExecutionProvider"
    down, across = (height, width) if tiling is None else tiling.crop(height, width)
    more = bytes_per_pixel(model.info.guides, model.guide)
    with enough_memory(down, across, model.info.stride, on_cpu, more):
        made = _dream(model, rgb, climb, keeping, keep_octaves)
    return replace(made, left_out=left_out)


def _numbers(rgb: object, name: str = "rgb") -> Array:
    """Return a picture as an array. Raise DreamError for what is none."""
    try:
        array = np.asarray(rgb)
    except ValueError:  # lists of different lengths
        array = np.empty(0)
    if array.dtype.kind in "fiu" and array.ndim == 3 and array.shape[2] == 3 and array.size:
        return array
    given = repr(rgb) if isinstance(rgb, str | os.PathLike) else f"a {type(rgb).__name__}"
    if isinstance(rgb, np.ndarray):
        given = f"{rgb.dtype} {list(rgb.shape)}"
    raise DreamError(
        f"{name} must be an array of numbers [H, W, 3] in 0..255, not {given}; "
        f"`read_picture(path).rgb` is one"
    )


def _dream(
    model: Model,
    rgb: Array,
    climb: _Climb,
    keeping: Keeping,
    keep_octaves: bool,
) -> Dream:
    sizes, store = climb.sizes, climb.store
    base = model.preprocess(rgb, store)
    bases = _cascade(base, sizes, store)

    def whole(image: Array, octave: Array) -> Array:
        """Return what was dreamt so far on the whole picture, not on a small octave of it."""
        if octave is base:
            return image
        return keeping.tones(grown(base, image, octave, store), base)

    def finished(image: Array) -> Array:
        """Return the RGB picture of an image that it may write into."""
        model.limit(image)
        return keeping.untouched(model.deprocess(image, store), rgb)

    # What an octave begins with is taken out of a list: under a name it would stay in memory for
    # all of its steps, and so would the sizes that are done with.
    reached = [(bases[0], bases[0])]  # the dream so far, and the photograph at its size
    kept: list[Array] = []
    while bases and not climb.stopped:
        octave = bases.pop(0)

        def seen(image: Array, octave: Array = octave) -> Array:
            return finished(whole(keeping.end(image, octave), octave))

        image = climb.octave(keeping.begin(grown(octave, *reached.pop(), store)), seen)
        image = keeping.end(image, octave)
        if keep_octaves or climb.stopped:
            kept.append(model.deprocess(image, store))
        reached.append((image, octave))
        del image
    image = whole(*reached.pop())
    return Dream(
        rgb=finished(image),
        settings=climb.settings,
        objectives=tuple(tuple(values) for values in climb.objectives),
        sizes=tuple(sizes),
        octaves=tuple(kept) if keep_octaves else (),
        left_out=0,
        idle_steps=climb.idle_steps,
        stopped=climb.stopped,
        photo=rgb,
        tiling=climb.tiling,
    )


def _sizes(
    height: int, width: int, settings: Settings, model: Model
) -> tuple[list[tuple[int, int]], int]:
    """Return the octaves' sizes, smallest first, and how many more would be too small.

    Raise DreamError when the picture itself is.
    """
    least = model.least_side
    if min(height, width) < least:
        raise DreamError(
            f"the picture is {width}x{height} pixels, too small for "
            f"{', '.join(model.info.layers)}: both sides must be {least} or more; "
            f"choose an earlier layer or a larger picture"
        )
    if settings.octave_sizes:
        wanted = sizes_by_hand(height, width, settings.octave_sizes)
        sizes = [size for size in wanted if min(size) >= least]
        return sizes, len(wanted) - len(sizes)
    sizes = octave_sizes(height, width, settings.octaves, settings.octave_scale, least)
    return sizes, settings.octaves - len(sizes)


def _cascade(image: Array, sizes: list[tuple[int, int]], store: Store) -> list[Array]:
    """Return the picture at each size, smallest first, each made from the next larger."""
    octaves = [image]
    for size in reversed(sizes[:-1]):
        octaves.append(shrunk(octaves[-1], *size, store))
    return octaves[::-1]


class _Climb:
    """The iterations of a dream, one octave after the other."""

    def __init__(
        self,
        model: Model,
        settings: Settings,
        sizes: list[tuple[int, int]],
        tiling: Tiling | None,
        store: Store,
        on_step: OnStep | None,
        on_tile: OnStep | None,
    ) -> None:
        self.model = model
        self.settings = settings
        self.sizes = sizes
        self.tiling, self.store = tiling, store
        self.on_step, self.on_tile = on_step, on_tile
        self.random = default_rng(settings.seed)
        # `step` is in levels of the picture; the network's units may be others.
        self.length = settings.step * float(model.info.scale.mean())
        self.shaping = shaping_of(settings)
        self.iterations = settings.iterations_of(len(sizes))
        steps = zip(self.iterations, sizes, strict=True)
        self.total_work = sum(count * h * w for count, (h, w) in steps)
        self.objectives: list[list[float]] = []
        self.idle_steps = 0
        self.stopped = False

    def octave(self, image: Array, seen: Callable[[Array], Array]) -> Array:
        """Return `image` [1, 3, H, W] after every iteration of one octave.

        `seen` makes the whole RGB picture of one in the midst of it.
        """
        height, width = image.shape[2:]
        last = self.iterations[len(self.objectives)]
        shift = self.shift()
        ascent = self.ascent(height, width, seen)
        ascent.put(image, *shift)
        del image  # which the steps would keep in memory beside their own
        self.objectives.append([])
        for iteration in range(1, last + 1):
            # Each step leaves the picture where the next one wants it; the last leaves it there.
            shift = shift if iteration == last else self.shift()
            try:
                objective, mean = ascent.step(self.length, *shift, (iteration - 1) / last)
            except UnfinishedStepError:
                self.stopped = True
                break
            self.idle_steps += not NO_GRADIENT < mean < math.inf  # so that NaN counts
            self.objectives[-1].append(objective)
            if self.report(self.on_step, ascent, seen) is False:
                self.stopped = True
                break
        return ascent.take()

    def ascent(
        self, height: int, width: int, seen: Callable[[Array], Array]
    ) -> Ascent | TiledAscent:
        """Return what takes the steps of an octave."""
        if self.tiling is None:
            return make_ascent(self.model, height, width, self.shaping)

        from ort_deepdream.engine.tiles.ascent import TiledAscent

        def on_tile(ascent: TiledAscent, done: int, count: int) -> bool | None:
            return self.report(self.on_tile, ascent, seen, done, count)

        return TiledAscent(self.model, height, width, self.tiling, self.store, on_tile)

    def shift(self) -> tuple[int, int]:
        """Draw by how many pixels the picture is rolled before a step: down and across.

        One by one, for nobody knows how many there will be; of one seed they are the same.
        """
        jitter = self.settings.jitter
        across, down = self.random.integers(-jitter, jitter + 1, 2)
        return int(down), int(across)

    def report(
        self,
        told: OnStep | None,
        ascent: Ascent | TiledAscent,
        seen: Callable[[Array], Array],
        tile: int = 0,
        tiles: int = 0,
    ) -> bool | None:
        """Tell of an iteration, or of a tile of the one that is going on; return the answer."""
        if told is None:
            return None
        height, width = ascent.height, ascent.width
        finished = [value for octave in self.objectives for value in octave]
        work = height * width * tile / tiles if tiles else 0  # of an iteration
        for values, (h, w) in zip(self.objectives, self.sizes, strict=False):
            work += len(values) * h * w
        return told(
            Progress(
                octave=len(self.objectives),
                octaves=len(self.sizes),
                iteration=len(self.objectives[-1]) + bool(tiles),
                iterations=self.iterations[len(self.objectives) - 1],
                height=height,
                width=width,
                objective=finished[-1] if finished else math.nan,
                fraction=work / self.total_work,
                rgb=lambda: seen(ascent.take()),
                tile=tile,
                tiles=tiles,
            )
        )
