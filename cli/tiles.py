"""`--tile` and `--halo`: how a picture that is too large for the memory is divided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ort_deepdream.engine.machine.memory import bytes_needed, gigabytes
from ort_deepdream.engine.model import Model
from ort_deepdream.engine.settings import Settings
from ort_deepdream.engine.shaping import refuse_tiles

if TYPE_CHECKING:
    from ort_deepdream.engine.tiles.tiling import Tiling


@dataclass(frozen=True)
class Tiles:
    """The two options, as a command was given them."""

    tile: int | str
    halo: int | None

    def divide(self, model: Model, settings: Settings, height: int, width: int) -> Tiling | None:
        """Return how a picture of this size is divided, None for not. Raise DreamError."""
        if self.tile == "auto" and self.halo is None and model.fits(height, width):
            return None
        from ort_deepdream.engine.tiles.tiling import tiling_for  # few need it

        tiling = tiling_for(model, height, width, self.tile, self.halo)
        if tiling is not None:
            refuse_tiles(settings)
        return tiling


def said(tiling: Tiling, model: Model, height: int, width: int) -> str:
    """Return what is said of tiles before the dream begins."""
    whole, part = (
        gigabytes(bytes_needed(*size, model.info.stride))
        for size in ((height, width), tiling.crop(height, width))
    )
    return f"{tiling}; they take {part} of memory, the whole picture would take {whole}"


def words(tiling: Tiling | None) -> list[str]:
    """Return the options again, for a command line that repeats the dream."""
    if tiling is None:
        return []
    return [f"--tile={tiling.tile}", *([] if tiling.halo is None else [f"--halo={tiling.halo}"])]
