"""Numbers and names as a reader meets them: three figures, a unit, no control characters."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

from ort_deepdream.measure.result import Kind, Size

KINDS: dict[Kind, str] = {"cold": "one-off dream", "warm": "further dream", "step": "single step"}

TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
AMOUNTS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
DASH = "–"
# Besides control characters: what turns the direction of text, or takes no room.
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean(text: str) -> str:
    """A string from a file, on one line, with what cannot be seen shown as a mark."""
    spaced = " ".join(text.split())
    return "".join("\ufffd" if unicodedata.category(c) in UNSEEN else c for c in spaced)


def figures(value: float, count: int = 3) -> str:
    """A number with so many figures, or as many as stand before its point: 0.0912, 11.6, 1234."""
    if not math.isfinite(value):
        return "too large to show"
    if value == 0:
        return "0"
    if not 1e-5 <= abs(value) < 1e15:
        return f"{value:.{count - 1}e}"
    # Rounded first: 9.996 has one figure before the point, 10.0 has two.
    rounded = float(f"{value:.{count - 1}e}")
    places = max(0, count - 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded if places else value:.{places}f}"


def seconds(value: float) -> str:
    for unit, name in TIMES:
        if value >= unit * 0.9995:
            return f"{figures(value / unit)} {name}"
    return "0 s" if value == 0 else f"{figures(value / 1e-9)} ns"


def amount(value: float, unit: str) -> str:
    """With a decimal prefix: 132 Gflop/s."""
    for factor, prefix in AMOUNTS:
        if value >= factor * 0.9995:
            return f"{figures(value / factor)} {prefix}{unit}"
    return f"{figures(value)} {unit}"


def memory(value: float) -> str:
    return amount(value, "B")


def times(value: float) -> str:
    """A ratio: 9.08×."""
    return f"{figures(value)}×"


def percent(share: float) -> str:
    if 0 < share < 0.005:
        return "under 1 %"
    return f"{figures(share * 100, 2 if share < 0.995 else 3)} %"


def between(low: float, high: float, unit: str = "") -> str:
    return f"{figures(low)}{unit} to {figures(high)}{unit}"


def size(value: Size) -> str:
    return f"{value.width}×{value.height}"


def pixels(value: Size) -> int:
    return value.width * value.height


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def listed(items: Sequence[str]) -> str:
    """a, b and c"""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def counted(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
