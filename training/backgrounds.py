"""Background crops: wallpapers from Debian packages, colour gradients and noise.

Every fifth wallpaper file is kept for the held-out pictures, so that no photograph is in both.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from training import textures

# Licences: docs/model-card.md. Only folders of the three packages named there.
FOLDERS = [
    Path("/usr/share/backgrounds/gnome"),
    Path("/usr/share/backgrounds/mate"),
    Path("/usr/share/wallpapers"),
]
HELD_OUT_EVERY = 5
# A colour version of a design that training sees: left out, so that the others stay where they are.
SEEN_IN_OTHER_COLOURS = {"Ubuntu-Mate-Cold-no-logo"}
WORKING_WIDTH = 1400  # pixels a wallpaper is reduced to before it is cropped
WALLPAPER_SHARE = 0.7  # the rest are gradients and noise


def wallpapers(held_out: bool) -> list[Path]:
    """One file per wallpaper (the largest of its resolutions), in a fixed order."""
    largest: dict[str, Path] = {}
    for folder in FOLDERS:
        for path in sorted(folder.rglob("*")):
            if path.suffix not in {".jpg", ".png", ".webp"} or path.stem.startswith("screenshot"):
                continue
            key = _wallpaper(path)
            if key not in largest or path.stat().st_size > largest[key].stat().st_size:
                largest[key] = path
    keys = sorted(largest)
    return [
        largest[key]
        for i, key in enumerate(keys)
        if (i % HELD_OUT_EVERY == 2) == held_out and key not in SEEN_IN_OTHER_COLOURS
    ]


def _wallpaper(path: Path) -> str:
    """The same for all resolutions and day/night versions of one wallpaper."""
    if "contents" in path.parts:
        return path.parts[path.parts.index("contents") - 1]
    name = path.stem.removesuffix("-d").removesuffix("-l")
    return name.split("_")[0].removesuffix("-Dark").removesuffix("-Light")


def crops(rng: np.random.Generator, count: int, size: int, held_out: bool) -> npt.NDArray[np.uint8]:
    """[count, size, size, 3] uint8 backgrounds."""
    files = wallpapers(held_out)
    if not files:
        raise FileNotFoundError(f"no wallpapers in {', '.join(map(str, FOLDERS))}")
    each = int(count * WALLPAPER_SHARE) // len(files)
    found = [crop for path in files for crop in _crops_of(rng, path, each, size)]
    found += [_made(rng, size) for _ in range(count - len(found))]
    order = rng.permutation(count)
    return np.stack(found)[order]


def _crops_of(
    rng: np.random.Generator, path: Path, count: int, size: int
) -> list[npt.NDArray[np.uint8]]:
    with Image.open(path) as image:
        image.draft("RGB", (WORKING_WIDTH, WORKING_WIDTH))
        factor = max(1, image.width // WORKING_WIDTH)
        picture = image.convert("RGB").reduce(factor)
    result = []
    for _ in range(count):
        side = int(min(picture.size) * rng.uniform(0.1, 0.7))
        left = int(rng.integers(0, picture.width - side + 1))
        top = int(rng.integers(0, picture.height - side + 1))
        box = (left, top, left + side, top + side)
        crop = picture.resize((size, size), Image.Resampling.BOX, box=box)
        result.append(np.asarray(crop))
    return result


def _made(rng: np.random.Generator, size: int) -> npt.NDArray[np.uint8]:
    """A plain colour, a gradient or noise."""
    a, b, c = (textures.colour(rng) for _ in range(3))
    kind = rng.integers(4)
    if kind == 0:
        field = np.zeros((size, size))
    elif kind == 1:
        field = textures.unit(textures.grid(rng, size, turn=np.pi)[0])
    elif kind == 2:
        field = textures.unit(textures.noise(rng, size, rng.uniform(2, 8)))
    else:
        field = textures.unit(textures.fractal(rng, size, rng.uniform(2, 12), 0.6))
    return np.round(np.clip(textures.ramp(field, a, b, c), 0, 1) * 255).astype(np.uint8)
