"""Numbers and names as a reader meets them: three figures, a unit, nothing that cannot be seen."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ort_deepdream.measure.result import Kind, Size
from ort_deepdream.text import clean as clean  # as one of these words

KINDS: dict[Kind, str] = {"cold": "one-off dream", "warm": "further dream", "step": "single step"}

TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
AMOUNTS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
DASH = "–"


def figures(value: float, count: int = 3) -> str:
    """Return a number with `count` figures, or as many as stand before its point: 0.0912, 1234."""
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
    """Return a time in the unit that leaves few zeros: 1.50 s, 38.1 ms."""
    if value == 0:
        return "0 s"
    factor, unit = _time_unit(value)
    return f"{figures(value / factor)} {unit}"


def seconds_span(low: float, high: float) -> str:
    """Return two times in the unit of the larger, for a narrow column: 1.23-1.31 s."""
    factor, unit = _time_unit(high)
    return f"{figures(low / factor)}-{figures(high / factor)} {unit}"


def _time_unit(value: float) -> tuple[float, str]:
    return next((one for one in TIMES if value >= one[0] * 0.9995), TIMES[-1])


def amount(value: float, unit: str) -> str:
    """Return a value with a decimal prefix: 132 Gflop/s."""
    for factor, prefix in AMOUNTS:
        if value >= factor * 0.9995:
            return f"{figures(value / factor)} {prefix}{unit}"
    return f"{figures(value)} {unit}"


def memory(value: float) -> str:
    """Return bytes with a decimal prefix: 1.23 GB."""
    return amount(value, "B")


def times(value: float) -> str:
    """Return a ratio: 9.08×."""
    return f"{figures(value)}×"


def percent(share: float) -> str:
    """Return a share in per cent, with two figures: 48 %."""
    if 0 < share < 0.005:
        return "under 1 %"
    return f"{figures(share * 100, 2 if share < 0.995 else 3)} %"


def between(low: float, high: float, unit: str = "") -> str:
    """Return a range in words: 1.20× to 1.31×."""
    return f"{figures(low)}{unit} to {figures(high)}{unit}"


def size(value: Size) -> str:
    """Return a size as the page writes it: 182×158."""
    return f"{value.width}×{value.height}"


def sentence(text: str) -> str:
    """Return `text` with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def listed(items: Sequence[str]) -> str:
    """Return the items as they are listed in a sentence: a, b and c."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number of things: 1 core, 2 cores."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
