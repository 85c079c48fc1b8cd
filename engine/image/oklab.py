"""Lightness and colour apart: Björn Ottosson's Oklab, from sRGB and back.

In Oklab equal lightness looks equally light whatever the colour, and a colour made lighter keeps
its hue. CIELAB turns blue to purple; in luma, which video keeps apart, blue is nearly black.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
FROM_CONES = np.linalg.inv(TO_CONES.astype(np.float64)).astype(np.float32)
FROM_LAB = np.linalg.inv(TO_LAB.astype(np.float64)).astype(np.float32)

BAND = 1 << 16  # pixels at once, so that a large picture takes little memory beside itself
HALVINGS = 8  # of the chroma that sRGB has room for: to a 256th, less than a level


def oklab(rgb: Array) -> Array:
    """Return lightness, a and b [N, 3] of sRGB [N, 3] in 0..255; lightness is 0..1."""
    values = rgb / np.float32(255)
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return np.cbrt(light @ TO_CONES.T) @ TO_LAB.T


def srgb(lab: Array) -> Array:
    """Return sRGB [N, 3] of Oklab [N, 3]; what sRGB has not is below 0 or above 255."""
    light = (lab @ FROM_LAB.T) ** 3 @ FROM_CONES.T
    values = np.where(
        light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055
    )
    return values * np.float32(255)


def recolour(light: Array, colours: Array) -> Array:
    """Return the lightness of one picture in the colours of another, all [H, W, 3] in 0..255.

    Where sRGB has no such colour so light or so dark it is paler, in the same hue.
    """
    made = np.empty_like(colours, np.float32)
    flat, light, colours = (a.reshape(-1, 3) for a in (made, light, colours))
    for first in range(0, len(flat), BAND):
        band = slice(first, first + BAND)
        lab = oklab(colours[band])
        lab[:, 0] = oklab(light[band])[:, 0]
        flat[band] = _within(lab)
    return made


def _within(lab: Array) -> Array:
    """Return sRGB of Oklab, with as much of the chroma as there is room for."""
    rgb = srgb(lab)
    outside = np.flatnonzero(~_fits(rgb))
    if len(outside):
        lab = lab[outside]
        most = np.zeros((len(lab), 1), np.float32)
        for halving in range(1, HALVINGS + 1):
            tried = most + np.float32(0.5**halving)
            most = np.where(_fits(srgb(_paler(lab, tried)))[:, None], tried, most)
        rgb[outside] = srgb(_paler(lab, most))
    return np.clip(rgb, 0, 255)


def _paler(lab: Array, share: Array) -> Array:
    return np.concatenate([lab[:, :1], lab[:, 1:] * share], axis=1)


def _fits(rgb: Array) -> NDArray[np.bool_]:
    """Return which of the colours sRGB has, but for a rounding.

    Half a level outside would be too much: near black, what is cut off there is most of the colour.
    """
    fits: NDArray[np.bool_] = np.logical_and.reduce((rgb > -0.02) & (rgb < 255.02), axis=1)
    return fits
