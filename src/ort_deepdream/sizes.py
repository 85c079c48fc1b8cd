"""Sizes of pictures as they are typed: 182x158, width first."""

from __future__ import annotations

from ort_deepdream.errors import DreamError

LARGEST = 100_000  # pixels on a side


def parse_sides(text: str) -> tuple[int, int]:
    """Return the width and the height of `182x158`. Raise DreamError for what is no size."""
    width, _, height = text.partition("x")
    sides = [
        int(side)
        for side in (width, height)
        if side.isascii() and side.isdecimal() and len(side) <= 6
    ]
    if len(sides) != 2 or not all(1 <= side <= LARGEST for side in sides):
        raise DreamError(f"'{text}' is no size: write WIDTHxHEIGHT, such as 182x158")
    return sides[0], sides[1]
