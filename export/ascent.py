"""The rest of a step, in ONNX: from a picture and its gradient to the next picture.

    factor = length / mean(|gradient|)                       in float32, whatever the network's type
    next   = roll(clip(image + factor * gradient, low, high))

The engine appends this fragment (export/fragments.py) to a gradient file and so gets one graph for
a whole step, whose picture never leaves the device. It holds no `image` and no `gradient`, which
the gradient file defines.

`rows` and `columns` say which row and column of the picture each one of `next` is: the shift to
the next step's jitter. They are tensors and not attributes, so a captured CUDA graph reads them
anew at each run.

Where the gradient is shaped first (export/shaping.py), another fragment ends the step:

    next   = roll(clip(image + length * shaped, low, high))
"""

from __future__ import annotations

import json

import onnx

from ort_deepdream.export.fragments import checked, fragment_of, named, parsed, prefix_names
from ort_deepdream.gradient_format import FORMAT, PREFIX
from ort_deepdream.step import (
    ADDED_INPUTS,
    ADDED_OUTPUTS,
    GRADIENT_INPUTS,
    GRADIENT_OUTPUTS,
    NO_GRADIENT,
    PACKED,
    PACKED_INPUTS,
    PACKED_OUTPUTS,
    PICTURE,
)

# What the fragment takes of the gradient file's own.
GIVEN = {**GRADIENT_INPUTS, "gradient": GRADIENT_OUTPUTS["gradient"]}
# What it takes of those that shape the gradient.
SHAPED = {named("shaped"): PICTURE, named("usable"): "bool", named("measured"): "float"}

# A mean below NO_GRADIENT is rounding, and dividing by it overflows; one that is NaN or above HUGE
# belongs to a gradient that is not finite. Neither may change the picture, and `Equal` with the
# clamped mean is false for both. OpenVINO leaves a reduction to a scalar to the CPU, and with it
# everything before it: hence Squeeze.
MEAN = f"""
    magnitude = Abs (gradient)
    kept = ReduceMean (magnitude)
    mean = Squeeze (kept)
    tiny = Constant <value = float {{{NO_GRADIENT}}}> ()
    huge = Constant <value = float {{3e38}}> ()
    zero = Constant <value = float {{0}}> ()
    clamped = Clip (mean, tiny, huge)
    usable = Equal (clamped, mean)
"""
ASCEND = f"""{MEAN}
    factor = Div (length, clamped)
    scaled = Mul (gradient, factor)
    change = Where (usable, scaled, zero)
    raised = Add (image, change)
"""

# CoreML has no Abs, Equal and Where: a gradient of nothing changes nothing all the same, and one
# that is not finite makes a picture that is not.
ASCEND_COREML = f"""
    minus = Constant <value = float {{-1}}> ()
    turned = Mul (gradient, minus)
    magnitude = Max (gradient, turned)
    kept = ReduceMean (magnitude)
    mean = Squeeze (kept)
    tiny = Constant <value = float {{{NO_GRADIENT}}}> ()
    huge = Constant <value = float {{3e38}}> ()
    clamped = Clip (mean, tiny, huge)
    factor = Div (length, clamped)
    change = Mul (gradient, factor)
    raised = Add (image, change)
"""

# `usable` and `mean` are of the gradient as it was before it was shaped.
ASCEND_SHAPED = f"""
    mean = Identity ({named("measured")})
    zero = Constant <value = float {{0}}> ()
    scaled = Mul ({named("shaped")}, length)
    change = Where ({named("usable")}, scaled, zero)
    raised = Add (image, change)
"""

# No value on the host: every provider has Gather, and its indices may lie on the device. WebGPU has
# neither Max nor Min.
PORTABLE = """
    below = Less (raised, low)
    floored = Where (below, low, raised)
    above = Greater (floored, high)
    clipped = Where (above, high, floored)
    lowered = Gather <axis = 2> (clipped, rows)
    next = Gather <axis = 3> (lowered, columns)
"""

# On the CPU Gather along the last axis copies value by value: 4 ms for 512x512, where two slices
# take 0.6. The indices of a roll begin at the shift.
CPU = """
    floored = Max (raised, low)
    clipped = Min (floored, high)
    first = Constant <value = int64[1] {0}> ()
    second = Constant <value = int64[1] {1}> ()
    end = Constant <value = int64[1] {9223372036854775807}> ()
    down = Constant <value = int64[1] {2}> ()
    across = Constant <value = int64[1] {3}> ()
    row = Slice (rows, first, second)
    column = Slice (columns, first, second)
    lower = Slice (clipped, row, end, down)
    upper = Slice (clipped, first, row, down)
    lowered = Concat <axis = 2> (lower, upper)
    right = Slice (lowered, column, end, across)
    left = Slice (lowered, first, column, across)
    next = Concat <axis = 3> (right, left)
"""

# What is packed in a block is taken apart on the device, at places that are known for one size.
UNPACK = """
    none = Constant <value = int64[1] {0}> ()
    picture_height = Shape <start = 2, end = 3> (image)
    picture_width = Shape <start = 3, end = 4> (image)
    both = Add (picture_height, picture_width)
    last = Constant <value = int64[1] {9223372036854775807}> ()
    whole = Cast <to = 7> (move)
    rows = Slice (whole, none, picture_height)
    columns = Slice (whole, picture_height, both)
    length = Slice (move, both, last)
"""
CUDA = """
    floored = Max (raised, low)
    clipped = Min (floored, high)
    lowered = Gather <axis = 2> (clipped, rows)
    next = Gather <axis = 3> (lowered, columns)
    one_number = Constant <value = int64[1] {1}> ()
    objectives = Reshape (objective, one_number)
    means = Reshape (mean, one_number)
    report = Concat <axis = 0> (objectives, means)
"""

# Nor Min and Gather; GatherND takes whole rows along the first axis.
COREML = """
    below = Constant <value = float {-1}> ()
    floored = Max (raised, low)
    upside = Mul (floored, below)
    ceiling = Mul (high, below)
    limited = Max (upside, ceiling)
    clipped = Mul (limited, below)
    last = Constant <value = int64[1] {1}> ()
    row = Unsqueeze (rows, last)
    column = Unsqueeze (columns, last)
    by_row = Transpose <perm = [2, 0, 1, 3]> (clipped)
    lowered = GatherND (by_row, row)
    by_column = Transpose <perm = [3, 1, 2, 0]> (lowered)
    moved = GatherND (by_column, column)
    next = Transpose <perm = [1, 2, 3, 0]> (moved)
"""

BEGINNINGS = {"cuda": UNPACK}  # by graph target
ENDS = {"cpu": CPU, "portable": PORTABLE, "cuda": CUDA, "coreml": COREML}


# The smallest gradient file: objective 1/2 sum(image^2), whose gradient is the picture itself. It
# has a convolution, for the libraries that are loaded with the first one may be the wrong ones.
PROBE = """
    square = Mul (image, image)
    half = Constant <value = float {0.5}> ()
    kept = ReduceSum (square)
    sum = Squeeze (kept)
    objective = Mul (sum, half)
    same = Constant <value = float[3, 3, 1, 1] {1, 0, 0, 0, 1, 0, 0, 0, 1}> ()
    gradient = Conv (image, same)
"""


def ascent_model(target: str) -> onnx.ModelProto:
    """Return the fragment for a graph target as a model of its own, which is also given GIVEN.

    One that gives blocks is given the objective too.
    """
    return checked(_end(target, ASCEND_COREML if target == "coreml" else ASCEND, GIVEN))


def shaped_ascent_model(target: str) -> onnx.ModelProto:
    """Return the fragment that ends a step whose gradient is shaped, as a model of its own."""
    return checked(_end(target, ASCEND_SHAPED, {**GRADIENT_INPUTS, **SHAPED}))


def ascent_fragment(target: str) -> bytes:
    """Return the bytes that are appended to a gradient file for a graph target."""
    takes, gives = _added(target)
    return fragment_of(ascent_model(target).graph, takes, gives)


def shaped_ascent_fragment(target: str) -> bytes:
    """Return the bytes that are appended behind those that shape the gradient."""
    takes, gives = _added(target)
    return fragment_of(shaped_ascent_model(target).graph, takes, gives)


def _added(target: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the inputs and outputs of a step that a gradient file does not have."""
    if target in PACKED:
        return PACKED_INPUTS, PACKED_OUTPUTS
    return ADDED_INPUTS, ADDED_OUTPUTS


def _end(target: str, ascend: str, given: dict[str, str]) -> onnx.GraphProto:
    takes, gives = _added(target)
    objective = {"objective": GRADIENT_OUTPUTS["objective"]} if target in PACKED else {}
    nodes = BEGINNINGS.get(target, "") + ascend + ENDS[target]
    graph = parsed("ascent", {**given, **objective, **takes}, gives, nodes)
    prefix_names(graph, "ascent/")
    return graph


def probe_model() -> onnx.ModelProto:
    """Return a network of no layers, to see whether an execution provider works at all."""
    model = checked(parsed("probe", GRADIENT_INPUTS, GRADIENT_OUTPUTS, PROBE))
    description = {
        "format": FORMAT,
        "architecture": "none",
        "layers": json.dumps([{"layer": "image", "channel": None, "weight": 1.0}]),
        "objective": "half_square_sum",
        "stride": "1",
        "preprocessing": json.dumps({"order": [0, 1, 2], "mean": [127.5] * 3, "scale": [1.0] * 3}),
        "weights": json.dumps({"identity": "none", "kind": "none", "sha256": "0" * 64}),
        "target": "portable",
    }
    onnx.helper.set_model_props(model, {PREFIX + key: value for key, value in description.items()})
    return model
