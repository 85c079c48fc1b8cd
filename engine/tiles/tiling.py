"""Whether a picture is dreamt on in tiles, and how large they are: by hand, or by the memory.

The whole picture at once is quickest, for tiles overlap by their halos. So that is the choice as
long as it fits, and the largest tiles that fit are the next best.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from ort_deepdream.engine.guide import bytes_per_pixel
from ort_deepdream.engine.machine.mapped import Store, pictures_folder
from ort_deepdream.engine.machine.memory import Room, available, bytes_needed, gigabytes
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.tiles.geometry import Axis, Field, divide
from ort_deepdream.errors import DreamError
from ort_deepdream.weights.receptive_field import Window

AUTO, OFF = "auto", "off"
Tile = int | str  # pixels, AUTO or OFF

# Larger tiles gain little: these, of inception_4c/output, have 1.8 times their area with their
# halos. And a dream of any size stays below 1.5 GB: 16384x16384 pixels took 1.26 GB in all.
MOST_FOR_A_TILE = 900_000_000  # bytes
FOR_THE_REST = 250_000_000  # bytes: what a process has without a picture, and parts of pictures
IN_MEMORY = 256_000_000  # bytes of whole pictures; more are in files

# A dream's whole pictures: the photograph's octaves, what they become, its gradient, the result.
BYTES_OF_PICTURES = 60  # for each pixel of the largest octave
BYTES_OF_KEEPING = 60  # in memory, of masks, colours and contrast
BYTES_OF_AN_OCTAVE = 24  # kept, all of them together


@dataclass(frozen=True)
class Tiling:
    """How a picture is divided: tiles of so many pixels, and a halo if it is not the exact one."""

    tile: int
    field: Field
    halo: int | None = None

    def __str__(self) -> str:
        exact = self.field.halo
        if self.halo is None or self.halo >= exact:
            return f"tiles of {self.tile} pixels with a halo of {exact}, exact"
        return f"tiles of {self.tile} pixels with a halo of {self.halo}; {exact} would be exact"

    def divided(self, height: int, width: int) -> tuple[Axis, Axis]:
        """Return the tiles of a picture, down and across."""
        rows, columns = (divide(side, self.tile, self.field, self.halo) for side in (height, width))
        return rows, columns

    def crop(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of what is computed at once."""
        rows, columns = self.divided(height, width)
        return rows.side, columns.side


def tiling_for(
    model: Model, height: int, width: int, tile: Tile = AUTO, halo: int | None = None
) -> Tiling | None:
    """Return how a picture of this size is divided; None when it is dreamt on as a whole.

    `auto` divides what is too large for the memory that is there, on the CPU; other devices do not
    tell theirs. `halo` is how many pixels around a tile are seen; None for all that count.

    Raise DreamError for tiles that are too small or too large for the memory, a file whose layers'
    fields are not known, and for memory that does not suffice for any tile.
    """
    if tile == OFF:
        if halo is not None:
            raise DreamError("a halo is one of tiles, which are off; choose --tile auto or a size")
        return None
    on_cpu = model.backend.provider == "CPUExecutionProvider"
    room = available() if on_cpu else None
    if tile == AUTO:
        needed = _bytes(model, (height, width))
        if room is None or needed <= room.free or not _windows(model):
            return None  # where it does not fit, the size that would is said
        return largest(model, height, width, room, halo)
    if isinstance(tile, str):
        raise DreamError(f"tile must be auto, off or a number of pixels, not '{tile}'")
    return _by_hand(Tiling(tile, field_of(model), halo), model, height, width, room)


def field_of(model: Model) -> Field:
    """Return what the layers of a model see. Raise DreamError where that is not known."""
    windows = _windows(model)
    if not windows:
        raise DreamError(
            f"{model.file.path.name}: it is not known how far {', '.join(model.info.layers)} sees, "
            f"so there are no tiles; choose --tile off and a picture that fits into memory"
        )
    return Field(windows)


def _windows(model: Model) -> tuple[tuple[Window, ...], ...]:
    """Return the windows of each of a model's layers; none where they are not known."""
    from ort_deepdream.weights.architectures import ARCHITECTURES  # few need it

    architecture = ARCHITECTURES.get(model.info.architecture)
    names = dict.fromkeys(name.partition("=")[0].partition(":")[0] for name in model.info.layers)
    shapes = [architecture.layers.get(name) if architecture else None for name in names]
    windows = [shape.windows for shape in shapes if shape is not None and shape.windows]
    return tuple(windows) if len(windows) == len(names) else ()


def _by_hand(
    tiling: Tiling, model: Model, height: int, width: int, room: Room | None
) -> Tiling | None:
    stride = tiling.field.stride
    if tiling.tile < stride:
        raise DreamError(
            f"tiles of {tiling.tile} pixels are too small for {', '.join(model.info.layers)}: "
            f"choose {stride} or more"
        )
    crop = tiling.crop(height, width)
    if crop == (height, width):
        return None  # one tile: the picture
    needed = _bytes(model, crop)
    if room is not None and needed > room.free:
        raise DreamError(
            f"tiles of {tiling.tile} pixels take about {gigabytes(needed)} of memory with their "
            f"halo, and {gigabytes(room.free)} are {room.limit}; choose a smaller --tile, or auto"
        )
    return tiling


def largest(model: Model, height: int, width: int, room: Room, halo: int | None = None) -> Tiling:
    """Return the largest tiles of a picture that fit. Raise DreamError when none does."""
    field = field_of(model)
    most = min(room.free - FOR_THE_REST, MOST_FOR_A_TILE)
    stride = field.stride
    for tile in range(max(height, width) // stride * stride, 0, -stride):
        tiling = Tiling(tile, field, halo)
        needed = _bytes(model, tiling.crop(height, width))
        if needed <= most:
            return tiling
    raise DreamError(
        f"{gigabytes(room.free)} of memory are {room.limit}, and the smallest tiles of "
        f"{width}x{height} pixels take about {gigabytes(needed + FOR_THE_REST)} with their halo; "
        f"choose an earlier layer or a smaller --halo"
    )


def _bytes(model: Model, size: tuple[int, int]) -> int:
    """Return the memory that a step on a picture, or a tile, of this size takes."""
    more = bytes_per_pixel(model.info.guides, model.guide) if model.guide else 0.0
    return bytes_needed(*size, model.info.stride) + int(size[0] * size[1] * more)


def require_room_to_keep(height: int, width: int) -> None:
    """Raise DreamError when several whole pictures do not fit into memory beside a tile.

    That is what it takes to keep something of a photograph: masked parts, colours or contrast.
    """
    room = available()
    needed = height * width * BYTES_OF_KEEPING
    if room is not None and needed > room.free - FOR_THE_REST - MOST_FOR_A_TILE:
        raise DreamError(
            f"a mask, --keep-colours and --keep-contrast take {gigabytes(needed)} of memory at "
            f"{width}x{height} pixels, and {gigabytes(room.free)} are {room.limit}; leave them out"
        )


def store_for(height: int, width: int, keep_octaves: bool) -> Store:
    """Return where the whole pictures of a dream in tiles are kept.

    Raise DreamError when the disk has not the room.
    """
    needed = height * width * (BYTES_OF_PICTURES + keep_octaves * BYTES_OF_AN_OCTAVE)
    if needed <= IN_MEMORY:
        return Store()
    folder = pictures_folder()
    free = _free_disk(folder)
    if free is not None and needed > free:
        from ort_deepdream.weights.catalogue import CACHE_VARIABLE

        raise DreamError(
            f"a dream of {width}x{height} pixels takes {gigabytes(needed)} of {folder}, where "
            f"{gigabytes(free)} are free; make room, or name another folder in {CACHE_VARIABLE}"
        )
    return Store(folder)


def _free_disk(folder: Path) -> int | None:
    """Return the bytes that are free where `folder` is, or will be; None where none can be told."""
    for place in (folder, *folder.parents):
        try:
            return shutil.disk_usage(place).free
        except OSError:
            continue
    return None
