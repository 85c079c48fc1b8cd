"""Sprites from the colour emoji of Noto Color Emoji (SIL Open Font License 1.1).

The font holds about 1,400 distinct pictures. Letters, arrows, clock faces, flags, zodiac, keycaps,
road signs and plain shapes are left out: they make dull dreams.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
FONT_SIZE = 109  # the only size of the font's bitmaps (136x128 pixels)

SCANNED = [(0x231A, 0x2BFF), (0x1F000, 0x1FAFF)]

# Ranges (both ends included) of glyphs that are letters, signs or plain shapes.
LEFT_OUT = [
    (0x23CF, 0x23EF), (0x23F8, 0x24C2), (0x25AA, 0x25FE), (0x2611, 0x2611), (0x2622, 0x262F),
    (0x2638, 0x2638), (0x2640, 0x2653), (0x2660, 0x2666), (0x267B, 0x267F), (0x2695, 0x2695),
    (0x269B, 0x269C), (0x26A0, 0x26A0), (0x26A7, 0x26AB), (0x26CE, 0x26CE), (0x26D4, 0x26D4),
    (0x2705, 0x2705), (0x2714, 0x2721), (0x2733, 0x2734), (0x2747, 0x2763), (0x2795, 0x2B1C),
    (0x2B55, 0x2B55), (0x1F170, 0x1F251), (0x1F38C, 0x1F38C), (0x1F3A6, 0x1F3A6),
    (0x1F3C1, 0x1F3C1), (0x1F3E7, 0x1F3E7), (0x1F3F3, 0x1F3F4), (0x1F3FB, 0x1F3FF),
    (0x1F4A0, 0x1F4A0), (0x1F4A2, 0x1F4A2), (0x1F4A4, 0x1F4A4), (0x1F4AC, 0x1F4AF),
    (0x1F4B1, 0x1F4B2), (0x1F4B9, 0x1F4B9), (0x1F4C3, 0x1F4CB), (0x1F4DB, 0x1F4DB),
    (0x1F4F3, 0x1F4F6), (0x1F500, 0x1F506), (0x1F515, 0x1F515), (0x1F517, 0x1F524),
    (0x1F52F, 0x1F53D), (0x1F549, 0x1F549), (0x1F54E, 0x1F54E), (0x1F550, 0x1F567),
    (0x1F5C2, 0x1F5C2), (0x1F5E8, 0x1F5EF), (0x1F6A9, 0x1F6A9), (0x1F6AB, 0x1F6B1),
    (0x1F6B3, 0x1F6B3), (0x1F6B7, 0x1F6BC), (0x1F6BE, 0x1F6BE), (0x1F6C2, 0x1F6C5),
    (0x1F6D0, 0x1F6D1), (0x1F6D7, 0x1F6DC), (0x1F7E0, 0x1F7F0), (0x1F9B0, 0x1F9B3),
    (0x1FAAF, 0x1FAAF),
]  # fmt: skip


def candidates() -> list[int]:
    """Code points that this project looks at, whether or not the font has them."""
    codes = (code for first, last in SCANNED for code in range(first, last + 1))
    return [code for code in codes if not _within(code, LEFT_OUT)]


def _within(code: int, ranges: list[tuple[int, int]]) -> bool:
    return any(first <= code <= last for first, last in ranges)


def draw(code: int, font: ImageFont.FreeTypeFont, size: int) -> Image.Image | None:
    """The glyph as a centred RGBA picture of size x size pixels; None if the font lacks it."""
    canvas = Image.new("RGBA", (176, 176))
    ImageDraw.Draw(canvas).text((16, 16), chr(code), font=font, embedded_color=True)
    box = canvas.getbbox()
    if box is None:
        return None
    glyph = canvas.crop(box)
    side = max(glyph.size) + 4  # a clear margin keeps the edge soft when the sprite is resampled
    square = Image.new("RGBA", (side, side))
    square.paste(glyph, ((side - glyph.width) // 2, (side - glyph.height) // 2))
    return square.convert("RGBa").resize((size, size), Image.Resampling.LANCZOS)


def sprites(size: int) -> dict[int, npt.NDArray[np.uint8]]:
    """Distinct pictures by code point, each [size, size, 4] with premultiplied alpha."""
    font = ImageFont.truetype(FONT, FONT_SIZE)
    seen: set[bytes] = set()
    pictures: dict[int, npt.NDArray[np.uint8]] = {}
    for code in candidates():
        picture = draw(code, font, size)
        if picture is not None and (raw := picture.tobytes()) not in seen:
            seen.add(raw)
            pictures[code] = np.frombuffer(raw, np.uint8).reshape(size, size, 4)
    return pictures
