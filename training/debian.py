"""Pictures from Debian packages, wallpapers and colour emoji. Licences: docs/model-card.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Pixels = npt.NDArray[np.uint8]

# Only the folders of the three packages that the model card names.
FOLDERS = [
    Path("/usr/share/backgrounds/gnome"),
    Path("/usr/share/backgrounds/mate"),
    Path("/usr/share/wallpapers"),
]
HELD_OUT_EVERY = 5  # wallpapers
# A colour version of a design that training sees: left out, so that the others stay where they are.
SEEN_IN_OTHER_COLOURS = {"Ubuntu-Mate-Cold-no-logo"}
WORKING_WIDTH = 1400  # pixels a wallpaper is reduced to before it is cropped

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
FONT_SIZE = 109  # the only size of the font's bitmaps (136x128 pixels)
# Code points (both ends included) of animals, plants, food, people and things. What lies between
# them, and in other blocks, are letters, clock faces, arrows, road signs and plain shapes.
PICTURED = [
    (0x1F300, 0x1F3FA),
    (0x1F400, 0x1F516),
    (0x1F525, 0x1F52E),
    (0x1F56F, 0x1F6A8),
    (0x1F6D5, 0x1F6FC),
    (0x1F900, 0x1FAFF),
]


def wallpapers(held_out: bool) -> list[Path]:
    """List one file for each wallpaper (the largest of its resolutions), in a fixed order.

    Every fifth is held out, so that training and judge share none.
    """
    largest: dict[str, Path] = {}
    for folder in FOLDERS:
        for path in sorted(folder.rglob("*")):
            if path.suffix not in {".jpg", ".png", ".webp"} or path.stem.startswith("screenshot"):
                continue
            name = _wallpaper(path)
            if name not in largest or path.stat().st_size > largest[name].stat().st_size:
                largest[name] = path
    return [
        largest[name]
        for i, name in enumerate(sorted(largest))
        if (i % HELD_OUT_EVERY == 2) == held_out and name not in SEEN_IN_OTHER_COLOURS
    ]


def _wallpaper(path: Path) -> str:
    """Name a wallpaper: the same in all its resolutions and day and night versions."""
    if "contents" in path.parts:
        return path.parts[path.parts.index("contents") - 1]
    name = path.stem.removesuffix("-d").removesuffix("-l")
    return name.split("_")[0].removesuffix("-Dark").removesuffix("-Light")


def crops(rng: np.random.Generator, path: Path, count: int, size: int) -> list[Pixels]:
    """Cut `count` random squares from a wallpaper, each [size, size, 3]."""
    with Image.open(path) as image:
        image.draft("RGB", (WORKING_WIDTH, WORKING_WIDTH))
        factor = max(1, image.width // WORKING_WIDTH)
        picture = image.convert("RGB").reduce(factor)
    found = []
    for _ in range(count):
        side = int(min(picture.size) * rng.uniform(0.1, 0.7))
        left = int(rng.integers(0, picture.width - side + 1))
        top = int(rng.integers(0, picture.height - side + 1))
        box = (left, top, left + side, top + side)
        found.append(np.asarray(picture.resize((size, size), Image.Resampling.BOX, box=box)))
    return found


def emoji(size: int) -> dict[int, Pixels]:
    """Draw the distinct pictures by code point, each [size, size, 4] with premultiplied alpha."""
    font = ImageFont.truetype(FONT, FONT_SIZE)
    distinct: dict[bytes, int] = {}
    for first, last in PICTURED:
        for code in range(first, last + 1):
            picture = _drawn(chr(code), font, size)
            if picture is not None:
                distinct.setdefault(picture.tobytes(), code)
    return {
        code: np.frombuffer(raw, np.uint8).reshape(size, size, 4) for raw, code in distinct.items()
    }


def _drawn(text: str, font: ImageFont.FreeTypeFont, size: int) -> Image.Image | None:
    """Draw a glyph in the middle of a square; None if the font lacks it."""
    canvas = Image.new("RGBA", (176, 176))
    ImageDraw.Draw(canvas).text((16, 16), text, font=font, embedded_color=True)
    box = canvas.getbbox()
    if box is None:
        return None
    glyph = canvas.crop(box)
    side = max(glyph.size) + 4  # a clear margin keeps the edge soft when the glyph is resampled
    square = Image.new("RGBA", (side, side))
    square.paste(glyph, ((side - glyph.width) // 2, (side - glyph.height) // 2))
    return square.convert("RGBa").resize((size, size), Image.Resampling.LANCZOS)
