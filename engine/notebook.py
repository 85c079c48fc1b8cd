"""What a dream, a picture and a model look like in a notebook.

Plain HTML and SVG without scripts or widgets: it shows in Jupyter, Colab and VS Code alike, and is
still there when a stored notebook is opened. Text from files is escaped.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from PIL.Image import Image

from ort_deepdream.text import clean

SIDE = 384  # pixels of a thumbnail's longer side: its JPEG has about 40 kB
PLOT = (384, 96)  # pixels
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")


def picture_html(image: Image, caption: str) -> str:
    """Return a thumbnail, with a caption below. `image` itself is made smaller."""
    return _div(_img(_thumbnail(image)), _note(caption))


def dream_html(
    photo: Image,
    dreamt: Image,
    caption: str,
    objectives: Sequence[Sequence[float]],
    facts: Mapping[str, Any],
) -> str:
    """Return a dream with its photograph over a half of it, objectives by octave, and a table.

    Both images themselves are made smaller.
    """
    slider = _slider(_thumbnail(photo), _thumbnail(dreamt))
    return _div(slider, _note(caption), _plot(objectives), table_html(facts))


def table_html(facts: Mapping[str, Any]) -> str:
    """Return a table with a row for each name and value."""
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(clean(str(value)))}</td></tr>'
        for name, value in facts.items()
    )
    return f"<table>{rows}</table>"


def _thumbnail(image: Image) -> Image:
    """Return `image` itself, made smaller if its longer side is above SIDE."""
    profile = image.info.get("icc_profile")
    image.thumbnail((SIDE, SIDE))
    if profile:
        image.info["icc_profile"] = profile
    return image


def _img(image: Image, style: str = "") -> str:
    kind = "PNG" if image.mode == "RGBA" else "JPEG"  # which knows no transparency
    file = io.BytesIO()
    image.save(file, kind, icc_profile=image.info.get("icc_profile"))
    data = base64.b64encode(file.getvalue()).decode()
    # Explicit, for notebooks' own style makes images as wide as what they are in.
    fixed = f"width:{image.width}px;height:{image.height}px;max-width:none;margin:0;{style}"
    return f'<img src="data:image/{kind.lower()};base64,{data}" style="{fixed}">'


def _slider(before: Image, after: Image) -> str:
    """Return `before` over the left half of `after`; its right edge can be dragged by its corner.

    By `resize`: a script would not run in a notebook that is only opened.
    """
    width, height = after.size
    left = (
        f"position:absolute;top:0;left:0;width:50%;min-width:16px;max-width:100%;"
        f"height:{height}px;overflow:hidden;resize:horizontal;border-right:2px solid #fff"
    )
    return (
        f'<div style="position:relative;width:{width}px;height:{height}px">{_img(after)}'
        f'<div style="{left}" title="drag the lower corner">{_img(before)}</div></div>'
    )


def _plot(octaves: Sequence[Sequence[float]]) -> str:
    """Return the objectives of all steps as SVG, a curve for each octave, from 0 upwards."""
    known = [value for values in octaves for value in values if math.isfinite(value)]
    if not known:
        return ""
    (width, height), pad = PLOT, 4
    low, high = min(0.0, *known), max(0.0, *known)
    across = (width - 2 * pad) / max(1, sum(map(len, octaves)) - 1)
    up = (height - 2 * pad) / (high - low or 1.0)
    curves, step = [], 0
    for number, values in enumerate(octaves):
        points = [
            (pad + (step + n) * across, height - pad - (value - low) * up)
            for n, value in enumerate(values)
            if math.isfinite(value)
        ]
        step += len(values)
        curves.append(_curve(points, COLOURS[number % len(COLOURS)]))
    return (
        f'<svg width="{width}" height="{height}" role="img" style="display:block">'
        f"<title>the objective, step by step, by octave</title>{''.join(curves)}"
        f'<text x="{pad}" y="14" font-size="11" fill="currentColor">'
        f"objective, up to {max(known):.3g}</text></svg>"
    )


def _curve(points: list[tuple[float, float]], colour: str) -> str:
    """Return a line through the points, with a dot at each: one point alone would not show."""
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/>' for x, y in points)
    line = f'<polyline points="{line}" fill="none" stroke="{colour}"/>'
    return f'<g fill="{colour}">{line}{dots}</g>'


def _note(text: str) -> str:
    return f"<div><small>{escape(clean(text))}</small></div>"


def _div(*parts: str) -> str:
    return f"<div>{''.join(parts)}</div>"
