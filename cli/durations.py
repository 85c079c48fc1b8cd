"""Times as they are shown: three figures and a unit."""

from __future__ import annotations


def seconds(value: float) -> str:
    """1.23 s, 45.6 ms"""
    factor, unit = _unit(value)
    return f"{_figures(value * factor)} {unit}"


def between(low: float, high: float) -> str:
    """1.23-1.31 s: both in the unit of the larger."""
    factor, unit = _unit(high)
    return f"{_figures(low * factor)}-{_figures(high * factor)} {unit}"


def _unit(value: float) -> tuple[float, str]:
    return (1.0, "s") if value >= 0.9995 else (1e3, "ms")


def _figures(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"
