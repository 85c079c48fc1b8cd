"""Folders of small pictures, and what is in the files that were made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def draw(path: Path | str, seed: int = 0, side: int = 16) -> Path:
    """Draw a picture of noise, side + 4 pixels wide."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.random.default_rng(seed).integers(0, 256, (side, side + 4, 3), np.uint8)
    Image.fromarray(levels).save(path)
    return path


def contents(folder: Path | str) -> dict[str, bytes]:
    """Return all files in a folder, by their paths in it."""
    paths = (path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}
