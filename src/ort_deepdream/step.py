"""The inputs and outputs of a step's graph: what `export` writes and `engine` feeds.

A gradient file has GRADIENT_INPUTS and GRADIENT_OUTPUTS. The fragment that makes a step of it
(export/ascent.py) adds ADDED_INPUTS and ADDED_OUTPUTS. Types are in ONNX's own notation.

A copy to a GPU or from it costs more than what it copies. There a step takes what changes from step
to step in one block, and gives its two numbers in one: PACKED_INPUTS and PACKED_OUTPUTS.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Indices = NDArray[np.int64]
Feed = Mapping[str, NDArray[np.float32 | np.int64]]  # values by the input's name

PICTURE = "float[1, 3, height, width]"  # in the network's units

GRADIENT_INPUTS = {"image": PICTURE}
GRADIENT_OUTPUTS = {"objective": "float", "gradient": PICTURE}

ADDED_INPUTS = {
    "length": "float",  # by how much the step changes a value on average
    "low": "float[1, 3, 1, 1]",  # black
    "high": "float[1, 3, 1, 1]",  # white
    "rows": "int64[height]",  # for each row of the next picture, its number in this one
    "columns": "int64[width]",
}
ADDED_OUTPUTS = {
    "mean": "float",  # of the absolute gradient
    "next": PICTURE,
}

# What may be done to a gradient before the ascent, in this order (export/shaping.py). Each stage
# has a fragment of its own, which reads the first of these values and gives the second.
STAGES = {
    "laplacian": ("unit", "levelled"),
    "smooth": ("levelled", "smoothed"),
    "total_variation": ("smoothed", "shaped"),
}
TAPS = 25  # of the kernel that smooths, so for a sigma up to a sixth of that
SHAPING = "shaping"
SHAPING_INPUTS = {
    SHAPING: f"float[{2 + TAPS}]"
}  # strength and weight of the first and last; kernel

PACKED = frozenset({"cuda"})  # the graph targets of steps that take and give blocks
PACKED_INPUTS = {
    "move": "float[moves]",  # the numbers of the rows, of the columns, and the length
    "low": ADDED_INPUTS["low"],
    "high": ADDED_INPUTS["high"],
}
PACKED_OUTPUTS = {
    "report": "float[2]",  # the objective, and the mean of the absolute gradient
    "next": PICTURE,
}

OWN = "own"  # begins the inputs of a graph for tiles (engine/sessions/owned_units.py)

# A smaller mean of the gradient is rounding: the step lets it change nothing.
NO_GRADIENT = 1e-30


def limits_feed(low: Array, high: Array) -> Feed:
    """Return what is the same for every step: black and white, each [3, 1, 1]."""
    return {"low": low[np.newaxis], "high": high[np.newaxis]}


def move_feed(height: int, width: int, length: float = 0.0, down: int = 0, across: int = 0) -> Feed:
    """Return what each step has its own of: ascend by `length`, then roll by so many pixels.

    By default for a step that leads nowhere: the next picture is this one, within the limits.
    """
    return {
        "length": np.array(length, np.float32),
        "rows": rolled_indices(height, down),
        "columns": rolled_indices(width, across),
    }


def packed(feed: Feed) -> Feed:
    """Return the feed of `move_feed` as one block. float32 counts to 2**24, beyond any side."""
    parts = [feed["rows"], feed["columns"], feed["length"][np.newaxis]]
    return {"move": np.concatenate(parts, dtype=np.float32, casting="same_kind")}


def rolled_indices(count: int, shift: int) -> Indices:
    """Return the indices that make `np.roll(x, shift)` of an `x` with `count` values."""
    return (np.arange(count, dtype=np.int64) - shift) % count


def own_names(count: int) -> list[str]:
    """Return the names of the inputs that say which units of each layer count."""
    return [OWN] if count == 1 else [f"{OWN}/{number}" for number in range(count)]


def is_own(name: str) -> bool:
    """Tell whether an input is one of `own_names`."""
    return name == OWN or name.startswith(f"{OWN}/")
