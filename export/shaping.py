"""What may be done to a gradient before the ascent, in ONNX: the step's other fragments.

    unit     = gradient / mean(|gradient|)
    levelled = even(merge(level * rms(level)^-strength for each level of split(unit)))
    smoothed = even(conv(levelled, kernel) / conv(1, kernel))       along rows, then along columns
    shaped   = smoothed - weight * d/d(image) sum(sqrt(dx^2 + dy^2 + SOFT^2))
    even(x)  = x / mean(|x|)

The engine puts together those that are asked for (engine/shaping.py). Each reads what the one
before it gives, [1, 3, H, W], and keeps the mean absolute value at 1: so `length` is still what a
step changes on average, and strengths mean the same for every layer.

At the edges of the picture, which the jitter has rolled, `laplacian` sees zeros, as TensorFlow's
tutorial does; `smooth` averages over what is there; `total_variation` goes round to the other side,
as the jitter does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from ort_deepdream.export.ascent import MEAN
from ort_deepdream.export.fragments import checked, fragment_of, named, parsed, prefix_names
from ort_deepdream.step import ADDED_INPUTS, GRADIENT_OUTPUTS, PICTURE, SHAPING_INPUTS, STAGES, TAPS

LEVELS = 4  # that are split off: as in the tutorial
SOFT = 4  # levels of 255: neighbours that differ by less are hardly an edge
LAST = 9223372036854775807  # of an axis

BEGIN = f"""{MEAN}
    {named("measured")} = Identity (mean)
    {named("usable")} = Identity (usable)
    {named("unit")} = Div (gradient, clamped)
"""
MEASURED = {named("measured"): "float", named("usable"): "bool", named("unit"): PICTURE}


def _floats(values: object, sides: Sequence[int]) -> str:
    numbers = ", ".join(repr(float(value)) for value in np.ravel(np.asarray(values)))
    return f"Constant <value = float{list(sides)} {{{numbers}}}> ()"


def _integer(value: int) -> str:
    return f"Constant <value = int64[1] {{{value}}}> ()"


def _even(gives: str, given: str) -> str:
    """Return nodes that make the mean absolute value 1; where all is zero it stays zero."""
    return f"""
    magnitude = Abs ({given})
    mean = ReduceMean (magnitude)
    tiny = Constant <value = float {{1e-30}}> ()
    huge = Constant <value = float {{3e38}}> ()
    divisor = Clip (mean, tiny, huge)
    {gives} = Div ({given}, divisor)"""


# --- a Laplacian pyramid --------------------------------------------------------------------------

BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
COLOURS = (3, 1, 5, 5)  # each alone


def _pyramid() -> str:
    given, gives = map(named, STAGES["laplacian"])
    split = "".join(
        f"""
    size{n} = Shape <start = 2> (low{n})
    low{n + 1} = Conv <group = 3, strides = [2, 2], pads = [2, 2, 2, 2]> (low{n}, kernel)
    {_enlarged(f"wide{n}", f"low{n + 1}", n)}
    high{n} = Sub (low{n}, wide{n})
    {_of_one_strength(f"level{n}", f"high{n}")}"""
        for n in range(LEVELS)
    )
    merged = "".join(
        f"""
    {_enlarged(f"grown{n}", f"merged{n + 1}", n)}
    merged{n} = Add (grown{n}, level{n})"""
        for n in reversed(range(LEVELS))
    )
    return f"""
    kernel = {_floats([BINOMIAL] * 3, COLOURS)}
    wider = {_floats([BINOMIAL * 4] * 3, COLOURS)}
    least = Constant <value = float {{1e-10}}> ()
    most = Constant <value = float {{3e38}}> ()
    begin = Constant <value = int64[2] {{0, 0}}> ()
    axes = Constant <value = int64[2] {{2, 3}}> ()
    zeroth = {_integer(0)}
    first = {_integer(1)}
    strength = Slice (shaping, zeroth, first)
    power = Neg (strength)
    low0 = Identity ({given})
    {split}
    {_of_one_strength(f"merged{LEVELS}", f"low{LEVELS}")}
    {merged}
    {_even(gives, "merged0")}
"""


def _enlarged(gives: str, given: str, level: int) -> str:
    """Return nodes that double `given`; what has an odd side loses a row or column again."""
    return f"""
    {gives}_even = ConvTranspose <group = 3, strides = [2, 2], pads = [2, 2, 2, 2],
                                  output_padding = [1, 1]> ({given}, wider)
    {gives} = Slice ({gives}_even, begin, size{level}, axes)"""


def _of_one_strength(gives: str, given: str) -> str:
    """Return nodes that divide `given` by its root mean square, to the power of the strength."""
    return f"""
    {gives}_squares = Mul ({given}, {given})
    {gives}_mean = ReduceMean ({gives}_squares)
    {gives}_root = Sqrt ({gives}_mean)
    {gives}_rms = Clip ({gives}_root, least, most)
    {gives}_factor = Pow ({gives}_rms, power)
    {gives} = Mul ({given}, {gives}_factor)"""


# --- a Gaussian -----------------------------------------------------------------------------------


def _gaussian() -> str:
    given, gives = map(named, STAGES["smooth"])
    half = TAPS // 2
    return f"""
    second = {_integer(2)}
    end = {_integer(2 + TAPS)}
    one = {_integer(1)}
    taps = Slice (shaping, second, end)
    down_shape = Constant <value = int64[4] {{1, 1, {TAPS}, 1}}> ()
    across_shape = Constant <value = int64[4] {{1, 1, 1, {TAPS}}}> ()
    down = Reshape (taps, down_shape)
    across = Reshape (taps, across_shape)
    downs = Concat <axis = 0> (down, down, down)
    acrosses = Concat <axis = 0> (across, across, across)
    height = Shape <start = 2, end = 3> ({given})
    width = Shape <start = 3, end = 4> ({given})
    column_shape = Concat <axis = 0> (one, one, height, one)
    row_shape = Concat <axis = 0> (one, one, one, width)
    unity = Constant <value = float {{1}}> ()
    column = Expand (unity, column_shape)
    row = Expand (unity, row_shape)
    column_sum = Conv <pads = [{half}, 0, {half}, 0]> (column, down)
    row_sum = Conv <pads = [0, {half}, 0, {half}]> (row, across)
    sums = Mul (column_sum, row_sum)
    in_columns = Conv <group = 3, pads = [{half}, 0, {half}, 0]> ({given}, downs)
    in_rows = Conv <group = 3, pads = [0, {half}, 0, {half}]> (in_columns, acrosses)
    uneven = Div (in_rows, sums)
    {_even(gives, "uneven")}
"""


# --- total variation ------------------------------------------------------------------------------


def _flattening() -> str:
    given, gives = map(named, STAGES["total_variation"])
    return f"""
    zero = {_integer(0)}
    one = {_integer(1)}
    two = {_integer(2)}
    minus_one = {_integer(-1)}
    last = {_integer(LAST)}
    down = {_integer(2)}
    across = {_integer(3)}
    weight = Slice (shaping, one, two)
    range = Sub (high, low)
    white = Constant <value = float {{255}}> ()
    unit = Div (white, range)
    picture = Mul (image, unit)
    {_differences("down")}
    {_differences("across")}
    down_square = Mul (down_step, down_step)
    across_square = Mul (across_step, across_step)
    squares = Add (down_square, across_square)
    soft = Constant <value = float {{{SOFT * SOFT}}}> ()
    softened = Add (squares, soft)
    length = Sqrt (softened)
    {_divergence("down")}
    {_divergence("across")}
    inwards = Add (down_flow, across_flow)
    pull = Mul (inwards, weight)
    {gives} = Add ({given}, pull)
"""


def _differences(axis: str) -> str:
    """Return nodes for the next value along an axis minus this one; the last one's is the first."""
    return f"""
    {axis}_rest = Slice (picture, one, last, {axis})
    {axis}_first = Slice (picture, zero, one, {axis})
    {axis}_next = Concat <axis = {2 if axis == "down" else 3}> ({axis}_rest, {axis}_first)
    {axis}_step = Sub ({axis}_next, picture)"""


def _divergence(axis: str) -> str:
    """Return nodes for how much more of the unit slope leaves a value than comes to it."""
    return f"""
    {axis}_slope = Div ({axis}_step, length)
    {axis}_last = Slice ({axis}_slope, minus_one, last, {axis})
    {axis}_most = Slice ({axis}_slope, zero, minus_one, {axis})
    {axis}_before = Concat <axis = {2 if axis == "down" else 3}> ({axis}_last, {axis}_most)
    {axis}_flow = Sub ({axis}_slope, {axis}_before)"""


NODES = {"laplacian": _pyramid(), "smooth": _gaussian(), "total_variation": _flattening()}


def begin_model() -> onnx.ModelProto:
    """Return the fragment before all stages, as a model of its own."""
    gradient = {"gradient": GRADIENT_OUTPUTS["gradient"]}
    graph = parsed("begin", {**gradient, **SHAPING_INPUTS}, MEASURED, BEGIN)
    prefix_names(graph, "ascent/begin/")
    return checked(graph)


def stage_model(stage: str) -> onnx.ModelProto:
    """Return the fragment of a stage as a model of its own, given all that any one reads."""
    given, gives = map(named, STAGES[stage])
    limits = {name: ADDED_INPUTS[name] for name in ("low", "high")}
    takes = {given: PICTURE, "image": PICTURE, **limits, **SHAPING_INPUTS}
    graph = parsed(stage, takes, {gives: PICTURE}, NODES[stage])
    prefix_names(graph, f"ascent/{stage}/")
    return checked(graph)


def begin_fragment() -> bytes:
    """Return the bytes that are appended to a gradient file before all stages."""
    return fragment_of(begin_model().graph, SHAPING_INPUTS)


def stage_fragment(stage: str) -> bytes:
    """Return the bytes that are appended for a stage."""
    return fragment_of(stage_model(stage).graph)
